"""Web servers as sources: what is found out before, and what is read."""

import threading

import pytest

from appliance import errors
from appliance.transfer import sources
from tests.transfer.sources import web_server
from tests.transfer.sources.web_source import DATA, read, source, whole
from tests.waiting import wait_for


def test_a_look_tells_what_is_there(server):
    facts = source(server, "/disk.img?token=secret").look()

    assert (facts.name, facts.size, facts.content_type) == ("disk.img", len(DATA), "application/octet-stream")
    assert facts.resumable and facts.validator == '"one"'
    assert facts.head == DATA[: 1 << 20]
    assert facts.url == server.url("/disk.img?…")
    assert [method for method, _, _ in server.requests] == ["HEAD", "GET"]
    assert server.asked("Range") == ["bytes=0-1048575"]


@pytest.mark.parametrize("code", [403, 404, 405, 500, 501])
def test_a_server_that_knows_no_head_is_looked_at_all_the_same(server, code):
    server.scripted, server.scripts = {"HEAD"}, [web_server.status(code)]

    assert source(server).look().size == len(DATA)


def test_a_server_without_ranges_cannot_resume(server):
    server.files["/disk.img"].ranges = False

    facts = source(server).look()

    assert (facts.resumable, facts.size, len(facts.head)) == (False, len(DATA), 1 << 20)


@pytest.mark.parametrize("etag", [None, 'W/"weak"', "unquoted", '"a', '"a\u00a0b"x'])
def test_what_does_not_tell_versions_apart_is_no_validator(server, etag):
    server.files["/disk.img"].etag = etag

    facts = source(server).look()

    assert facts.validator is None and not facts.resumable


@pytest.mark.parametrize(
    ("modified", "used"), [("Fri, 15 Jan 2027 07:59:59 GMT", True), ("Fri, 15 Jan 2027 08:00:00 GMT", False), ("never", False)]
)
def test_a_date_is_a_validator_if_the_file_is_older_than_the_answer(server, modified, used):
    server.files["/disk.img"].etag = None
    server.files["/disk.img"].headers = {"Last-Modified": modified}

    assert source(server).look().validator == (modified if used else None)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="debian.iso"', "debian.iso"),
        ("attachment; filename*=UTF-8''d%C3%A9bian.iso", "débian.iso"),
        ("attachment; filename=\"d_bian.iso\"; filename*=UTF-8''d%C3%A9bian.iso", "débian.iso"),
        ("attachment; filename*=UTF-8''%2e%2e%2fdebian.iso", "debian.iso"),
        ("attachment; filename*=nonsense''d%FF.iso", "dÿ.iso"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\x\\\\y.iso"', "y.iso"),
        ('attachment; filename=".."', "disk.img"),
        ("attachment", "disk.img"),
        ('attachment; filename="a\x07b\x1b[31m.iso"', "ab[31m.iso"),
        ('attachment; filename="' + "a" * 300 + '"', "a" * 255),
    ],
)
def test_a_name_is_one_whatever_the_server_sends(server, disposition, name):
    server.files["/disk.img"].headers = {"Content-Disposition": disposition}

    assert source(server).look().name == name


def test_an_empty_file_is_empty(server):
    server.files["/disk.img"].data = b""

    facts = source(server).look()

    assert (facts.size, facts.head) == (0, b"")


def test_the_whole_file_is_read(server):
    assert read(source(server)) == DATA
    assert server.asked("Accept-Encoding") == ["identity"]


def test_a_part_is_asked_for_with_its_validator(server):
    with source(server).reading(1000, '"one"') as stream:
        assert (stream.start, stream.total) == (1000, len(DATA))
        assert whole(stream) == DATA[1000:]

    assert (server.asked("Range"), server.asked("If-Range")) == (["bytes=1000-"], ['"one"'])


def test_a_server_without_ranges_starts_at_zero_and_that_is_said(server):
    server.files["/disk.img"].ranges = False

    with source(server).reading(1000, '"one"') as stream:
        assert (stream.start, stream.total) == (0, len(DATA))


def test_without_a_validator_no_part_is_asked_for(server):
    with source(server).reading(1000) as stream:
        assert stream.start == 0

    assert server.asked("Range") == [None]


def test_another_version_is_not_read(server):
    server.files["/disk.img"].etag = '"two"'

    with pytest.raises(errors.SourceChanged):
        read(source(server), 1000, '"one"')


def test_another_version_is_noticed_though_the_server_gives_the_part(server):
    server.scripts = [web_server.status(206, DATA[5:], Content_Range=f"bytes 5-{len(DATA) - 1}/{len(DATA)}", ETag='"two"')]

    with pytest.raises(errors.SourceChanged):
        read(source(server), 5, '"one"')


@pytest.mark.parametrize("data", [b"5\r\nhello\r\n0\r\n\r\n"])
def test_a_body_in_chunks_is_read(server, data):
    server.scripts = [web_server.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data)]

    with source(server).reading() as stream:
        assert stream.total is None
        assert whole(stream) == b"hello"


def test_an_image_that_the_server_calls_a_page_is_an_image(server):
    server.files["/disk.img"].content_type = "text/html"

    assert source(server).look().head == DATA[: 1 << 20]


@pytest.mark.parametrize("count", [None, 1000])
def test_who_waits_for_a_silent_source_can_be_interrupted(server, count):
    server.scripts = [web_server.stall(count)]
    coming = source(server)
    raised = []

    def wait() -> None:
        try:
            read(coming)
        except sources.Interrupted as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_for(lambda: server.requests, "the request")
    coming.interrupt()
    thread.join(30)

    assert raised


def test_who_was_interrupted_asks_for_nothing_more(server):
    coming = source(server)
    coming.interrupt()

    with pytest.raises(sources.Interrupted):
        coming.look()
    assert not server.requests
