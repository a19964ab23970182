"""The daemon's client: control calls as methods, and a pool of connections to the images service.

An address is `unix:/path`, `https://host:port` or `http://host:port`.
"""

import contextlib
import json
import select
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from imaged import response as responses

#: Seconds that a host has to accept a connection.
CONNECT_TIMEOUT = 10.0
#: Seconds that it has for what waits for its disk: allocating a volume, bringing one to stable storage.
DISK = 300.0
#: Bytes that may be on their way in a unix socket (Linux gives at most net.core.wmem_max): meanwhile the next are received and decrypted.
SEND_BUFFER = 1 << 20
#: Idle connections kept; more are closed when they come back.
MAX_IDLE = 64
#: Bytes of an error's body that are looked at.
MAX_ERROR = 64 << 10


class Unreachable(Exception):
    """The host did not answer: connection refused, reset, timed out, or not HTTP."""

    def __init__(self, address: str, reason: object):
        super().__init__(f"{address} does not answer: {reason}")
        self.address = address
        self.reason = reason


class Refused(Exception):
    """The host answered no. `status` is HTTP's, `code` the daemon's stable word, `message` one line, `details` a dict."""

    def __init__(self, status: int, code: str, message: str, details: dict[str, Any] | None = None):
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details or {}


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
            self.sock.settimeout(timeout)

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
    def connection(self) -> Iterator[Connection]:
        """A connection: an idle one that is still alive, or a new one. It is kept if its answer was read to the end. Raises Unreachable."""
        connection = self._take() or Connection(self.address, self._timeout, self._tls)
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


class Control:
    """The control service of one host; thread-safe. Every method raises Unreachable, and Refused where the daemon says no."""

    def __init__(self, address: str, *, timeout: float = 10, tls: ssl.SSLContext | None = None):
        self.address = address
        self._timeout = timeout
        self._connections = Images(address, timeout=timeout, tls=tls)

    def close(self) -> None:
        self._connections.close()

    def info(self, timeout: float | None = None) -> dict:
        return self._call("GET", "/info", timeout=timeout)

    def certificate_request(self) -> str:
        """A request (CSR, PEM) for a new certificate; the host keeps the new key."""
        return self._call("POST", "/certificate/request")["request"]

    def install_certificate(self, certificate: str) -> None:
        """Gives the host the certificate (PEM, with the authority's behind it) for the last request; it is served from now on."""
        self._call("PUT", "/certificate", {"certificate": certificate})

    def domains(self) -> list[dict]:
        return self._call("GET", "/domains")["domains"]

    def domain(self, domain: str) -> dict:
        return self._call("GET", _path("domains", domain))

    def add_domain(self, domain: str, *, name: str, path: str) -> dict:
        return self._call("PUT", _path("domains", domain), {"name": name, "path": path})

    def volumes(self, domain: str) -> list[dict]:
        return self._call("GET", _path("domains", domain, "volumes"))["volumes"]

    def volume(self, domain: str, name: str) -> dict:
        return self._call("GET", _path("domains", domain, "volumes", name))

    def create_volume(
        self,
        domain: str,
        name: str,
        *,
        size: int,
        allocation: str = "sparse",
        initial_size: int | None = None,
        format: str | None = None,
        complete: bool = False,
    ) -> dict:
        """`initial_size`: bytes of a sparse volume that will be filled, where not all will be: only they need space.

        With `complete` it is an empty disk that is ready, `size` its guest's bytes; `format` is raw or qcow2.
        """
        body = {"size": size, "allocation": allocation, "initial_size": initial_size, "complete": complete}
        body |= {"format": format} if format else {}
        return self._call("PUT", _path("domains", domain, "volumes", name), body, timeout=DISK)

    def complete_volume(self, domain: str, name: str) -> dict:
        return self._call("POST", _path("domains", domain, "volumes", name, "complete"), timeout=DISK)

    def reset_volume(self, domain: str, name: str, size: int = 0) -> dict:
        """Drops the complete volume's content; its file has `size` bytes of zeros then."""
        return self._call("POST", _path("domains", domain, "volumes", name, "reset"), {"size": size}, timeout=DISK)

    def delete_volume(self, domain: str, name: str) -> None:
        self._call("DELETE", _path("domains", domain, "volumes", name), timeout=DISK)

    def export(self, domain: str, name: str, id: str, read_only: bool) -> dict:
        """The volume as the disk that its guest sees, `{"id", "url", "size"}`, until `end_export` of the same id. Repeatable."""
        body = {"id": id, "read_only": read_only}
        return self._call("PUT", _path("domains", domain, "volumes", name, "export"), body, timeout=DISK)

    def end_export(self, domain: str, name: str, id: str) -> None:
        """When this returns nobody reads or writes the file by it any more. Repeatable."""
        target = _path("domains", domain, "volumes", name, "export") + "?" + urllib.parse.urlencode({"id": id})
        self._call("DELETE", target, timeout=DISK)

    def digests(self, domain: str, name: str, ranges: list) -> list[str]:
        """SHA-256 (hex) of each `(start, end)`, in bytes."""
        return self._call("POST", _path("domains", domain, "volumes", name, "digests"), {"ranges": [list(r) for r in ranges]})["sha256"]

    def verify(self, domain: str, name: str, *, format: str, sha256: str | None, max_virtual_size: int, digest: bool = True) -> dict:
        """The job that verifies: ask `job` how it goes. Without `digest` nothing is hashed unless a SHA-256 is expected."""
        body = {"format": format, "sha256": sha256, "max_virtual_size": max_virtual_size, "digest": digest}
        return self._call("POST", _path("domains", domain, "volumes", name, "verify"), body)

    def sha256(self, domain: str, name: str) -> dict:
        """The job that only hashes."""
        return self._call("POST", _path("domains", domain, "volumes", name, "sha256"))

    def job(self, job_id: str) -> dict:
        return self._call("GET", _path("jobs", job_id))

    def cancel_job(self, job_id: str) -> None:
        self._call("DELETE", _path("jobs", job_id))

    def put_ticket(self, ticket: dict) -> None:
        """Adds or replaces a ticket: the contract's fields, `uuid` among them."""
        self._call("PUT", _path("tickets", ticket["uuid"]), ticket)

    def tickets(self) -> list[dict]:
        """All that it has."""
        return self._call("GET", "/tickets")["tickets"]

    def ticket(self, ticket_id: str) -> dict:
        return self._call("GET", _path("tickets", ticket_id))

    def renew_ticket(self, ticket_id: str, timeout: float) -> None:
        """The ticket lives for `timeout` seconds from now; the daemon takes whole ones, a part is rounded up."""
        self._call("PATCH", _path("tickets", ticket_id), {"timeout": -int(-timeout // 1)})

    def delete_ticket(self, ticket_id: str) -> None:
        """Revokes: when this returns, nobody writes with it any more."""
        self._call("DELETE", _path("tickets", ticket_id))

    def _call(self, method: str, target: str, body: dict | None = None, *, timeout: float | None = None) -> Any:
        data = b"" if body is None else json.dumps(body).encode()
        headers = [] if method == "GET" else [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        with self._connections.connection() as connection:
            connection.sock.settimeout(timeout or self._timeout)
            connection.start(method, target, headers, data)
            response = connection.response()
            answer = response.read()
        if response.status >= 400:
            raise refused(response, answer)
        with unreachable(self.address):
            return json.loads(answer) if answer else None


def refused(response: Response, body: bytes) -> Refused:
    """The daemon's no, from either of its forms: JSON, or a line of text with `Error-Code`."""
    code = response.headers.get("Error-Code") or "error"
    with contextlib.suppress(ValueError, AttributeError):
        value = json.loads(body[:MAX_ERROR])
        return Refused(response.status, value.get("code", code), value.get("message", response.reason), value.get("details"))
    text = body[:MAX_ERROR].decode("utf-8", "replace").strip()
    return Refused(response.status, code, text or response.reason)


class unreachable:
    """Turns everything that a connection can fail with into Unreachable. To be used any number of times."""

    # Not contextlib's: it is entered several times for each chunk.
    def __init__(self, address: str):
        self._address = address

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, (OSError, responses.Malformed, responses.BrokenOff, ValueError)):
            raise Unreachable(self._address, str(error) or type(error).__name__) from error


def _path(*parts: str) -> str:
    return "".join("/" + urllib.parse.quote(part, safe="") for part in parts)


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
            sock.settimeout(limit)
            sock.connect(parts.path)
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
