"""Uploads to a disk whose next bytes come while those before them are written: right in order, and over at once when one side fails."""

import base64
import contextlib
import hashlib
import secrets
import threading

import pytest

from imaged import ahead, httpd
from imaged.backends import direct
from tests.imaged.conftest import full_disk, wait

MIB = 1 << 20
DATA = secrets.token_bytes(5 * MIB + 12345)


class Body:
    """Gives DATA in pieces of `most` bytes; before the one at `silent` it waits, and fails when it is interrupted."""

    def __init__(self, most: int = MIB, silent: int | None = None):
        self.most, self.silent, self.at = most, silent, 0
        self.interrupted = threading.Event()

    def readinto(self, view: memoryview) -> int:
        if self.at == self.silent:
            assert self.interrupted.wait(30)
            raise httpd.ShortBody(len(DATA), self.at)
        piece = DATA[self.at : self.at + min(self.most, len(view))]
        view[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)

    def interrupt(self) -> None:
        self.interrupted.set()


@pytest.fixture
def eager(monkeypatch):
    """Also small uploads, and those to memory, go the way of large ones to a disk."""
    monkeypatch.setattr(ahead, "WORTHWHILE", MIB)
    monkeypatch.setattr(direct, "in_memory", lambda descriptor: False)
    began = []
    start = ahead.Reader.__enter__
    monkeypatch.setattr(ahead.Reader, "__enter__", lambda reader: began.append(reader) or start(reader))
    return began


@pytest.mark.parametrize("most", [1000, MIB, 64 * MIB])
def test_all_bytes_come_in_order_and_stay_until_they_are_written(most):
    with ahead.Reader(Body(max(most, 1000))) as reader:
        assert b"".join(bytes(piece) for piece in reader) == DATA


def test_the_next_piece_comes_while_one_is_written():
    body = Body()

    with ahead.Reader(body) as reader:
        first = next(iter(reader))
        wait(lambda: body.at == 2 * MIB)
        assert bytes(first) == DATA[:MIB]


def test_no_more_than_two_pieces_are_held():
    body = Body()

    with ahead.Reader(body) as reader:
        pieces = iter(reader)
        next(pieces)
        next(pieces)
        wait(lambda: body.at == 3 * MIB)
        # One is being written, the other waits: there is no third.
        assert reader._free.empty()


def test_what_reading_fails_with_comes_behind_all_that_came_before():
    body, got = Body(silent=3 * MIB), []
    body.interrupt()

    with pytest.raises(httpd.ShortBody), ahead.Reader(body) as reader:
        for piece in reader:
            got.append(bytes(piece))

    assert b"".join(got) == DATA[: 3 * MIB]


def test_a_writer_that_fails_waits_for_no_silent_client():
    body = Body(silent=2 * MIB)

    with pytest.raises(OSError, match="full"), ahead.Reader(body) as reader:
        next(iter(reader))
        raise OSError("full")

    assert body.interrupted.is_set()
    assert not reader._thread.is_alive()


def test_so_many_at_once_and_the_others_go_the_plain_road():
    with contextlib.ExitStack() as held:
        assert all(held.enter_context(ahead.place()) for _ in range(ahead.MANY))
        with ahead.place() as another:
            assert not another
    with ahead.place() as again:
        assert again


def test_a_large_upload_to_a_disk_is_read_ahead(daemon, eager):
    image = daemon.image(len(DATA) + 1000)
    ticket = daemon.ticket(image, size=len(DATA) + 1000)

    assert daemon.put(ticket, DATA, {"Content-Range": f"bytes 1000-{len(DATA) + 999}/*"}).status == 200

    assert (image.read(1000), len(eager)) == (DATA, 1)
    assert daemon.durable(ticket) == [[1000, len(DATA) + 1000]]


def test_its_digest_is_verified(daemon, eager):
    ticket = daemon.ticket(daemon.image(len(DATA)), size=len(DATA))
    right, wrong = (base64.b64encode(hashlib.sha256(data).digest()).decode() for data in (DATA, b"other"))

    assert daemon.put(ticket, DATA, {"Content-Digest": f"sha-256=:{right}:"}).status == 200
    assert daemon.durable(ticket) == [[0, len(DATA)]]
    assert daemon.put(ticket, DATA, {"Content-Digest": f"sha-256=:{wrong}:"}).code == "digest-mismatch"
    assert (daemon.durable(ticket), len(eager)) == ([], 2)


def test_a_body_that_breaks_off_is_written_as_far_as_it_came(daemon, eager):
    image = daemon.image(len(DATA))
    ticket = daemon.ticket(image, size=len(DATA))

    with contextlib.closing(daemon.connect()) as connection:
        connection.start("PUT", f"/images/{ticket}", [("Content-Length", str(len(DATA)))])
        connection.send(DATA[: 3 * MIB])

    wait(lambda: not daemon.control.ticket(ticket)["active"])
    assert daemon.control.ticket(ticket)["transferred"] == 3 * MIB
    assert image.read(0)[: 3 * MIB] == DATA[: 3 * MIB]


def test_a_full_disk_is_told_while_the_client_is_silent(daemon, eager):
    ticket = daemon.ticket(daemon.image(len(DATA)), size=len(DATA))

    with full_disk(), contextlib.closing(daemon.connect()) as connection:
        connection.start("PUT", f"/images/{ticket}", [("Content-Length", str(len(DATA)))])
        # No more than is read at first: the client waits for its answer then.
        connection.send(DATA[: 5 * MIB])
        answer = connection.response()

    assert (answer.status, len(eager)) == (507, 1)


def test_a_revoked_ticket_ends_it_at_once(daemon, eager):
    ticket = daemon.ticket(daemon.image(len(DATA)), size=len(DATA))

    with contextlib.closing(daemon.connect()) as connection:
        connection.start("PUT", f"/images/{ticket}", [("Content-Length", str(len(DATA)))])
        connection.send(DATA[:MIB])
        wait(lambda: eager and daemon.control.ticket(ticket)["active"])
        daemon.control.delete_ticket(ticket)

    assert daemon.send("OPTIONS", f"/images/{ticket}").status == 403
