"""A web server that does what a test says: properly by default, and once in another way for each script that it is given."""

import contextlib
import dataclasses
import email.message
import email.utils
import http.server
import ipaddress
import re
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

from appliance.transfer.sources import guard

LOOPBACK = tuple(ipaddress.ip_network(network) for network in ("127.0.0.0/8", "::1/128"))


@dataclasses.dataclass
class File:
    data: bytes
    etag: str | None = '"one"'
    ranges: bool = True
    content_type: str = "application/octet-stream"
    #: More headers of every answer.
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_CONNECT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        self.server.requests.append((self.command, self.path, self.headers))
        self.close_connection = True
        if self.server.scripts and self.command in self.server.scripted:
            self.server.scripts.pop(0)(self)
        else:
            self.give()

    def give(self, most: int | None = None) -> None:
        """The file, or the part that is asked for; at most `most` bytes of it, though all are announced."""
        file = self.server.files.get(self.path.partition("?")[0])
        if file is None:
            return self.answer(404)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        current = self.headers["If-Range"] in (None, file.etag)
        about = {"Content-Type": file.content_type, **file.headers}
        if file.etag:
            about["ETag"] = file.etag
        if not (file.ranges and wanted and current):
            return self.answer(200, file.data, about, most)
        start, end = int(wanted[1]), min(int(wanted[2] or len(file.data)) + 1, len(file.data))
        if start >= len(file.data):
            return self.answer(416, b"", {"Content-Range": f"bytes */{len(file.data)}"})
        about["Content-Range"] = f"bytes {start}-{end - 1}/{len(file.data)}"
        return self.answer(206, file.data[start:end], about, most)

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, most: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:most])

    def date_time_string(self, timestamp=None) -> str:
        return email.utils.formatdate(self.server.now, usegmt=True)

    def log_message(self, *words) -> None:
        """Nothing."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    #: What the Date header says.
    now = 1_800_000_000

    def __init__(self, address: str, tls: ssl.SSLContext | None):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, 0), Handler)
        self.files: dict[str, File] = {}
        #: Each is what one request is answered with.
        self.scripts: list[Callable[[Handler], object]] = []
        #: Requests that scripts are for.
        self.scripted = {"GET"}
        self.requests: list[tuple[str, str, email.message.Message]] = []
        self.tls = tls
        self.stopping = socket.socketpair()

    def finish_request(self, request, address) -> None:
        with contextlib.suppress(OSError):
            if self.tls:
                request = self.tls.wrap_socket(request, server_side=True)
            super().finish_request(request, address)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.server_port}{path}"

    def policy(self, **words) -> guard.Policy:
        return guard.Policy(**{"ports": (range(1, 65536),), "networks": LOOPBACK, "timeout": 60.0, **words})

    def asked(self, name: str) -> list[str | None]:
        """A header of each GET."""
        return [headers.get(name) for method, _, headers in self.requests if method == "GET"]


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> Iterator[Server]:
    server = Server(address, tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        for end in server.stopping:
            end.close()
        server.shutdown()
        server.server_close()
        thread.join(30)


def status(code: int, body: bytes = b"", **headers: str) -> Callable[[Handler], object]:
    return lambda handler: handler.answer(code, body, {name.replace("_", "-"): value for name, value in headers.items()})


def redirect(url: str, code: int = 302) -> Callable[[Handler], object]:
    return status(code, Location=url)


def cut(count: int) -> Callable[[Handler], object]:
    """The file's head, and then the connection ends after `count` bytes."""
    return lambda handler: handler.give(count)


def reset(count: int) -> Callable[[Handler], object]:
    """As `cut`, but the connection is not closed but torn."""

    def script(handler: Handler) -> None:
        handler.give(count)
        handler.wfile.flush()
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    return script


def stall(count: int | None = None) -> Callable[[Handler], object]:
    """After `count` bytes (None: not even a head) nothing comes any more, until the client goes."""

    def script(handler: Handler) -> None:
        if count is not None:
            handler.give(count)
            handler.wfile.flush()
        select.select([handler.connection, handler.server.stopping[1]], [], [], 120)

    return script


def raw(data: bytes) -> Callable[[Handler], object]:
    return lambda handler: handler.wfile.write(data)


def join(one: socket.socket, other: socket.socket) -> None:
    """Bytes of each go to the other, until one ends."""
    while True:
        for ready in select.select([one, other], [], [], 120)[0]:
            if not (data := ready.recv(1 << 16)):
                return
            (other if ready is one else one).sendall(data)
