"""The daemon's two services, run in this process on unix sockets, and a client that says exactly what a test wants said."""

import contextlib
import datetime
import functools
import ipaddress
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from imaged import client, httpd, services
from imaged.backends.policy import Policy
from imaged.tickets import Tickets
from tests.imaged import qemu


@dataclass
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def code(self) -> str | None:
        return self.headers["Error-Code"]

    @property
    def closes(self) -> bool:
        return self.headers.get("Connection") == "close"


class Image:
    """A file under the daemon's root."""

    def __init__(self, path: Path, size: int):
        self.path = path
        path.touch(mode=0o600)
        os.truncate(path, size)

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def read(self, start: int = 0, end: int | None = None) -> bytes:
        with open(self.path, "rb") as file:
            file.seek(start)
            return file.read() if end is None else file.read(end - start)


class Clock:
    """Monotonic time that a test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Daemon:
    def __init__(self, directory: Path):
        self.root = directory / "root"
        self.root.mkdir()
        self.clock = Clock()
        allowed = Policy.parse([self.root], ["nbd", "http", "https", "file:///dev"])
        self.tickets = Tickets([self.root], policy=allowed, clock=self.clock, remove_timeout=10)
        self.context = services.Context([self.root], host_id="host", tickets=self.tickets)
        self.images_path, self.control_path = str(directory / "images"), str(directory / "control")
        self._servers = [
            httpd.Server(self.images_path, services.images_app(self.context), threads=20),
            httpd.Server(self.control_path, services.control_app(self.context), threads=4),
        ]
        for server in self._servers:
            server.launch()
        self.control = client.Control(f"unix:{self.control_path}")
        self._names = 0

    def close(self) -> None:
        for server in self._servers:
            server.stop()
        self.context.close()

    def image(self, size: int) -> Image:
        self._names += 1
        return Image(self.root / f"image-{self._names}", size)

    def ticket(self, image: Image, **terms) -> str:
        """Puts a ticket for the image; returns its id."""
        self._names += 1
        ticket = {"uuid": f"ticket-{self._names}", "size": 1000, "ops": ["write"], "timeout": 300, "url": image.url, **terms}
        self.control.put_ticket(ticket)
        return ticket["uuid"]

    def durable(self, ticket: str) -> list[list[int]]:
        return self.control.ticket(ticket)["durable"]

    def connect(self) -> client.Connection:
        return client.Connection(f"unix:{self.images_path}", 10, None)

    def send(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
        """One request to the images service, on a connection of its own."""
        with contextlib.closing(self.connect()) as connection:
            return ask(connection, method, target, headers, body)

    def command(self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """One request to the control service, on a connection of its own."""
        with contextlib.closing(client.Connection(f"unix:{self.control_path}", 20, None)) as connection:
            return ask(connection, method, target, headers, body)

    def put(self, ticket: str, data: bytes, headers: dict[str, str] | None = None, query: str = "") -> Answer:
        return self.send("PUT", f"/images/{ticket}{query}", headers, data)

    def get(self, ticket: str, wanted: str | None = None) -> Answer:
        return self.send("GET", f"/images/{ticket}", {"Range": wanted} if wanted else None)

    def patch(self, ticket: str, value: object) -> Answer:
        return self.send("PATCH", f"/images/{ticket}", None, json.dumps(value).encode())


def ask(connection: client.Connection, method: str, target: str, headers: dict | None = None, body: bytes | None = None) -> Answer:
    """One request and its whole answer. Content-Length is added where there is a body."""
    lines = dict(headers or {})
    if body is not None:
        lines.setdefault("Content-Length", str(len(body)))
    connection.start(method, target, list(lines.items()))
    if body:
        connection.send(body)
    response = connection.response()
    return Answer(response.status, response.headers, response.read())


def raw(path: str, data: bytes) -> bytes:
    """What the server says to these very bytes, until it closes."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(path)
        sock.sendall(data)
        answer = b""
        while more := sock.recv(1 << 16):
            answer += more
        return answer


def wait(condition: Callable[[], object], never: str = "it never happened") -> None:
    """Until it is so. Fails after 30 seconds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, never
        time.sleep(0.001)


def at_once(work: Callable[[Any], object], items: Sequence[Any]) -> None:
    """`work(item)` of each, in a thread of its own. Raises what one of them raised."""
    with ThreadPoolExecutor(len(items)) as pool:
        list(pool.map(work, items))


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """While inside, no file takes another byte."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        yield


def ended(pid: int) -> bool:
    """Has that process ended? Whether whoever took over an orphan has buried it is not ours to wait for."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    # Not pytest's own directory: its names are too long for a unix socket.
    with tempfile.TemporaryDirectory() as directory:
        running = Daemon(Path(directory))
        yield running
        running.close()


@pytest.fixture
def image(daemon: Daemon) -> Image:
    """An empty file, which its ticket may let grow."""
    return daemon.image(0)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A server's certificate for 127.0.0.1, which is its own authority, and its key: two PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    directory = tmp_path_factory.mktemp("tls")
    (directory / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(directory / "cert.pem"), str(directory / "key.pem")


@pytest.fixture
def qemu_img(tmp_path):
    """Runs qemu-img in the test's directory: `qemu_img("create", …)`."""
    return functools.partial(qemu.qemu_img, cwd=tmp_path)


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    """A 64 MiB disk with 2 MiB of data in it, raw (`source.raw`) and as a sound qcow2 (`sound.qcow2`)."""
    directory = tmp_path_factory.mktemp("sound")
    with (directory / "source.raw").open("wb") as file:
        file.seek(1 << 20)
        file.write(os.urandom(2 << 20))
        file.truncate(64 << 20)
    qemu.qemu_img("convert", "-f", "raw", "-O", "qcow2", "source.raw", "sound.qcow2", cwd=directory)
    return directory


@pytest.fixture
def qcow2(tmp_path, sound):
    """A sound qcow2 of the test's own, and `source.raw` beside it, which is only to be read."""
    os.link(sound / "source.raw", tmp_path / "source.raw")
    return Path(shutil.copy(sound / "sound.qcow2", tmp_path))
