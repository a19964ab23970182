"""The HTTP server: requests whose heads are malformed, or mean two things."""

import pytest

from tests.imaged.httpd.serving import say


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Content-Length: 3\r\nContent-Length: 3",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Content-Length: -3",
        b"Content-Length: 3, 3",
        b"Content-Length : 3",
        b"Host: a\r\nHost: b",
        b" folded: 1",
        b"A: b\r\n c",
        b"A: b\0c",
        b"no colon",
        b": no name",
        b"A: b\nC: d",
    ],
)
def test_headers_that_can_be_understood_in_two_ways_are_400_and_closed(plain, head):
    received = say(plain, b"PUT /echo HTTP/1.1\r\n" + head + b"\r\n\r\nabcd")

    assert received.startswith(b"HTTP/1.1 400")
    assert received.count(b"HTTP/1.1") == 1


def test_a_header_with_an_underscore_cannot_pass_for_another(plain):
    received = say(plain, b"GET /headers HTTP/1.1\r\nContent_Length: 5\r\nX_Y: 1\r\nConnection: close\r\n\r\n")

    assert b"['HTTP_CONNECTION']" in received


@pytest.mark.parametrize(
    "request_",
    [b"GET /echo HTTP/1.1\r\nA: " + b"x" * 70_000 + b"\r\n\r\n", b"GET /echo HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n"],
)
def test_headers_are_capped(plain, request_):
    assert say(plain, request_).startswith(b"HTTP/1.1 413")


def test_a_target_is_capped(plain):
    assert say(plain, b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 414")


@pytest.mark.parametrize("line", [b"nonsense", b"GET /echo", b"GET /echo HTTP/x", b"get /echo HTTP/1.1", b"GET echo HTTP/1.1"])
def test_a_request_line_that_makes_no_sense_is_400(plain, line):
    assert say(plain, line + b"\r\n\r\n").startswith(b"HTTP/1.1 400")
