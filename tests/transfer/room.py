"""The transfer room with a real daemon below it and a real listener above: what tests of the data path stand on."""

import contextlib
import http.client
import os
import pathlib
import socket
import ssl
import threading
import uuid

from cryptography.hazmat.primitives.asymmetric import ed25519

from appliance import supervisor
from appliance.transfer import hosts, relay, sessions, slots, tickets
from appliance.web import images
from imaged import client, httpd
from tests.waiting import wait_for

HOST = "host-1"


@contextlib.contextmanager
def daemon(directory: pathlib.Path):
    """A real imaged process that serves files under `directory / "root"`."""
    root = directory / "root"
    root.mkdir()
    sockets = directory / "s"
    sockets.mkdir()
    running = supervisor.Supervisor(sockets, ["--root", str(root), "--log-level", "warning"])
    running.start()
    try:
        yield running, root
    finally:
        running.stop()


class Room:
    """Sessions, relay and images service on a listener of its own; `address` and `control` are the host's."""

    def __init__(self, address: str, control: client.Control | None = None, *, threads: int = 16, reserve: int = 4, timeout: float = 10):
        key = ed25519.Ed25519PrivateKey.generate()
        self.hosts = hosts.Hosts()
        self.control = control
        self.hosts.register(HOST, control, client.Images(address, timeout=10))
        self.signer = tickets.Signer(key, "here", 300)
        self.stops: list[tuple[str, str, str]] = []
        verifier = tickets.Verifier(key.public_key(), "here", tickets.now(), 5)
        self.sessions = sessions.Sessions(verifier, on_stopped=lambda *told: self.stops.append(told))
        self.relay = relay.Relay(self.hosts, self.sessions)
        self.slots = slots.Slots(threads, reserve)
        self.app = images.Images(self.sessions, self.relay, self.slots)
        self._threads, self._timeout = threads, timeout

    @contextlib.contextmanager
    def serving(self, app=None, tls: ssl.SSLContext | None = None):
        server = httpd.Server(
            ("127.0.0.1", 0), app or self.app, threads=self._threads, timeout=self._timeout, tls=tls, shutdown_timeout=0.2
        )
        server.launch()
        self.port = server.bind_addr[1]
        try:
            yield self
        finally:
            self.sessions.end_all()
            server.stop()

    def connect(self, tls: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        if tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def token(self, ticket: str, *, size: int, ops=("write",), transfer: str = "t", host: str = HOST) -> str:
        return self.signer.issue(user="u", transfer=transfer, host=host, ticket=ticket, ops=ops, size=size)[0]

    def ticket(self, path: pathlib.Path, size: int, ops=("write",)) -> str:
        """A ticket on the real daemon for the file."""
        ticket = str(uuid.uuid4())
        self.control.put_ticket({"uuid": ticket, "size": size, "ops": list(ops), "timeout": 300, "url": f"file://{path}"})
        return ticket

    def open(self, path: pathlib.Path, size: int, ops=("write",), transfer: str = "t") -> "Client":
        """A file of `size` bytes with a session for it."""
        if not path.exists():
            with path.open("wb") as stream:
                os.truncate(stream.fileno(), size)
        ticket = self.ticket(path, size, ops)
        return Client(self, ticket, self.token(ticket, size=size, ops=ops, transfer=transfer))


class Answer:
    def __init__(self, response: http.client.HTTPResponse):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def code(self) -> str | None:
        return self.headers["Error-Code"]


class Client:
    """One client's connection, with the session that it opened."""

    def __init__(self, room: Room, ticket: str, token: str, tls: ssl.SSLContext | None = None):
        self.room = room
        self.ticket = ticket
        self.connection = room.connect(tls)
        self.url = f"/images/{ticket}"
        self.token = token
        self.session = ""
        opened = self.request("POST", "/sessions", headers={"Authorization": f"Bearer {token}"})
        assert opened.status == 201, opened.body
        self.session = opened.headers["Session-Id"]

    def request(self, method: str, url: str, body=b"", headers: dict | None = None) -> Answer:
        own = {"Session-Id": self.session} if self.session else {}
        self.connection.request(method, url, body, {**own, **(headers or {})})
        return Answer(self.connection.getresponse())

    def put(self, data, start: int = 0, query: str = "", **headers) -> Answer:
        given = {"Content-Range": f"bytes {start}-{start + len(data) - 1}/*", **headers}
        return self.request("PUT", self.url + query, data, given)

    def begin(self, announced: int, sent: bytes) -> "Client":
        """The head of a PUT and some of its body; the rest never comes unless the test sends it."""
        self.connection.putrequest("PUT", self.url)
        self.connection.putheader("Session-Id", self.session)
        self.connection.putheader("Content-Length", str(announced))
        self.connection.endheaders(sent)
        return self

    def running(self) -> "Client":
        """Returns once the request that `begin` began has reached the host's connection."""
        session = self.room.sessions.get(self.session)
        wait_for(lambda: len(session._interrupts) == 2, "the request to run")
        return self

    def active(self) -> bool:
        """Whether the host is busy with a request."""
        return self.room.control.ticket(self.ticket)["active"]

    def answer(self) -> Answer:
        """The answer to what `begin` began."""
        return Answer(self.connection.getresponse())

    def close(self) -> None:
        self.connection.close()


@contextlib.contextmanager
def scripted_host(path: pathlib.Path, script):
    """A host at the other end of a unix socket that does what `script(socket)` does, on each connection: for hosts that misbehave."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    connections: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                connections.append(accepted)
                with accepted, contextlib.suppress(OSError):
                    script(accepted)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"unix:{path}"
    finally:
        for each in (listener, *connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
