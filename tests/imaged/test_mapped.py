"""Downloads by the fast road: the same bytes as by the plain one, holes that stay holes, and files that become shorter meanwhile."""

import contextlib
import http.client
import os
import secrets

import pytest

from imaged import client, httpd, services
from imaged.httpd import tls
from tests.imaged.conftest import wait

MIB = 1 << 20
#: Data, a hole, and more data that does not end with a page.
PARTS = [(0, 5 * MIB + 4096), (9 * MIB, 20 * MIB + 1234)]
SIZE = PARTS[-1][1]


@pytest.fixture
def disk(daemon):
    """An image of PARTS, and what is in it."""
    image = daemon.image(SIZE)
    with image.path.open("r+b") as file:
        for start, end in PARTS:
            file.seek(start)
            file.write(secrets.token_bytes(end - start))
    return image, image.path.read_bytes()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, SIZE),
        (1, SIZE),
        (4095, 3 * MIB),
        (5 * MIB, 9 * MIB + 1),
        (6 * MIB, 8 * MIB),
        (9 * MIB - 1, SIZE - 1),
        (10 * MIB + 1, 12 * MIB),
        (SIZE - 1, SIZE),
        (2 * MIB, 3 * MIB),
        (2 * MIB, 3 * MIB + 1),
        (2 * MIB, 3 * MIB + 4097),
    ],
)
def test_a_part_is_what_stands_there(daemon, disk, start, end):
    image, data = disk
    ticket = daemon.ticket(image, size=SIZE, ops=["read"])

    answer = daemon.get(ticket, f"bytes={start}-{end - 1}")

    assert answer.status == 206
    assert answer.body == data[start:end]


def test_reading_a_hole_fills_no_space(daemon, disk):
    image, data = disk
    ticket = daemon.ticket(image, size=SIZE, ops=["read"])
    before = image.path.stat().st_blocks

    assert daemon.get(ticket).body == data

    assert image.path.stat().st_blocks == before
    assert daemon.control.ticket(ticket)["path"] == "mapped"


def test_maps_are_given_back(daemon, disk):
    image, _ = disk
    ticket = daemon.ticket(image, size=SIZE, ops=["read"])

    daemon.get(ticket)

    wait(lambda: str(image.path) not in open("/proc/self/maps").read())


@pytest.fixture(params=["plain", "tls"])
def address(request, daemon, certificate):
    context = tls.server_context(*certificate) if request.param == "tls" else None
    server = httpd.Server(("127.0.0.1", 0), services.images_app(daemon.context), threads=2, tls=context)
    server.launch()
    yield "{}://{}:{}".format("https" if context else "http", *server.bind_addr)
    server.stop()


@pytest.mark.parametrize("left", [0, 4096 + 100, 40 * MIB + 100])
def test_a_file_that_becomes_shorter_while_it_is_read_ends_the_connection(daemon, address, certificate, left):
    size = 64 * MIB  # far more than the sockets between us hold
    image = daemon.image(0)
    data = secrets.token_bytes(MIB) * (size // MIB)
    image.path.write_bytes(data)
    ticket = daemon.ticket(image, size=size, ops=["read"])
    received = bytearray()
    with contextlib.closing(client.Connection(address, 30, tls.client_context(certificate[0]))) as connection:
        connection.start("GET", f"/images/{ticket}", [])
        response = http.client.HTTPResponse(connection.sock)
        response.begin()
        received += response.read(MIB)

        os.truncate(image.path, left)
        with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
            while piece := response.read(MIB):
                received += piece

    assert MIB <= len(received) < size
    assert received == data[: len(received)]
    # And the daemon is still there.
    wait(lambda: not daemon.control.ticket(ticket)["active"])
