"""Digests that are taken behind the writer: right, bounded, and over when the upload is."""

import base64
import contextlib
import hashlib
import os
import secrets
import threading

import pytest

from imaged import behind, client, errors, httpd, services
from imaged.backends import direct, file, kept
from imaged.httpd import tls
from tests.imaged.conftest import ask, wait

MIB = 1 << 20
SIZE = 5 * MIB + 12345


class Memory:
    """A backend that can be made to wait, or to fail."""

    def __init__(self, data: bytes):
        self.data = data
        self.reads = 0
        self.go = threading.Event()
        self.go.set()

    def readinto(self, view: memoryview, offset: int) -> int:
        self.reads += 1
        assert self.go.wait(30)
        piece = self.data[offset : offset + len(view)]
        view[: len(piece)] = piece
        return len(piece)


@pytest.fixture
def memory():
    return Memory(secrets.token_bytes(SIZE))


def test_all_that_was_written_is_in_the_digest(memory):
    digest = hashlib.sha256()

    with behind.Follower(memory, digest, 1000) as follower:
        for end in [*range(2000, SIZE, 300_000), SIZE]:
            follower.wrote(end)
        follower.finish()

    assert digest.digest() == hashlib.sha256(memory.data[1000:]).digest()


def test_a_long_upload_gives_others_their_turn(memory, monkeypatch):
    monkeypatch.setattr(behind, "TURN", behind.PIECE)
    digest = hashlib.sha256()

    with behind.Follower(memory, digest, 0) as follower:
        follower.wrote(SIZE)
        follower.finish()

    assert digest.digest() == hashlib.sha256(memory.data).digest()


def test_few_bytes_need_no_thread(memory):
    with behind.Follower(memory, hashlib.sha256(), 0) as follower:
        follower.wrote(behind.STEP - 1)

        assert memory.reads == 0


def test_a_writer_does_not_run_away(memory, monkeypatch):
    monkeypatch.setattr(behind, "LEAD", 2 * MIB)
    memory.go.clear()
    ahead = []

    with behind.Follower(memory, hashlib.sha256(), 0) as follower:

        def write():
            for end in range(MIB, 5 * MIB, MIB):
                follower.wrote(end)
                ahead.append(end)

        writer = threading.Thread(target=write)
        writer.start()
        wait(lambda: memory.reads == 1 and follower._end == 2 * MIB)
        assert ahead == [MIB]
        memory.go.set()
        writer.join(30)

    assert ahead == [MIB, 2 * MIB, 3 * MIB, 4 * MIB]


def test_behind_its_end_nothing_is_read(memory):
    memory.go.clear()
    follower = behind.Follower(memory, hashlib.sha256(), 0)

    def write():
        with contextlib.suppress(RuntimeError), follower:
            follower.wrote(SIZE)
            wait(lambda: memory.reads == 1)
            raise RuntimeError("the upload broke off")

    writer = threading.Thread(target=write)
    writer.start()
    wait(lambda: follower._stopped)
    assert writer.is_alive()

    memory.go.set()
    writer.join(30)
    assert not writer.is_alive()
    assert memory.reads == 1


def test_what_cannot_be_read_again_is_an_error(memory):
    memory.data = memory.data[:MIB]

    with behind.Follower(memory, hashlib.sha256(), 0) as follower, pytest.raises(errors.Internal):
        follower.wrote(SIZE)
        follower.finish()


@pytest.fixture(params=["plain, memory", "tls, memory", "plain, disk", "tls, disk"])
def put(request, daemon, certificate, monkeypatch):
    """An upload on a connection of its own, to what is only in the page cache or to what is behind it."""
    context = tls.server_context(*certificate) if "tls" in request.param else None
    monkeypatch.setattr(direct, "in_memory", lambda descriptor: "memory" in request.param)
    server = httpd.Server(("127.0.0.1", 0), services.images_app(daemon.context), threads=2, tls=context)
    server.launch()
    address = "{}://{}:{}".format("https" if context else "http", *server.bind_addr)

    def put(ticket, data, digest_of):
        text = base64.b64encode(hashlib.sha256(digest_of).digest()).decode()
        with contextlib.closing(client.Connection(address, 30, tls.client_context(certificate[0]))) as connection:
            headers = {"Content-Digest": f"sha-256=:{text}:", "Content-Range": f"bytes 1000-{999 + len(data)}/*"}
            return ask(connection, "PUT", f"/images/{ticket}", headers, data)

    with (daemon.root / "probe").open("w+b") as probe:
        with file.File(kept.Opened(os.dup(probe.fileno()))) as backend:
            cached = backend.cached
    put.path = "tls" if context else "splice" if cached else "direct"
    yield put
    server.stop()


def test_a_large_body_that_matches_is_taken_by_the_fast_road(daemon, image, put):
    data = secrets.token_bytes(SIZE)
    ticket = daemon.ticket(image, size=SIZE + 1000)

    assert put(ticket, data, data).status == 200

    assert image.read(1000) == data
    assert daemon.durable(ticket) == [[1000, SIZE + 1000]]
    assert daemon.control.ticket(ticket)["path"] == put.path


@pytest.mark.parametrize("wrong", [0, 3 * MIB, SIZE - 1])
def test_a_large_body_with_one_wrong_byte_counts_for_nothing(daemon, image, put, wrong):
    data = bytearray(secrets.token_bytes(SIZE))
    ticket = daemon.ticket(image, size=SIZE + 1000)
    assert put(ticket, data, data).status == 200
    good = bytes(data)
    data[wrong] ^= 1

    answer = put(ticket, data, good)

    assert (answer.status, answer.code) == (400, "digest-mismatch")
    assert daemon.durable(ticket) == []
