"""A fetch that runs: how far it is, how fast it may be, how much of it waits, and that it stops at once."""

import contextlib
import threading
import time

import pytest

from appliance.transfer import download, fetch, sources
from imaged import client
from tests.transfer import room as rooms
from tests.transfer.fetch.fetched import DATA, MIB, fetching
from tests.transfer.sources import web_server
from tests.waiting import wait_for


@contextlib.contextmanager
def running(fetching: fetch.Fetch):
    """It runs meanwhile; what it raised stands in the list, which `with` gives, afterwards."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            fetching.run()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield raised
    finally:
        fetching.stop()
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("count", [None, 0, 3 * MIB])
def test_a_silent_source_is_stopped_at_once(server, volume, count):
    server.scripts = [web_server.stall(count)]
    coming = fetching(server, volume, timeout=3600.0)

    with running(coming) as raised:
        wait_for(lambda: server.requests and coming.progress.fetched >= (count or 0), "bytes to come")

    assert isinstance(raised[0], fetch.Stopped)


def test_a_silent_host_is_stopped_at_once(server, tmp_path):
    asked = []

    def script(connection) -> None:
        asked.append(connection.recv(65536))
        while connection.recv(65536):
            """It takes all, and never answers."""

    with rooms.scripted_host(tmp_path / "host", script) as address:
        coming = fetch.Fetch(sources.open(server.url("/disk.img"), server.policy()), client.Images(address), "t", host="h", limit=len(DATA))
        with running(coming) as raised:
            wait_for(lambda: asked, "the host to be asked")

    assert isinstance(raised[0], fetch.Stopped)


def test_a_pause_between_two_attempts_is_stopped_at_once(server, volume, monkeypatch):
    monkeypatch.setattr(download, "FIRST_PAUSE", 3600.0)
    monkeypatch.setattr(download, "LONGEST_PAUSE", 3600.0)
    server.scripts = [web_server.status(503)] * 9
    coming = fetching(server, volume)

    with running(coming) as raised:
        wait_for(lambda: len(server.requests) == 2 and coming.progress.trouble, "the pause")
        assert coming.progress.trouble == "127.0.0.1 could not give us disk.img (it answered 503)."

    assert isinstance(raised[0], fetch.Stopped)


def test_what_was_stopped_before_it_began_does_nothing(server, volume):
    coming = fetching(server, volume)
    coming.stop()

    with pytest.raises(fetch.Stopped):
        coming.run()
    assert not server.requests and volume.durable == []


def test_progress_is_seen_from_elsewhere(server, volume, monkeypatch):
    monkeypatch.setattr(fetch, "SAMPLE_EVERY", 0.0)
    server.scripts = [web_server.stall(6 * MIB)]
    coming = fetching(server, volume)
    assert coming.progress == fetch.Progress(0, len(DATA), 0, 0.0, 0, "")

    with running(coming):
        wait_for(lambda: coming.progress.fetched == 6 * MIB, "the bytes")
        seen = coming.progress

    assert (seen.total, seen.restarts, seen.trouble) == (len(DATA), 0, "") and seen.rate > 0


def test_what_comes_slowly_is_kept_though_no_piece_is_full(server, volume, monkeypatch):
    monkeypatch.setattr(fetch, "HAND_ON", 0.0)
    monkeypatch.setattr(fetch.filling, "FLUSH_SECONDS", 0.0)
    server.scripts = [web_server.stall(100_000)]
    coming = fetching(server, volume)

    with running(coming):
        wait_for(lambda: volume.durable == [[0, 100_000]], "the bytes to be durable")
        assert coming.progress.written == 100_000


def test_bandwidth_is_limited(server, volume):
    server.files["/disk.img"] = web_server.File(DATA[:300_000])
    began = time.monotonic()

    fetching(server, volume, total=300_000, bandwidth=600_000).run()

    assert time.monotonic() - began >= 0.5


def test_no_more_than_a_few_pieces_wait_for_a_slow_host(server, tmp_path):
    size = 2 * fetch.PIECES * fetch.PIECE
    server.files["/disk.img"] = web_server.File(b"x" * size)
    release = threading.Event()

    def script(connection) -> None:
        connection.recv(65536)
        release.wait(120)

    with rooms.scripted_host(tmp_path / "host", script) as address:
        coming = fetch.Fetch(sources.open(server.url("/disk.img"), server.policy()), client.Images(address), "t", host="h", limit=size)
        with running(coming):
            wait_for(lambda: coming.progress.fetched == fetch.PIECES * fetch.PIECE, "the pieces to be full")
            release.wait(0.2)
            assert coming.progress.fetched == fetch.PIECES * fetch.PIECE
            release.set()
