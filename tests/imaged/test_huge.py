"""Uploads to files in memory: the same bytes whether the kernel makes huge pages for them or not, and nothing beside them touched."""

import base64
import contextlib
import errno
import hashlib
import os
import platform
import secrets
import tempfile
from pathlib import Path

import pytest

from imaged import client, httpd, services
from imaged.backends import direct, huge
from imaged.httpd import tls
from tests.imaged.conftest import Daemon, ask, wait

MIB = 1 << 20
SIZE = 9 * MIB + 1234


@pytest.fixture(scope="module")
def memory():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def daemon(memory):
    """One whose images lie in memory."""
    running = Daemon(memory)
    yield running
    running.close()


@pytest.fixture
def file(memory):
    """A descriptor of a file of SIZE bytes, all of it a hole."""
    with tempfile.TemporaryFile(dir=memory) as made:
        made.truncate(SIZE)
        yield made.fileno()


@pytest.fixture(params=["plain", "tls"])
def address(request, daemon, certificate):
    context = tls.server_context(*certificate) if request.param == "tls" else None
    server = httpd.Server(("127.0.0.1", 0), services.images_app(daemon.context), threads=2, tls=context)
    server.launch()
    yield "{}://{}:{}".format("https" if context else "http", *server.bind_addr)
    server.stop()


def kernel_makes_them() -> bool:
    """Linux from 6.1 on does, if its memory is a tmpfs of whole pages."""
    return tuple(int(part) for part in platform.release().split(".")[:2]) >= (6, 1)


def held(descriptor: int) -> int:
    """Bytes of memory that the file takes."""
    return os.fstat(descriptor).st_blocks * 512


def moved(daemon: Daemon, ticket: str) -> str | None:
    return daemon.control.ticket(ticket)["path"]


@pytest.mark.parametrize("digest", [False, True])
@pytest.mark.parametrize(
    ("start", "end"),
    [(0, SIZE), (1, SIZE), (4096, 8 * MIB), (2 * MIB, 4 * MIB), (2 * MIB - 1, 4 * MIB + 1), (3 * MIB, 5 * MIB), (SIZE - 3 * MIB, SIZE)],
)
def test_an_upload_changes_exactly_its_bytes(daemon, address, certificate, start, end, digest):
    image = daemon.image(SIZE)
    before = secrets.token_bytes(MIB)
    # Data before, within and behind: some of the blocks have pages already.
    for at in (0, 5 * MIB, SIZE - MIB):
        with image.path.open("r+b") as stream:
            stream.seek(at)
            stream.write(before)
    expected, data = bytearray(image.read()), secrets.token_bytes(end - start)
    expected[start:end] = data
    headers = {"Content-Range": f"bytes {start}-{end - 1}/*"}
    if digest:
        headers["Content-Digest"] = f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"
    ticket = daemon.ticket(image, size=SIZE)

    with contextlib.closing(client.Connection(address, 30, tls.client_context(certificate[0]))) as connection:
        assert ask(connection, "PUT", f"/images/{ticket}", headers, data).status == 200

    assert image.read() == bytes(expected)


def test_a_block_that_will_be_written_gets_one_page(file):
    pages = huge.Pages(file, 0, SIZE)

    pages.reach(0, MIB)

    assert held(file) == (huge.SIZE if kernel_makes_them() else 0)
    assert os.pread(file, SIZE, 0) == bytes(SIZE)


def test_a_plain_upload_is_received_into_the_pages(daemon):
    image = daemon.image(SIZE)
    ticket = daemon.ticket(image, size=SIZE)
    data = secrets.token_bytes(SIZE)

    assert daemon.put(ticket, data).status == 200

    assert image.read() == data
    assert moved(daemon, ticket) == ("mapped" if kernel_makes_them() else "splice")


@pytest.mark.parametrize(("start", "end"), [(1, 2 * MIB), (2 * MIB + 1, 6 * MIB - 1), (8 * MIB, SIZE)])
def test_blocks_that_are_not_wholly_in_the_range_get_none(file, start, end):
    pages = huge.Pages(file, start, end)

    pages.reach(start, end)

    assert held(file) == 0


def test_who_crawls_gets_none(file):
    pages = huge.Pages(file, 0, SIZE)

    pages.reach(0, 1000)

    assert held(file) == 0


def test_a_block_that_has_pages_keeps_them(file):
    os.pwrite(file, b"x", 3 * MIB)

    huge.Pages(file, 0, SIZE).reach(2 * MIB, 4 * MIB)

    assert held(file) == 4096 + (huge.SIZE if kernel_makes_them() else 0)
    assert os.pread(file, 2, 3 * MIB) == b"x\0"


@pytest.mark.parametrize("call", ["mmap", "fallocate", "madvise"])
def test_a_kernel_that_makes_none_stores_the_same(daemon, monkeypatch, call):
    class Kernel:
        def __getattr__(self, name):
            return getattr(real, name) if name != call else lambda *_: -1

    real = huge._libc
    monkeypatch.setattr(huge, "_libc", Kernel())
    image = daemon.image(SIZE)
    ticket = daemon.ticket(image, size=SIZE)
    data = secrets.token_bytes(SIZE)

    assert daemon.put(ticket, data).status == 200

    assert image.read() == data
    assert moved(daemon, ticket) == "splice"


def test_where_they_take_long_there_is_one_and_no_more(file, monkeypatch):
    monkeypatch.setattr(huge, "SLOW", 0)
    pages = huge.Pages(file, 0, SIZE)

    pages.reach(0, SIZE)

    assert held(file) == (huge.SIZE if kernel_makes_them() else 0)
    assert pages.at(4 * MIB) is None


def test_a_file_on_a_disk_gets_none(daemon, monkeypatch):
    monkeypatch.setattr(direct, "in_memory", lambda descriptor: False)
    monkeypatch.setattr(direct, "opened", lambda descriptor: None)
    image = daemon.image(SIZE)
    ticket = daemon.ticket(image, size=SIZE)

    assert daemon.put(ticket, b"x" * SIZE).status == 200

    assert moved(daemon, ticket) == "splice"


def test_maps_are_given_back(daemon):
    image = daemon.image(SIZE)

    assert daemon.put(daemon.ticket(image, size=SIZE), b"x" * SIZE).status == 200

    wait(lambda: str(image.path) not in Path("/proc/self/maps").read_text())


def test_a_full_memory_is_507(daemon, monkeypatch):
    """As a tmpfs says it that has no page left: first to who asks for a huge one, then to who writes."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(huge.Pages, "_collapse", lambda _: False)
    monkeypatch.setattr(httpd.Pipe, "into_file", full)
    image = daemon.image(SIZE)

    answer = daemon.put(daemon.ticket(image, size=SIZE), b"x" * SIZE)

    assert (answer.status, answer.code) == (507, "no-space")


def test_a_file_that_becomes_shorter_while_it_is_written_ends_the_upload_alone(daemon, monkeypatch):
    # In however small pieces this test's bytes come.
    monkeypatch.setattr(huge, "FAST", 1)
    image = daemon.image(SIZE)
    ticket = daemon.ticket(image, size=SIZE)
    with contextlib.closing(daemon.connect()) as connection:
        connection.start("PUT", f"/images/{ticket}", [("Content-Length", str(SIZE))])
        # The second block is mapped, and half full.
        connection.send(b"x" * 3 * MIB)
        wait(lambda: daemon.control.ticket(ticket)["transferred"] == 3 * MIB)

        os.truncate(image.path, MIB)
        with contextlib.suppress(client.Unreachable):
            connection.send(b"y" * (SIZE - 3 * MIB))
        answer = connection.reason() if kernel_makes_them() else connection.response()

    assert answer.status == (500 if kernel_makes_them() else 200)
    assert image.read(0, MIB) == b"x" * MIB
    # And the daemon is still there.
    assert daemon.put(daemon.ticket(image), b"abc").status == 200


def test_a_ticket_that_is_removed_stops_what_comes_into_its_pages(daemon):
    image = daemon.image(SIZE)
    ticket = daemon.ticket(image, size=SIZE)
    with contextlib.closing(daemon.connect()) as connection:
        connection.start("PUT", f"/images/{ticket}", [("Content-Length", str(SIZE))])
        connection.send(b"x" * 3 * MIB)
        wait(lambda: daemon.control.ticket(ticket)["transferred"] == 3 * MIB)

        daemon.control.delete_ticket(ticket)
        with contextlib.suppress(client.Unreachable):
            connection.send(b"y" * MIB)

    assert image.read() == b"x" * 3 * MIB + bytes(SIZE - 3 * MIB)
