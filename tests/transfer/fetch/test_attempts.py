"""Attempts: what breaks off goes on where it was, what may pass is tried again, and two versions are never mixed."""

import hashlib

import pytest

from appliance import errors
from tests.transfer.fetch.fetched import DATA, MIB, fetching, packed_fetching
from tests.transfer.sources import web_server
from tests.waiting import wait_for


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


def test_a_source_that_sends_single_bytes_is_not_silent(server, volume):
    def script(handler) -> None:
        handler.give(0)
        for at in range(20):
            handler.wfile.write(DATA[at : at + 1])
            # Each is taken by itself, and no later one is needed for that.
            wait_for(lambda at=at: coming.progress.fetched > at, "the byte to be taken")
        handler.wfile.write(DATA[20:])

    server.scripts = [script]
    coming = fetching(server, volume)

    coming.run()

    assert volume.path.read_bytes() == DATA
    assert len(server.requests) == 1


def test_a_source_that_stalls_is_asked_again(server, volume):
    server.scripts = [web_server.stall(3 * MIB), web_server.stall()]

    fetching(server, volume, timeout=1.0, attempts=50).run()

    assert volume.path.read_bytes() == DATA
