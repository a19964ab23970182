"""DELETE at random moments while many write, in every way there is: from its answer on the file stays as it is."""

import base64
import contextlib
import hashlib
import json
import os
import random
import select
import threading

import pytest

from imaged import client, httpd, services
from imaged.httpd import tls
from tests.imaged import nbd_servers
from tests.imaged.conftest import wait

SIZE = 12 << 20
ROUNDS = 12
WRITERS = 3


def plain(data: bytes, start: int):
    return "PUT", [("Content-Range", f"bytes {start}-{start + len(data) - 1}/*")], data


def digested(data: bytes, start: int):
    method, headers, body = plain(data, start)
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return method, [*headers, ("Content-Digest", f"sha-256=:{digest}:")], body


def zeros(data: bytes, start: int):
    return "PATCH", [], json.dumps({"op": "zero", "offset": start, "size": len(data)}).encode()


def many_zeros(data: bytes, start: int):
    """Far more than there is data, in one request of many steps."""
    return "PATCH", [], json.dumps({"op": "zero", "offset": 0, "size": SIZE << 6}).encode()


class Writer(threading.Thread):
    """Makes the same change over and over, until it is refused, or the server has ended the connection after an answer."""

    def __init__(self, connection: client.Connection, ticket: str, method: str, headers: list, body: bytes):
        super().__init__()
        self._connection, self._request, self._body = connection, (method, f"/images/{ticket}"), body
        self._headers = [*headers, ("Content-Length", str(len(body)))]
        self.code: str | None = None

    def run(self) -> None:
        goes_on = True
        while goes_on:
            self._connection.start(*self._request, self._headers)
            with contextlib.suppress(client.Unreachable):  # refused before all was sent: then the reason can be read
                self._connection.send(self._body)
            response = self._connection.response()
            response.read()
            self.code = response.headers.get("Error-Code")
            goes_on = response.status == 200 and response.headers.get("Connection") != "close"
        self._connection.close()


@pytest.fixture(scope="module")
def secure(daemon, certificate):
    server = httpd.Server(("127.0.0.1", 0), services.images_app(daemon.context), threads=8, tls=tls.server_context(*certificate))
    server.launch()
    context = tls.client_context(certificate[0])
    yield lambda: client.Connection(f"https://127.0.0.1:{server.bind_addr[1]}", 30, context)
    server.stop()


@contextlib.contextmanager
def leading_to(daemon, image, backend):
    """A URL for tickets that leads to the image's file, by that backend."""
    os.truncate(image.path, SIZE)
    if backend == "nbd":
        with nbd_servers.qemu_nbd(daemon.root, image.path, "--discard=unmap") as url:
            yield url
    elif backend == "http":
        server = httpd.Server(("127.0.0.1", 0), services.images_app(daemon.context), threads=8)
        server.launch()
        yield f"http://127.0.0.1:{server.bind_addr[1]}/images/{daemon.ticket(image, size=SIZE, sparse=True)}"
        server.stop()
    else:
        yield image.url


@pytest.mark.parametrize(
    ("backend", "make", "length", "over_tls", "sparse"),
    [
        pytest.param("file", plain, SIZE // WRITERS, False, True, id="spliced"),
        pytest.param("file", plain, 100_000, False, True, id="buffered"),
        pytest.param("file", plain, SIZE // WRITERS, True, True, id="tls"),
        pytest.param("file", digested, SIZE // WRITERS, False, True, id="digest"),
        pytest.param("file", many_zeros, 1, False, True, id="holes"),
        pytest.param("file", many_zeros, 1, False, False, id="zeros"),
        pytest.param("nbd", plain, SIZE // WRITERS, False, True, id="nbd"),
        pytest.param("nbd", zeros, SIZE // WRITERS, False, True, id="nbd-zeros"),
        pytest.param("http", plain, SIZE // WRITERS, False, True, id="http"),
        pytest.param("http", zeros, SIZE // WRITERS, False, True, id="http-zeros"),
    ],
)
def test_when_revoking_is_answered_nothing_is_written_any_more(daemon, image, secure, backend, make, length, over_tls, sparse):
    chance = random.Random(f"{backend}{make.__name__}{over_tls}")
    connect = secure if over_tls else daemon.connect
    with leading_to(daemon, image, backend) as url:
        for _ in range(ROUNDS):
            os.truncate(image.path, SIZE)
            ticket = daemon.ticket(image, url=url, size=SIZE << 6 if make is many_zeros else SIZE, sparse=sparse)
            silent = connect()
            silent.start("PUT", f"/images/{ticket}", [("Content-Length", str(length))])
            silent.send(b"half a body"[:length])
            writers = [Writer(connect(), ticket, *make(b"x" * length, n * length)) for n in range(WRITERS)]
            for writer in writers:
                writer.start()
            wait(lambda: daemon.control.ticket(ticket)["transferred"])  # noqa: B023
            select.select([], [], [], chance.uniform(0, 0.01))

            daemon.control.delete_ticket(ticket)
            # Whatever is written to it now makes it longer again.
            os.truncate(image.path, 0)

            for writer in writers:
                writer.join()
            silent.close()
            assert {writer.code for writer in writers} <= {None, "ticket-canceled", "no-ticket"}
            assert image.path.stat().st_size == 0
            assert daemon.command("GET", f"/tickets/{ticket}").status == 404
