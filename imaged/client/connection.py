"""Connections to a host, and a pool of them: requests whose bodies the caller moves, and answers that it reads."""

import contextlib
import json
import select
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Iterator

from imaged import response as responses
from imaged import sockets
from imaged.client.failures import Refused, unreachable

#: Seconds that a host has to accept a connection.
CONNECT_TIMEOUT = 10.0
#: Bytes that may be on their way in a unix socket (Linux gives at most net.core.wmem_max): meanwhile the next are received and decrypted.
SEND_BUFFER = 1 << 20
#: Idle connections kept; more are closed when they come back.
MAX_IDLE = 64
#: Seconds that a host's reason for taking no more is waited for: it has said it by then, or never will.
REASON_TIMEOUT = 5.0
#: Bytes of an error's body that are looked at.
MAX_ERROR = 64 << 10


class Response:
    """An answer: `status`, `reason`, `headers` (any case), and a body that must be read to its end if the connection is to be reused."""

    def __init__(self, address: str, sock: socket.socket, method: str):
        self._failing = unreachable(address)
        with self._failing:
            self._raw = responses.Raw(sock, method)
        self.status = self._raw.status
        self.reason = self._raw.reason
        self.headers = self._raw.headers

    @property
    def length(self) -> int | None:
        """Bytes still to be read; None where the server did not say."""
        return self._raw.length

    def read(self, count: int | None = None) -> bytes:
        """At most `count` bytes; b"" at the end. Raises Unreachable if it broke off."""
        with self._failing:
            return self._raw.read(count)

    def readinto(self, view: memoryview) -> int:
        """Fills `view` unless the body ends before, and returns how many bytes came: 0 at the end. Raises Unreachable if it broke off."""
        with self._failing:
            return self._raw.readinto(view)

    @property
    def reusable(self) -> bool:
        """Read to the end, and the server keeps the connection."""
        return self._raw.reusable


def refused(response: Response, body: bytes) -> Refused:
    """The daemon's no, from either of its forms: JSON, or a line of text with `Error-Code`."""
    code = response.headers.get("Error-Code") or "error"
    with contextlib.suppress(ValueError, AttributeError):
        value = json.loads(body[:MAX_ERROR])
        return Refused(response.status, value.get("code", code), value.get("message", response.reason), value.get("details"))
    text = body[:MAX_ERROR].decode("utf-8", "replace").strip()
    return Refused(response.status, code, text or response.reason)


class Connection:
    """One connection, one request at a time: `start`, then the body on `sock` (or `send`), then `response`."""

    def __init__(self, address: str, timeout: float, tls: ssl.SSLContext | None):
        self._address = address
        self._method = ""
        self._response: Response | None = None
        self._discarded = False
        self._failing = unreachable(address)
        with self._failing:
            self.sock: socket.socket = _connect(address, timeout, tls)
            self._patience = 0.0
            self.wait_at_most(timeout)

    def wait_at_most(self, seconds: float) -> None:
        """So long the host may be silent, or take nothing, from now on."""
        if seconds == self._patience:
            return
        self._patience = seconds
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.settimeout(seconds)
        else:
            self.sock.settimeout(None)
            sockets.wait_at_most(self.sock, seconds, socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)

    def start(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes | memoryview = b"") -> None:
        """Sends the request line and the headers, and `body` together with them; what follows of it is the caller's."""
        self._method, self._response = method, None
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers)]
        text = "\r\n".join(lines)
        if text.count("\r\n") != len(lines) - 1 or "\n" in text.replace("\r\n", ""):
            raise ValueError("A line break in a request's header")
        head = text.encode("latin-1") + b"\r\n\r\n"
        with self._failing:
            # At once, so that the other side wakes up once.
            sent = self.sock.sendmsg((head, body)) if body and not isinstance(self.sock, ssl.SSLSocket) else 0
            if sent < len(head):
                self.sock.sendall(head[sent:])
            if rest := memoryview(body)[max(0, sent - len(head)) :]:
                self.sock.sendall(rest)

    def send(self, data: bytes | memoryview) -> None:
        """Sends a part of the body. Raises Unreachable; even then `response` may have the reason."""
        with self._failing:
            self.sock.sendall(data)

    def response(self) -> Response:
        """The answer's head; interim (1xx) answers are skipped."""
        self._response = Response(self._address, self.sock, self._method)
        return self._response

    def reason(self) -> Response:
        """As `response`, where the host took no more of the request. Nothing can follow on this connection then."""
        self._discarded = True
        self.wait_at_most(min(self._patience, REASON_TIMEOUT))
        return self.response()

    def discard(self) -> None:
        """This connection is never used again."""
        self._discarded = True
        self.close()

    def interrupt(self) -> None:
        """From any thread: whoever waits on this connection gets Unreachable."""
        # Below TLS: SSLSocket's own method would pull the TLS state away from under who waits.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        self.sock.close()

    @property
    def reusable(self) -> bool:
        return not self._discarded and self._response is not None and self._response.reusable

    @property
    def alive(self) -> bool:
        """Idle and silent. Something to read between two requests is the other side's goodbye, or nothing that we could make sense of."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN | select.POLLRDHUP)
        return not poll.poll(0)


class Images:
    """Connections to a host's images service; thread-safe. `timeout` (seconds) is how long the host may be silent."""

    def __init__(self, address: str, *, timeout: float = 60, tls: ssl.SSLContext | None = None):
        _parse(address)
        self.address = address
        self._timeout = timeout
        self._tls = tls
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[Connection]:
        """A connection: an idle one that is still alive, or a new one. It is kept if its answer was read to the end. Raises Unreachable.

        A new one may take `timeout` seconds to be made, if that is less than the host may be silent.
        """
        connection = self._take() or Connection(self.address, min(timeout or self._timeout, self._timeout), self._tls)
        try:
            yield connection
        except BaseException:
            connection.discard()
            raise
        self._put(connection)

    def close(self) -> None:
        """Closes the idle connections; those in use go on."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.alive:
                return connection
            connection.close()

    def _put(self, connection: Connection) -> None:
        if connection.reusable:
            with self._lock:
                if len(self._idle) < MAX_IDLE:
                    self._idle.append(connection)
                    return
        connection.close()


def _parse(address: str) -> urllib.parse.SplitResult:
    parts = urllib.parse.urlsplit(address)
    if parts.scheme == "unix" and parts.path.startswith("/"):
        return parts
    if parts.scheme in ("http", "https") and parts.hostname:
        return parts
    raise ValueError(f"Invalid address {address!r}: must be unix:/path, https://host:port or http://host:port")


def _connect(address: str, timeout: float, tls: ssl.SSLContext | None) -> socket.socket:
    parts = _parse(address)
    limit = min(timeout, CONNECT_TIMEOUT)
    if parts.scheme == "unix":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        try:
            _knock(sock, parts.path, limit)
        except OSError:
            sock.close()
            raise
        return sock
    host = parts.hostname or ""
    sock = socket.create_connection((host, parts.port or (443 if parts.scheme == "https" else 80)), limit)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if parts.scheme == "http":
        return sock
    try:
        return (tls or ssl.create_default_context()).wrap_socket(sock, server_hostname=host)
    except OSError:
        sock.close()
        raise


def _knock(sock: socket.socket, path: str, timeout: float) -> None:
    """Connects to a unix socket. Raises TimeoutError, OSError."""
    # With Python's own timeout, a crowd that comes at once would be refused: Linux does not let a socket that may not block wait in line.
    sockets.wait_at_most(sock, timeout, socket.SO_SNDTIMEO)
    try:
        sock.connect(path)
    except BlockingIOError:
        raise TimeoutError("timed out") from None
