"""Web servers as sources: what is found out before, what is read, and every bad way in which they answer."""

import contextlib
import logging
import threading
import time

import pytest

from appliance import errors
from appliance.transfer import sources
from tests.transfer.sources import web_server
from tests.waiting import wait_for

DATA = bytes(range(256)) * 4096 + b"the end"


@pytest.fixture
def server():
    with web_server.serving() as server:
        server.files["/disk.img"] = web_server.File(DATA)
        yield server


def source(server, path="/disk.img", credentials=None, **words):
    return sources.open(server.url(path), server.policy(**words), credentials)


def whole(stream) -> bytes:
    return b"".join(iter(lambda: stream.read(1 << 20), b""))


def read(source, start=0, validator=None) -> bytes:
    with source.reading(start, validator) as stream:
        return whole(stream)


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


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (401, errors.SourceForbidden),
        (403, errors.SourceForbidden),
        (404, errors.SourceMissing),
        (410, errors.SourceMissing),
        (416, errors.SourceRange),
        (400, errors.SourceFailed),
        (429, errors.SourceFailed),
        (500, errors.SourceFailed),
        (503, errors.SourceFailed),
        (204, errors.SourceFailed),
        (304, errors.SourceFailed),
        (300, errors.SourceFailed),
    ],
)
def test_an_answer_without_the_file_is_told_with_its_number(server, code, error):
    server.scripts = [web_server.status(code)]

    with pytest.raises(error) as raised:
        read(source(server, "/disk.img?sig=secret"))

    assert str(code) in raised.value.sentence or code == 416
    assert "secret" not in raised.value.sentence and raised.value.advice


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html; charset=utf-8", b"<!DOCTYPE html><title>Log in</title>"),
        ("application/octet-stream", b"\n <html><body>Log in"),
        ("application/x-iso9660-image", b"<!-- page --><!doctype HTML>"),
        ("text/html", b"Moved, sorry."),
        ("application/xhtml+xml", b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">'),
    ],
)
def test_a_page_is_no_image(server, content_type, body):
    server.files["/disk.img"] = web_server.File(body, content_type=content_type)

    for act in (lambda: source(server).look(), lambda: read(source(server))):
        with pytest.raises(errors.NotAnImage):
            act()


def test_an_image_that_the_server_calls_a_page_is_an_image(server):
    server.files["/disk.img"].content_type = "text/html"

    assert source(server).look().head == DATA[: 1 << 20]


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
def test_an_encoding_that_was_not_asked_for_is_refused(server, encoding):
    server.files["/disk.img"].headers = {"Content-Encoding": encoding}

    with pytest.raises(errors.SourceEncoded, match=encoding):
        read(source(server))


@pytest.mark.parametrize("count", [0, 1000, len(DATA) - 1])
def test_a_body_that_ends_before_its_length_is_told(server, count):
    server.scripts = [web_server.cut(count)]

    with pytest.raises(errors.SourceShort) as raised:
        read(source(server))

    assert raised.value.words["received"] == count and raised.value.words["expected"] == len(DATA)


def test_what_came_before_the_connection_was_torn_is_given(server):
    server.scripts = [web_server.reset(100_000)]
    found = bytearray()

    with pytest.raises((errors.SourceReset, errors.SourceShort)), source(server).reading() as stream:
        while data := stream.read(1 << 20):
            found += data

    assert bytes(found) == DATA[: len(found)]


@pytest.mark.parametrize("body", [b"5\r\nhel", b"5\r\nhello\r\n", b"5\r\nhello\r\nxyz\r\n", b""])
def test_chunks_that_break_off_are_told(server, body):
    server.scripts = [web_server.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)]

    with pytest.raises((errors.SourceReset, errors.SourceGarbled)):
        read(source(server))


@pytest.mark.parametrize("count", [None, 0, 1000])
def test_a_source_that_falls_silent_is_told(server, count):
    server.scripts = [web_server.stall(count)]

    with pytest.raises(errors.SourceStalled, match=r"0\.3 seconds"):
        read(source(server, timeout=0.3))


def test_a_source_that_sends_a_byte_now_and_then_does_not_keep_anybody_waiting(server):
    def script(handler) -> None:
        for _ in range(10_000):
            handler.wfile.write(b"H")
            time.sleep(0.05)

    server.scripts = [script]

    with pytest.raises(errors.SourceStalled):
        source(server, timeout=0.5).look()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x" * 70000,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ],
    ids=["nothing", "SSH", "TLS", "no status", "endless line", "too many headers", "two lengths"],
)
def test_what_is_no_proper_answer_is_told(server, answer):
    server.scripts = [web_server.raw(answer)]

    with pytest.raises((errors.SourceGarbled, errors.SourceReset)):
        read(source(server))


@pytest.mark.parametrize(
    "given",
    [
        "bytes 6-1048582/1048583",
        "bytes 5-1048582/1048582",
        "bytes 5-4/1048583",
        "bytes 5-9/1048583",
        "bytes */1048583",
        "items 5-1048582/1048583",
        "",
        "bytes 5-1048582/10485830000000000000000000",
    ],
)
def test_another_part_than_the_one_that_was_asked_for_is_refused(server, given):
    server.scripts = [web_server.status(206, DATA[5:], Content_Range=given, ETag='"one"')]

    with pytest.raises(errors.SourceRange):
        read(source(server), 5, '"one"')


def test_several_parts_at_once_are_refused(server):
    server.scripts = [web_server.status(206, DATA, Content_Type="multipart/byteranges; boundary=x", ETag='"one"')]

    with pytest.raises(errors.SourceRange):
        read(source(server), 5, '"one"')


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(server, code):
    server.scripts = [web_server.redirect("/disk.img", code)]

    assert read(source(server, "/latest")) == DATA


def test_the_name_is_that_of_where_a_redirect_leads(server):
    server.scripted, server.scripts = {"HEAD", "GET"}, [web_server.redirect("/disk.img")] * 2

    # Each is answered where it leads to.
    server.scripts.insert(1, lambda handler: handler.give())

    assert source(server, "/latest").look().name == "disk.img"


def test_redirects_end(server):
    server.scripts = [web_server.redirect("/disk.img")] * 4

    with pytest.raises(errors.BadRedirect, match="more than the 3 times"):
        read(source(server, redirects=3))
    assert len(server.requests) == 4


def test_no_redirect_is_followed_where_none_is_allowed(server):
    server.scripts = [web_server.redirect("/disk.img")]

    with pytest.raises(errors.BadRedirect):
        read(source(server, redirects=0))


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "http://[::ffff:10.0.0.1]:80/", "http://169.254.169.254/latest/meta-data/", "http://2130706434/"]
)
def test_a_redirect_to_what_is_not_fetched_from_is_refused(server, location):
    server.scripts = [web_server.redirect(location)]
    allowed = server.policy(networks=(web_server.LOOPBACK[0].__class__("127.0.0.1/32"),))

    with pytest.raises((errors.BadRedirect, errors.AddressRefused)):
        read(sources.open(server.url("/disk.img"), allowed))
    assert len(server.requests) == 1


def test_a_redirect_without_a_place_is_no_file(server):
    server.scripts = [web_server.status(302)]

    with pytest.raises(errors.SourceFailed):
        read(source(server))


@pytest.mark.parametrize(
    ("credentials", "sent"),
    [(sources.Credentials(user="jo", password="sécret"), "Basic am86c8OpY3JldA=="), (sources.Credentials(bearer="t0ken"), "Bearer t0ken")],
    ids=["basic", "bearer"],
)
def test_credentials_are_sent(server, credentials, sent):
    source(server, credentials=credentials).look()

    assert [headers.get("Authorization") for _, _, headers in server.requests] == [sent, sent]


def test_credentials_go_along_with_a_redirect_on_the_same_server(server):
    server.scripts = [web_server.redirect("/disk.img")]

    read(source(server, credentials=sources.Credentials(bearer="t0ken")))

    assert server.asked("Authorization") == ["Bearer t0ken"] * 2


def test_credentials_do_not_go_to_another_server(server):
    with web_server.serving() as other:
        other.files["/disk.img"] = web_server.File(DATA)
        server.scripts = [web_server.redirect(other.url("/disk.img"))]

        assert read(source(server, credentials=sources.Credentials(bearer="t0ken"))) == DATA

    assert other.asked("Authorization") == [None]


def test_credentials_do_not_come_back_from_another_server(server):
    with web_server.serving() as other:
        other.scripts = [web_server.redirect(server.url("/disk.img"))]
        server.scripts = [web_server.redirect(other.url("/there"))]

        read(source(server, credentials=sources.Credentials(bearer="t0ken")))

    assert server.asked("Authorization") == ["Bearer t0ken", None]


def test_nothing_secret_is_logged(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.scripts = [web_server.status(403), web_server.redirect("/disk.img?sig=hidden"), web_server.cut(5)]

    for _ in range(3):
        with contextlib.suppress(errors.ApplianceError):
            read(source(server, "/disk.img?sig=hidden", sources.Credentials(user="jo", password="s3cret")))

    assert "s3cret" not in caplog.text and "hidden" not in caplog.text and "Basic" not in caplog.text


def test_a_server_that_is_not_there_is_told(server):
    url = server.url("/disk.img")
    server.socket.close()

    with pytest.raises(errors.SourceUnreachable, match="connection refused"):
        sources.open(url, server.policy()).look()


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


def test_a_neighbour_is_asked_for_with_the_same_credentials_and_without_the_query(server):
    server.files["/a/b/SHA256SUMS"] = web_server.File(b"sums")
    there = sources.open(server.url("/a/b/disk.img?sig=x"), server.policy(), sources.Credentials(bearer="t")).beside("SHA256SUMS")

    assert read(there) == b"sums"
    assert server.asked("Authorization") == ["Bearer t"]
