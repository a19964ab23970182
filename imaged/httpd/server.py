"""cheroot's WSGI server with our repairs:

* no thread is spent on a connection before it has something to say, and the TLS handshake runs in a worker;
* a body that the application leaves unread is never read into memory: the connection closes, after a bounded linger;
* headers that could be read in two ways are refused; so is chunked encoding, which the application sees as a body without length;
* what the application yields goes to the socket as it is, without copies.
"""

import contextlib
import logging
import os
import re
import socket
import ssl
import stat
import threading
import time
from collections.abc import Callable
from typing import Any

import cheroot.server
import cheroot.wsgi

from imaged.httpd import linger, tls
from imaged.httpd.body import shut

log = logging.getLogger(__name__)

#: Bytes of request line and headers together.
MAX_HEADERS = 32 << 10
#: Seconds that a TLS client has for its handshake.
HANDSHAKE_TIMEOUT = 10.0

_TOKEN = re.compile(rb"[!#$%&'*+.^`|~0-9A-Za-z_-]+")
#: Headers that decide where a message ends or whom it is for: two of them are an attack, not a list.
_SINGLE = {b"Content-Length", b"Transfer-Encoding", b"Host", b"Authorization", b"Content-Range", b"Range", b"Content-Digest"}


def read_headers(rfile: Any, headers: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The header lines up to the empty one. Stricter than cheroot's reader: whatever could be understood in two ways is ValueError."""
    while True:
        line = rfile.readline()
        if line == b"\r\n":
            break
        if not line.endswith(b"\r\n"):
            raise ValueError("Every header must end in CRLF")
        name, colon, value = line[:-2].partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            raise ValueError("Illegal header line")
        if b"_" in name:
            continue  # CGI writes "-" as "_": X_Y would pass for X-Y.
        name, value = name.title(), value.strip()
        if b"\0" in value or b"\r" in value or b"\n" in value:
            raise ValueError("Illegal character in a header")
        if name in headers:
            if name in _SINGLE:
                raise ValueError(f"{name.decode()} is given twice")
            value = headers[name] + b", " + value
        headers[name] = value
    if b"Content-Length" in headers:
        if b"Transfer-Encoding" in headers:
            raise ValueError("Content-Length and Transfer-Encoding exclude each other")
        # int() would also take +5, -5, 1_000: and then what?
        if not re.fullmatch(rb"[0-9]{1,20}", headers[b"Content-Length"]):
            raise ValueError("Invalid Content-Length: must be a number of bytes")
    return headers


class Abort(Exception):
    """Raised by an application that is answering: the rest cannot be had, and the connection ends without it."""


class Request(cheroot.server.HTTPRequest):
    header_reader = staticmethod(read_headers)

    def respond(self) -> None:
        # Its end can only be found by reading it: the application says no (there is no Content-Length), and the connection ends.
        self.unframed = b"Transfer-Encoding" in self.inheaders
        self.chunked_read = False
        if self.unframed:
            self.close_connection = True
        super().respond()
        if self.close_connection and (self.unframed or self.rfile.remaining):
            self.conn.drain()

    def send_headers(self) -> None:
        says_close = any(name.lower() == b"connection" and value.lower() == b"close" for name, value in self.outheaders)
        # cheroot would read the rest of the body into memory to keep the connection.
        if says_close or self.rfile.remaining or self.conn.close_after_answer:
            self.close_connection = True
        super().send_headers()

    def simple_response(self, status: str, msg: str = "") -> None:
        """cheroot's own refusals, in the form of ours: a line of text and `Error-Code`."""
        text = f"{msg or status}\n".encode("latin-1", "replace")
        head = [
            f"{self.server.protocol} {status}",
            f"Content-Length: {len(text)}",
            "Content-Type: text/plain; charset=UTF-8",
            "Error-Code: internal" if status.startswith("5") else "Error-Code: bad-request",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
        ]
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.conn.socket.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + text)
            self.conn.drain()


class Connection(cheroot.server.HTTPConnection):
    RequestHandlerClass = Request

    def __init__(self, server: "Server", sock: socket.socket, makefile: Callable):
        super().__init__(server, sock, makefile)
        #: Seconds of silence, within a request or between two, after which the connection ends.
        self.timeout: float = server.timeout
        self.close_after_answer = False
        #: Has been heard of: a worker was given it.
        self.greeted = False
        self._handshaken = not isinstance(sock, ssl.SSLSocket)
        self._lingers = False

    def communicate(self) -> bool:
        """Serves one request, or shakes hands. True: the connection stays open."""
        if not self._handshaken:
            # The request is waited for in the selector: a browser that connects ahead of need costs no thread.
            return self._handshake()
        return bool(super().communicate())

    def drain(self) -> None:
        """Throws away what still comes, for a bounded time: closing with bytes unread would reset the connection under the answer."""
        self._lingers = True
        self.server.lingering.add(self.socket)

    def _close_kernel_socket(self) -> None:
        # Shutting it down would end the lingering too.
        if not self._lingers:
            super()._close_kernel_socket()  # type: ignore[misc]  # which cheroot's types leave out

    def _handshake(self) -> bool:
        try:
            self.socket.settimeout(min(self.timeout, HANDSHAKE_TIMEOUT))
            self.socket.do_handshake()
            self.socket.settimeout(self.timeout)
        except ssl.SSLError as error:
            if tls.speaks_http(error):
                self._refuse_plain_http()
            else:
                log.info("TLS handshake with %s failed: %s", self.remote_addr, error.reason or error)
            return False
        except OSError as error:
            log.info("TLS handshake with %s failed: %s", self.remote_addr, error)
            return False
        self._handshaken = True
        return True

    def _refuse_plain_http(self) -> None:
        text = b"This port speaks HTTPS: use https:// in the address.\n"
        head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=UTF-8\r\nError-Code: bad-request\r\nConnection: close\r\n"
        with contextlib.suppress(OSError):
            socket.socket.sendall(self.socket, f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
        self.drain()


class Gateway(cheroot.wsgi.Gateway_10):
    """Calls the application, and sends what it yields: bytes, or memoryviews that it may fill again afterwards."""

    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]
        environ: dict[str, Any] = super().get_environ()
        environ["httpd.connection"] = self.req.conn
        return environ

    def respond(self) -> None:
        # cheroot takes every OSError for the client's: one from a file would end in an empty answer and an empty log.
        try:
            response = self.req.server.wsgi_app(self.env, self.start_response)
            chunks = iter(response)
        except OSError as error:
            raise RuntimeError("The application failed") from error
        try:
            while True:
                try:
                    chunk = next(chunks, None)
                except OSError as error:
                    raise RuntimeError("The application failed while answering") from error
                if chunk is None:
                    break
                if len(chunk):
                    self._send(chunk)
            self.req.ensure_headers_sent()
        except Abort as error:
            log.info("An answer to %s was broken off: %s", self.req.conn.remote_addr, error)
            self.req.sent_headers = self.req.close_connection = True
            # The last chunk would say that this was all.
            self.req.chunked_write = False
        finally:
            if hasattr(response, "close"):
                response.close()

    def _send(self, chunk: bytes | memoryview) -> None:
        self.req.ensure_headers_sent()
        if self.req.chunked_write:
            self.req.write(bytes(chunk))
            return
        # Not sendall: its timeout is for the whole, and a slow reader is not a dead one.
        rest = memoryview(chunk)
        while rest:
            rest = rest[self.req.conn.socket.send(rest) :]


class Server(cheroot.wsgi.Server):
    """An HTTP/1.1 server for `app` on `bind`: (host, port) or the path of a unix socket, which only its owner may use.

    `threads` is how many requests run at once, `timeout` (seconds) how long a peer may be silent. `tls` is a context of `httpd.tls`, or
    None. After `prepare()` (or `launch()`), `bind_addr` has the real port.
    """

    ConnectionClass = Connection
    keep_alive_conn_limit = None  # type: ignore[assignment]
    max_request_header_size = MAX_HEADERS
    _connections: Any

    def __init__(
        self,
        bind: tuple[str, int] | str,
        app: Callable,
        *,
        threads: int,
        tls: ssl.SSLContext | None = None,
        timeout: float = 60,
        name: str = "imaged",
        shutdown_timeout: float = 2,
    ):
        super().__init__(
            bind,
            app,
            numthreads=threads,
            max=threads,
            server_name=name,
            request_queue_size=128,
        )
        self.timeout: float = timeout
        self.shutdown_timeout: float = shutdown_timeout
        self.gateway = Gateway
        self.ssl_adapter = _adapter(tls)
        self.requests._force_close = _break_off
        self.lingering = linger.Linger()

    def launch(self) -> threading.Thread:
        """Binds, listens, and serves in a thread of its own. Raises OSError where the address cannot be had."""
        self.prepare()
        thread = threading.Thread(target=self.serve, name=f"serve {self.bind_addr}", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Answers what is running for at most `shutdown_timeout`, then breaks it off. The socket's file goes."""
        path = self.bind_addr if isinstance(self.bind_addr, str) else None
        was_ready = self.ready
        super().stop()
        self.lingering.close()
        if path and was_ready:
            with contextlib.suppress(OSError):
                os.unlink(path)

    def bind_unix_socket(self, bind_addr: str) -> socket.socket:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(os.lstat(bind_addr).st_mode):
                raise OSError(f"{bind_addr} exists and is not a socket")
        return super().bind_unix_socket(bind_addr)

    @staticmethod
    def bind_socket(sock: socket.socket, bind_addr: tuple[str, int] | str) -> socket.socket:
        if sock.family == socket.AF_UNIX:
            # Linux gives the file the mode that the socket has before it is bound: there is no moment at which others may connect.
            os.fchmod(sock.fileno(), 0o600)
        sock.bind(bind_addr)
        return sock

    def process_conn(self, conn: Connection) -> None:
        """A new connection waits in the selector until it says something; then a worker has it."""
        if conn.greeted:
            super().process_conn(conn)
        else:
            conn.greeted = True
            self._connections.put(conn)

    def put_conn(self, conn: Connection) -> None:
        """An answered connection waits for its next request, as long as its own timeout allows."""
        if isinstance(conn.socket, ssl.SSLSocket) and conn.socket.pending():
            # Decrypted already: the selector would not see it.
            super().process_conn(conn)
            return
        super().put_conn(conn)
        # The manager expires what was last used before now - server.timeout.
        conn.last_used = time.time() + conn.timeout - self.timeout

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        if msg.startswith("socket.error"):
            # A client's connection that broke (the application's own such errors come as others): nothing to warn of.
            level, traceback = logging.INFO, False
        log.log(level, "%s", msg, exc_info=traceback)


def _adapter(context: ssl.SSLContext | None) -> tls.Adapter | None:
    return tls.Adapter(context) if context else None


def _break_off(conn: Connection | None) -> None:
    if conn:
        shut(conn.socket, socket.SHUT_RDWR)
