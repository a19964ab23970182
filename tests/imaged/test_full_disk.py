"""A disk that becomes full in the middle of a body: told as such, nothing of that body counts, and the next request is right."""

import errno
import os
import secrets

import pytest

from imaged.backends import direct
from tests.imaged.conftest import ask, wait

MIB = 1 << 20
SIZE = 4 * MIB


class Disk:
    """Lets the system write `left` bytes more into files, by whatever call, and then says that the disk is full."""

    def __init__(self):
        self.left = 1 << 60

    def take(self, wanted: int) -> int:
        if not self.left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return min(wanted, self.left)


@pytest.fixture
def disk(monkeypatch):
    made, splice, pwrite = Disk(), os.splice, os.pwrite

    def limited_splice(source, target, count, **offsets):
        if "offset_dst" not in offsets:
            return splice(source, target, count, **offsets)
        written = splice(source, target, made.take(count), **offsets)
        made.left -= written
        return written

    def limited_pwrite(descriptor, data, offset):
        if len(data) < 4096:  # the journal's lines
            return pwrite(descriptor, data, offset)
        # To be written directly, a part must be of whole blocks.
        written = pwrite(descriptor, memoryview(data)[: made.take(len(data))], offset)
        made.left -= written
        return written

    monkeypatch.setattr(os, "splice", limited_splice)
    monkeypatch.setattr(os, "pwrite", limited_pwrite)
    return made


@pytest.fixture(params=["splice", "direct"])
def road(request, monkeypatch):
    monkeypatch.setattr(direct, "in_memory", lambda descriptor: request.param == "splice")
    return request.param


@pytest.mark.parametrize("room", [0, MIB + 64 * 4096, SIZE - 4096])
def test_a_disk_that_becomes_full_in_mid_body_is_507_and_nothing_of_it_is_durable(daemon, disk, road, room):
    image = daemon.image(0)
    ticket = daemon.ticket(image, size=SIZE, journal=True)
    disk.left = room

    answer = daemon.put(ticket, secrets.token_bytes(SIZE))

    assert (answer.status, answer.code) == (507, "no-space")
    assert daemon.durable(ticket) == []


def test_bytes_durable_before_that_body_stay_so_outside_of_it(daemon, disk, road):
    image = daemon.image(0)
    ticket = daemon.ticket(image, size=2 * SIZE, journal=True)
    first = secrets.token_bytes(SIZE)
    assert daemon.put(ticket, first).status == 200
    disk.left = MIB

    answer = daemon.put(ticket, secrets.token_bytes(SIZE), {"Content-Range": f"bytes {SIZE}-{2 * SIZE - 1}/*"})

    assert answer.code == "no-space"
    assert daemon.durable(ticket) == [[0, SIZE]]
    assert image.read(0, SIZE) == first


def test_what_was_left_of_that_body_gets_into_no_other(daemon, disk, road):
    """Bytes stay behind in the pipe: it must not be used again."""
    full, good = daemon.image(0), daemon.image(0)
    descriptors = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        disk.left = MIB + 4096
        assert daemon.put(daemon.ticket(full, size=SIZE), b"\xff" * SIZE).code == "no-space"
    disk.left = 1 << 60
    data = secrets.token_bytes(SIZE)
    ticket = daemon.ticket(good, size=SIZE)
    connection = daemon.connect()

    assert ask(connection, "PUT", f"/images/{ticket}", None, data).status == 200
    connection.close()

    assert good.read() == data
    # A few connections are still on their way out.
    wait(lambda: len(os.listdir("/proc/self/fd")) < descriptors + 10)
