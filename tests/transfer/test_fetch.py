"""Fetching: from a web server that misbehaves into the volume of a real host, and never anything but the right image."""

import contextlib
import gzip
import hashlib
import random
import threading
import time
import uuid

import psutil
import pytest

from appliance import errors
from appliance.transfer import download, fetch, sources, unpack
from imaged import client
from tests.transfer import room as rooms
from tests.transfer.sources import web_server
from tests.waiting import wait_for

MIB = 1 << 20
#: Two pieces and a bit, with a hole in it.
DATA = random.Random(7).randbytes(5 * MIB) + bytes(3 * MIB) + random.Random(8).randbytes(2 * MIB + 333)

SIZE = len(DATA)

PACK = {"gzip": lambda data: gzip.compress(data, 1, mtime=0), "zstd": unpack.zstd.compress}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.0)


@pytest.fixture
def server():
    with web_server.serving() as server:
        server.files["/disk.img"] = web_server.File(DATA)
        yield server


class Volume:
    """A volume of the host: its file, and a ticket for it. `again` is another ticket."""

    def __init__(self, daemon, size: int):
        running, root = daemon
        self.size = size
        self.path = root / f"{uuid.uuid4()}.img"
        self.path.touch(0o600)
        with self.path.open("r+b") as stream:
            stream.truncate(size)
        self.control = client.Control(running.control)
        self.images = client.Images(running.images)
        self.again()

    def again(self) -> None:
        self.ticket = str(uuid.uuid4())
        about = {"uuid": self.ticket, "size": self.size, "ops": ["write"], "timeout": 300, "sparse": True, "journal": True}
        self.control.put_ticket({**about, "url": f"file://{self.path}"})

    @property
    def durable(self) -> list[list[int]]:
        return self.control.ticket(self.ticket)["durable"]

    def revoke(self) -> None:
        self.control.delete_ticket(self.ticket)


@pytest.fixture
def volume(daemon):
    return Volume(daemon, len(DATA))


def fetching(server, volume, path="/disk.img", *, timeout=60.0, validator='"one"', total=SIZE, **words) -> fetch.Fetch:
    source = sources.open(server.url(path), server.policy(timeout=timeout))
    given = {"host": "host-1", "limit": volume.size, "attempts": 3, **words}
    return fetch.Fetch(source, volume.images, volume.ticket, validator=validator, total=total, **given)


def packed_fetching(server, volume, kind="gzip", **words) -> fetch.Fetch:
    data = PACK[kind](DATA)
    server.files["/disk.img"] = web_server.File(data)
    return fetching(server, volume, packed=kind, **{"total": len(data), **words})


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


def test_an_image_arrives_and_is_durable(server, volume):
    result = fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA
    assert volume.durable == [[0, len(DATA)]]
    assert (result.size, result.sha256, result.validator) == (len(DATA), hashlib.sha256(DATA).hexdigest(), '"one"')


def test_zeros_are_holes(server, volume):
    fetching(server, volume).run()

    assert volume.path.stat().st_blocks * 512 <= len(DATA) - 3 * MIB + 128 * 1024


def test_zeros_replace_what_was_there(server, volume):
    volume.path.write_bytes(b"x" * len(DATA))

    fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA


@pytest.mark.parametrize("kind", PACK)
def test_a_packed_image_is_unpacked(server, volume, kind):
    result = packed_fetching(server, volume, kind, digests=("md5", "sha512")).run()

    assert volume.path.read_bytes() == DATA
    assert result.size == len(DATA)
    assert result.sha256 == hashlib.sha256(server.files["/disk.img"].data).hexdigest()
    assert result.digests == {"md5": hashlib.md5(DATA).hexdigest(), "sha512": hashlib.sha512(DATA).hexdigest()}


def test_an_empty_image_is_empty(server, daemon):
    server.files["/disk.img"].data = b""

    assert fetching(server, Volume(daemon, 0), total=0).run().size == 0


def test_a_file_is_fetched_from_the_folder(volume, tmp_path):
    (tmp_path / "disk.img").write_bytes(DATA)
    source = sources.open(f"file://{tmp_path}/disk.img", sources.guard.Policy(schemes=("file",), folder=tmp_path))

    fetch.Fetch(source, volume.images, volume.ticket, host="host-1", limit=volume.size).run()

    assert volume.path.read_bytes() == DATA


@pytest.mark.parametrize("broken", [web_server.cut, web_server.reset])
def test_a_download_that_breaks_off_goes_on_where_it_was(server, volume, broken):
    server.scripts = [broken(3 * MIB), broken(2 * MIB)]

    result = fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA
    assert result.sha256 == hashlib.sha256(DATA).hexdigest()
    first, *others = server.asked("Range")
    assert first is None and len(others) == 2 and all(others)
    assert server.asked("If-Range") == [None, '"one"', '"one"']


def test_a_packed_download_that_breaks_off_goes_on_where_it_was(server, volume):
    server.scripts = [web_server.cut(3 * MIB)]

    packed_fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA
    assert server.asked("Range") == [None, f"bytes={3 * MIB}-"]


def test_a_source_without_parts_is_read_again_and_that_is_said(server, volume):
    server.files["/disk.img"].ranges = False
    server.scripts = [web_server.cut(3 * MIB)]
    coming = fetching(server, volume)

    result = coming.run()

    assert volume.path.read_bytes() == DATA
    assert result.sha256 == hashlib.sha256(DATA).hexdigest()
    assert coming.progress.restarts == 1


@pytest.mark.parametrize("etag", ['"one"', None])
def test_a_source_without_parts_that_is_another_one_the_second_time_is_noticed(server, volume, etag):
    server.files["/disk.img"].ranges, server.files["/disk.img"].etag = False, etag

    def change(handler) -> None:
        handler.give(3 * MIB)
        server.files["/disk.img"].data = b"x" + DATA[1:]

    server.scripts = [change]

    with pytest.raises(errors.SourceChanged):
        fetching(server, volume, validator=etag).run()


def test_a_source_that_changes_between_two_attempts_is_not_mixed(server, volume):
    def change(handler) -> None:
        handler.give(3 * MIB)
        server.files["/disk.img"] = web_server.File(bytes(len(DATA)), '"two"')

    server.scripts = [change]

    with pytest.raises(errors.SourceChanged):
        fetching(server, volume).run()
    assert volume.path.read_bytes() == DATA[: 3 * MIB] + bytes(len(DATA) - 3 * MIB)


def test_a_source_that_was_changed_before_is_not_begun(server, volume):
    with pytest.raises(errors.SourceChanged):
        fetching(server, volume, validator='"zero"').run()
    assert volume.durable == []


def test_a_source_of_another_size_than_it_had_is_not_fetched(server, volume):
    with pytest.raises(errors.SourceChanged):
        fetching(server, volume, total=len(DATA) - 1).run()


def test_what_may_pass_is_tried_again(server, volume):
    server.scripts = [web_server.status(503), web_server.status(429), web_server.raw(b"")]

    fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA


def test_a_source_without_progress_is_given_up(server, volume):
    server.scripts = [web_server.cut(MIB)] + [web_server.status(502)] * 9

    with pytest.raises(errors.SourceFailed):
        fetching(server, volume).run()

    assert len(server.requests) == 1 + 3 + 1 - 1
    assert volume.durable == [[0, MIB]], "what came is kept"


def test_attempts_count_from_the_last_byte_on(server, volume):
    server.scripts = [web_server.cut(MIB)] * 8

    fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA


@pytest.mark.parametrize(
    ("code", "error"), [(404, errors.SourceMissing), (403, errors.SourceForbidden), (416, errors.SourceRange), (400, errors.SourceFailed)]
)
def test_what_will_not_pass_is_told_at_once(server, volume, code, error):
    server.scripts = [web_server.status(code)]

    with pytest.raises(error):
        fetching(server, volume).run()
    assert len(server.requests) == 1


def test_a_source_that_stalls_is_asked_again(server, volume):
    server.scripts = [web_server.stall(3 * MIB), web_server.stall()]

    fetching(server, volume, timeout=1.0, attempts=50).run()

    assert volume.path.read_bytes() == DATA


def test_a_page_is_not_written(server, volume):
    server.files["/disk.img"] = web_server.File(b"<!doctype html>" + DATA)

    with pytest.raises(errors.NotAnImage):
        fetching(server, volume, total=None).run()
    assert volume.durable == []


def test_more_than_the_volume_takes_is_refused_before_it_is_written(server, volume):
    server.files["/disk.img"].data = DATA + b"x"

    with pytest.raises(errors.SourceLong):
        fetching(server, volume, total=None).run()
    assert volume.durable == []


def test_more_than_the_volume_takes_is_refused_though_nobody_announced_it(server, volume):
    server.files["/disk.img"] = web_server.File(DATA + b"x", headers={"Content-Length": None, "Connection": "close"})

    with pytest.raises(errors.SourceLong):
        fetching(server, volume, total=None).run()


def test_a_source_that_ends_without_a_length_before_it_should_is_told(server, volume):
    server.files["/disk.img"] = web_server.File(DATA[:-1], headers={"Content-Length": None}, ranges=False)

    with pytest.raises(errors.SourceShort):
        fetching(server, volume).run()


def test_a_wrong_checksum_is_told(server, volume):
    with pytest.raises(errors.WrongChecksum, match="0000"):
        fetching(server, volume, sha256="0" * 64).run()


@pytest.mark.parametrize("kind", [None, "gzip"])
def test_a_right_checksum_is_of_the_file_at_its_source(server, volume, kind):
    coming = packed_fetching if kind else fetching
    data = gzip.compress(DATA, 1, mtime=0) if kind else DATA

    assert coming(server, volume, sha256=hashlib.sha256(data).hexdigest()).run().size == len(DATA)


def test_a_bomb_ends_where_the_volume_does(server, volume):
    data = gzip.compress(bytes(40 * MIB))
    server.files["/disk.img"] = web_server.File(data)

    with pytest.raises(errors.ArchiveTooLarge):
        fetching(server, volume, packed="gzip", total=len(data)).run()
    assert volume.path.stat().st_size == len(DATA)


def test_a_packed_file_that_is_not_whole_is_told(server, volume):
    data = gzip.compress(DATA, 1, mtime=0)[:-100]
    server.files["/disk.img"] = web_server.File(data)

    with pytest.raises(errors.ArchiveTruncated):
        fetching(server, volume, packed="gzip", total=len(data)).run()


def first_run(coming: fetch.Fetch, server, volume) -> None:
    """Ends after 6 MiB of the source; another run has another ticket."""
    server.scripts = [web_server.cut(6 * MIB), web_server.status(404)]
    with pytest.raises(errors.SourceMissing):
        coming.run()
    server.requests.clear()
    volume.again()


def test_another_run_goes_on_from_what_is_durable(server, volume):
    first_run(fetching(server, volume), server, volume)
    assert volume.durable == [[0, 6 * MIB]]

    result = fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA
    assert server.asked("Range") == [f"bytes={6 * MIB}-"]
    assert result.sha256 is None, "of the whole nothing is known here"


def test_another_run_reads_the_beginning_from_the_host_if_digests_are_wanted(server, volume):
    first_run(fetching(server, volume), server, volume)

    result = fetching(server, volume, sha256=hashlib.sha256(DATA).hexdigest(), digests=("md5",)).run()

    assert server.asked("Range") == [f"bytes={6 * MIB}-"]
    assert result.digests == {"md5": hashlib.md5(DATA).hexdigest()}


def test_another_run_from_a_source_without_parts_begins_anew(server, volume):
    first_run(fetching(server, volume), server, volume)
    server.files["/disk.img"].ranges = False
    volume.path.write_bytes(bytes(len(DATA)))

    result = fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA, "all of it was written again"
    assert result.sha256 == hashlib.sha256(DATA).hexdigest()


def test_another_run_without_a_validator_believes_nothing(server, volume):
    server.files["/disk.img"].etag = None
    first_run(fetching(server, volume, validator=None), server, volume)
    volume.path.write_bytes(bytes(len(DATA)))

    fetching(server, volume, validator=None).run()

    assert volume.path.read_bytes() == DATA
    assert server.asked("Range") == [None]


def test_another_run_of_a_packed_file_does_not_write_again_what_is_durable(server, volume):
    first_run(packed_fetching(server, volume), server, volume)
    ((start, end),) = volume.durable
    assert start == 0 and end > 5 * MIB
    mark = b"as it was" + bytes(4096)
    with volume.path.open("r+b") as stream:
        stream.write(mark)

    packed_fetching(server, volume).run()

    assert volume.path.read_bytes() == mark + DATA[len(mark) :]
    assert volume.durable == [[0, len(DATA)]]
    assert server.asked("Range") == [None]


def test_another_run_asks_for_nothing_if_all_is_there(server, volume):
    fetching(server, volume).run()
    server.requests.clear()
    volume.again()

    assert fetching(server, volume).run().size == len(DATA)
    assert not server.requests


def test_a_gap_is_filled(server, volume):
    with volume.images.connection() as connection:
        about = [("Content-Length", "10"), ("Content-Range", f"bytes {7 * MIB}-{7 * MIB + 9}/*")]
        connection.start("PUT", f"/images/{volume.ticket}", about, bytes(10))
        connection.response().read()

    fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA
    assert volume.durable == [[0, len(DATA)]]


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


def test_a_ticket_that_is_not_there_is_told_as_the_relay_tells_it(server, volume):
    volume.revoke()

    with pytest.raises(fetch.Lost) as lost:
        fetching(server, volume).run()
    assert lost.value.code == "no-ticket"


def test_a_ticket_that_is_revoked_meanwhile_ends_the_fetch(server, volume):
    def script(handler) -> None:
        handler.give(5 * MIB)
        volume.revoke()

    server.scripts = [script]

    with pytest.raises(fetch.Lost) as lost:
        fetching(server, volume).run()
    assert lost.value.code in ("no-ticket", "ticket-canceled")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 507 No space\r\nError-Code: no-space\r\nContent-Length: 8\r\n\r\nNo space", "no-space"),
        (b"HTTP/1.1 403 Forbidden\r\nError-Code: ticket-expired\r\nContent-Length: 7\r\n\r\nExpired", "ticket-expired"),
        (b"", "host-down"),
        (b"SSH-2.0\r\n\r\n", "host-down"),
    ],
)
def test_a_host_that_takes_no_more_is_told_as_the_relay_tells_it(server, tmp_path, answer, code):
    def script(connection) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with rooms.scripted_host(tmp_path / "host", script) as address:
        coming = fetch.Fetch(sources.open(server.url("/disk.img"), server.policy()), client.Images(address), "t", host="h", limit=len(DATA))
        with pytest.raises(fetch.Lost) as lost:
            coming.run()

    assert lost.value.code == code


def test_a_host_that_says_no_for_another_reason_is_quoted(server, tmp_path):
    def script(connection) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 500 Internal\r\nError-Code: internal\r\nContent-Length: 9\r\n\r\nI/O error")

    with rooms.scripted_host(tmp_path / "host", script) as address:
        coming = fetch.Fetch(sources.open(server.url("/disk.img"), server.policy()), client.Images(address), "t", host="h", limit=len(DATA))
        with pytest.raises(errors.HostRefused, match="I/O error"):
            coming.run()


def test_what_the_host_forgot_is_noticed(server, volume, monkeypatch):
    monkeypatch.setattr(fetch.filling.Volume, "flush", lambda self: None)

    with pytest.raises(fetch.Lost, match="restarted"):
        fetching(server, volume).run()


def test_a_daemon_that_is_killed_in_the_middle_leaves_what_is_durable(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch.filling, "FLUSH_BYTES", 1)
    with rooms.daemon(tmp_path) as own:
        volume = Volume(own, len(DATA))

        def script(handler) -> None:
            handler.give(6 * MIB)
            handler.wfile.flush()
            wait_for(lambda: volume.durable, "a piece to be durable")
            psutil.Process(own[0].pid).kill()

        server.scripts = [script]
        with pytest.raises(fetch.Lost) as lost:
            fetching(server, volume).run()
        assert lost.value.code in ("host-down", "no-ticket")

        wait_for(lambda: back(volume), "the daemon to be back")
        ((start, end),) = volume.durable
        assert start == 0 and end >= fetch.PIECE
        server.requests.clear()
        assert fetching(server, volume).run().size == len(DATA)

        assert server.asked("Range") == [f"bytes={end}-"]
        assert volume.path.read_bytes() == DATA


def back(volume: Volume) -> bool:
    """Does the daemon take a ticket again?"""
    try:
        volume.again()
    except client.Unreachable:
        return False
    return True
