"""The daemon's two services as they are, in this process, and what they say to any bytes at all."""

import contextlib
import logging
import re
import socket
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imaged import httpd, services
from imaged.httpd import connection, tls
from tests.imaged.conftest import Daemon, certificate  # noqa: F401 - a fixture
from tests.waiting import wait_for

PATIENCE = 30
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) [ -~]*\r\n")


class Log(logging.Handler):
    """What would make a person look: errors and tracebacks."""

    def __init__(self) -> None:
        super().__init__()
        self.alarms: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            self.alarms.append(self.format(record))


class Target:
    """A server that is told things."""

    def __init__(self, server: httpd.Server, log: Log, context: ssl.SSLContext | None = None):
        self._server, self._log, self._context = server, log, context

    def hears(self, data: bytes) -> list[tuple[int, bytes]]:
        """Sends the very bytes, and returns `(status, head and body)` of each answer. It must end, in time, and without alarm."""
        family = socket.AF_UNIX if isinstance(self._server.bind_addr, str) else socket.AF_INET
        received = b""
        with socket.socket(family) as plain:
            plain.settimeout(PATIENCE)
            plain.connect(self._server.bind_addr)
            with self._context.wrap_socket(plain, server_hostname="127.0.0.1") if self._context else plain as sock:
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    sock.sendall(data)
                    # Below TLS: unwrap() would wait for the other side.
                    socket.socket.shutdown(sock, socket.SHUT_WR)
                    while more := sock.recv(1 << 16):
                        received += more
        assert not self._log.alarms, self._log.alarms
        return [(int(match[1]), received[match.start() :]) for match in _answers(received)]

    def rests(self) -> None:
        """Returns when no thread is busy with anything."""
        wait_for(lambda: not any(worker.conn for worker in self._server.requests._threads), "the threads to be free")


def _answers(received: bytes) -> Iterator[re.Match[bytes]]:
    """Each status line, where the answer before says that it ends: nothing else may be sent."""
    at = 0
    while at < len(received):
        match = STATUS_LINE.match(received, at)
        assert match, received[at : at + 200]
        yield match
        if match[1] == b"100":
            at = match.end() + 2
            continue
        head = received[at : received.index(b"\r\n\r\n", at) + 4]
        length = re.search(rb"\r\ncontent-length: *([0-9]+)\r\n", head, re.IGNORECASE)
        # The answers to HEAD announce what they do not send.
        at += len(head) + (int(length[1]) if length and not received.startswith(b"HTTP/", at + len(head)) else 0)


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    handler = Log()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "HEAD_TIMEOUT", 5)
        running = Daemon(Path(directory))
        yield running
        running.close()


@pytest.fixture(scope="module")
def ticket(daemon) -> str:
    """For the reading and writing of 1000 bytes."""
    return daemon.ticket(daemon.image(1000), uuid="ticket", ops=["read", "write"], sparse=True)


@pytest.fixture(scope="module", params=["plain", "secure"])
def images(request, daemon, ticket, log, certificate) -> Iterator[Target]:  # noqa: F811
    context = tls.server_context(*certificate) if request.param == "secure" else None
    server = httpd.Server(("127.0.0.1", 0), services.images_app(daemon.context), threads=4, tls=context)
    server.launch()
    target = Target(server, log, tls.client_context(certificate[0]) if context else None)
    yield target
    target.rests()
    server.stop()


@pytest.fixture(scope="module")
def control(daemon, log) -> Iterator[Target]:
    with tempfile.TemporaryDirectory() as directory:
        server = httpd.Server(f"{directory}/s", services.control_app(daemon.context), threads=4)
        server.launch()
        target = Target(server, log)
        yield target
        target.rests()
        server.stop()
