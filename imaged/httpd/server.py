"""cheroot's WSGI server with our repairs:

* no thread is spent on a connection before the head of a request is whole, and the TLS handshake keeps nobody waiting;
* there may be so many connections, so many from one address, and a request waits only so long for a thread: who is too many is told;
* a body that the application leaves unread is never read into memory: the connection closes, after a bounded linger;
* headers that could be read in two ways are refused; so is chunked encoding, which the application sees as a body without length;
* what the application yields goes to the socket as it is, without copies.
"""

import contextlib
import errno
import logging
import os
import selectors
import socket
import ssl
import stat
import threading
import time
from collections.abc import Callable
from typing import Any

import cheroot.connections
import cheroot.wsgi

from imaged.httpd import linger, tls
from imaged.httpd import threads as threads_
from imaged.httpd.body import shut
from imaged.httpd.connection import MAX_HEADERS, REFUSAL_TIMEOUT, RETRY_AFTER, Connection
from imaged.httpd.gateway import Gateway
from imaged.httpd.limits import Limits

log = logging.getLogger(__name__)

#: Connections of one server, and those of them from one address, unless it is told otherwise.
MAX_CONNECTIONS, MAX_CONNECTIONS_EACH = 4096, 2048
#: Connections that may wait to be told that they are one too many; those beyond are closed without a word.
MAX_REFUSED = 256
#: Seconds that a request waits for a thread before it is told that there is none.
PATIENCE = 10.0


class Manager(cheroot.connections.ConnectionManager):
    """cheroot's thread that accepts connections and watches those without a thread, each with its own deadline."""

    server: "Server"
    _selector: Any
    _deaf = False

    def wait(self, conn: Connection) -> None:
        """It has a thread again when something comes."""
        self._selector.register(conn.socket.fileno(), selectors.EVENT_READ, data=conn)

    def _expire(self, threshold: float) -> None:
        now = time.monotonic()
        waiting = [(number, conn) for number, conn in self._selector.connections if conn is not self.server]
        for number, conn in waiting:
            if conn.deadline < now:
                self._selector.unregister(number)
                conn.expire()
        self.server.dismiss()
        if self._deaf:
            self._deaf = False
            self._selector.register(self.server.socket.fileno(), selectors.EVENT_READ, data=self.server)

    def _from_server_socket(self, server_socket: socket.socket) -> Connection | None:
        try:
            return super()._from_server_socket(server_socket)  # type: ignore[misc]  # which cheroot's types leave out
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            # It stays in the kernel's queue, and the selector would tell of it again at once, and again.
            log.error("No connection can be accepted: %s", error.strerror)
            self._selector.unregister(server_socket.fileno())
            self._deaf = True
            return None


class Server(cheroot.wsgi.Server):
    """An HTTP/1.1 server for `app` on `bind`: (host, port) or the path of a unix socket, which only its owner may use.

    `threads` is how many requests run at once, `timeout` (seconds) how long a peer may be silent, `max_connections` how many connections
    there may be, `max_connections_each` how many of them from one address; a unix socket has no such limits. `tls` is a context of
    `httpd.tls`, or None. Requests that run when it stops have `shutdown_timeout` seconds to end. After `prepare()` (or `launch()`),
    `bind_addr` has the real port.
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
        max_connections: int = MAX_CONNECTIONS,
        max_connections_each: int = MAX_CONNECTIONS_EACH,
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
        threads_.wake_newest(self.requests._queue)
        self.lingering = linger.Linger()
        self._limits = None if isinstance(bind, str) else Limits(max_connections, max_connections_each)
        self._refused: set[Connection] = set()
        #: Connections whose threads wait for a head.
        self.staying: set[Connection] = set()

    def prepare(self) -> None:
        super().prepare()
        self._connections.close()
        self._connections = Manager(self)

    def launch(self) -> threading.Thread:
        """Binds, listens, and serves in a thread of its own. Raises OSError where the address cannot be had."""
        self.prepare()
        thread = threading.Thread(target=self.serve, name=f"serve {self.bind_addr}", daemon=True)
        thread.start()
        return thread

    def renew(self, tls: ssl.SSLContext) -> None:
        """Connections from now on are under this context; those that are there go on as they are."""
        self.ssl_adapter = _adapter(tls)

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
            conn.queued = time.monotonic()
            super().process_conn(conn)
            return
        conn.greeted = True
        if self._admit(conn):
            self._connections.wait(conn)
        else:
            conn.close()

    def spares_thread(self) -> bool:
        """May a thread wait for its client's next request? Not when somebody waits for a thread, and not half of the threads."""
        return not self.requests._queue.queue and len(self.staying) < self.numthreads // 2

    def put_conn(self, conn: Connection) -> None:
        """What a worker is done with for now: it waits for more, as long as its deadline allows."""
        if not self.ready:
            conn.close()
        elif conn.idle:
            self._connections.wait(conn)
        else:
            # Here already, or decrypted already: the selector would not see it.
            self.process_conn(conn)

    def dismiss(self) -> None:
        """Tells those who have waited too long for a thread."""
        queue = self.requests._queue
        while True:
            with queue.mutex:
                # There are words for the threads too in the queue, when it stops.
                oldest = queue.queue[0] if queue.queue else None
                if not isinstance(oldest, Connection) or oldest.queued > time.monotonic() - PATIENCE:
                    return
                queue.queue.popleft()
            log.warning("There is no thread for %s: all of them are busy", oldest.remote_addr or "a client on this host")
            oldest.refuse("503 Service Unavailable", "All threads are busy", "Error-Code: busy", f"Retry-After: {RETRY_AFTER}")
            oldest.close()

    def forget(self, conn: Connection) -> None:
        """The connection ends."""
        if conn.counted:
            conn.counted = False
            assert self._limits
            self._limits.leave(conn.remote_addr)
        self._refused.discard(conn)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        if msg.startswith("socket.error"):
            # A client's connection that broke (the application's own such errors come as others): nothing to warn of.
            level, traceback = logging.INFO, False
        log.log(level, "%s", msg, exc_info=traceback)

    def _admit(self, conn: Connection) -> bool:
        """False: it is so much too many that it is not even told."""
        if self._limits is None:
            return True
        conn.refused = self._limits.enter(conn.remote_addr)
        conn.counted = conn.refused is None
        if conn.counted:
            return True
        log.info("%s: %s", conn.remote_addr, conn.refused)
        if len(self._refused) >= MAX_REFUSED:
            return False
        self._refused.add(conn)
        conn.deadline = time.monotonic() + REFUSAL_TIMEOUT
        return True


def _adapter(context: ssl.SSLContext | None) -> tls.Adapter | None:
    return tls.Adapter(context) if context else None


def _break_off(conn: Connection | None) -> None:
    if conn:
        shut(conn.socket, socket.SHUT_RDWR)
