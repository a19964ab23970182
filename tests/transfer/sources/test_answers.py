"""Every bad way in which a web server answers, or does not."""

import contextlib
import select
import threading
import time

import pytest

from appliance import errors
from appliance.transfer import sources
from appliance.transfer.sources import web
from tests.transfer.sources import web_server
from tests.transfer.sources.web_source import DATA, read, source


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

    assert raised.value.words["missing"] == len(DATA) - count and raised.value.words["expected"] == len(DATA)


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


def test_a_source_is_not_silent_however_slowly_it_sends(server, monkeypatch):
    over = threading.Event()

    @contextlib.contextmanager
    def within(*_):
        yield
        over.set()

    def script(handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        handler.wfile.write(b"disk" if over.wait(60) else b"")

    monkeypatch.setattr(sources, "within", within)
    server.scripts = [script]

    assert source(server).look().head == b"disk", "nothing but its silence ends it once it has begun"


@pytest.mark.parametrize(("length", "size"), [(b"Content-Length: 999\r\n", 999), (b"", None)])
def test_of_a_slow_source_a_look_takes_what_has_come(server, monkeypatch, length, size):
    def script(handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\nQFI\xfb")
        select.select([handler.connection], [], [], 60)

    monkeypatch.setattr(web, "HEAD_WITHIN", 0.0)
    server.scripts = [script]

    facts = source(server).look()

    assert (facts.head, facts.size) == (b"QFI\xfb", size)


def test_a_source_that_sends_a_byte_of_its_answer_now_and_then_does_not_keep_anybody_waiting(server, monkeypatch):
    monkeypatch.setattr(web, "LOOK", 0.5)

    def script(handler) -> None:
        for _ in range(10_000):
            handler.wfile.write(b"H")
            time.sleep(0.05)

    server.scripts = [script]

    with pytest.raises((errors.SourceSlow, errors.SourceStalled), match=r"0\.5 seconds"):
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


def test_a_server_that_is_not_there_is_told(server):
    url = server.url("/disk.img")
    server.socket.close()

    with pytest.raises(errors.SourceUnreachable, match="connection refused"):
        sources.open(url, server.policy()).look()
