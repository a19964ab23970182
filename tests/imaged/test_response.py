"""Answers taken apart: where each ends, and that nothing passes which could be understood in two ways."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from imaged import response


@contextlib.contextmanager
def answering(data: bytes) -> Iterator[socket.socket]:
    """A connection on which the peer said `data`, and closed."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            theirs.sendall(data)
        ours.settimeout(10)
        yield ours


def parsed(data: bytes, method: str = "GET") -> tuple[response.Raw, bytes]:
    """The answer, and its whole body."""
    with answering(data) as sock:
        raw = response.Raw(sock, method)
        return raw, raw.read()


def test_an_answer_of_an_announced_length():
    raw, body = parsed(b"HTTP/1.1 201 Really Made\r\nContent-Length: 5\r\nX-Word:  two words \r\n\r\nhello")

    assert (raw.status, raw.reason, body, raw.reusable) == (201, "Really Made", b"hello", True)
    assert raw.headers["x-word"] == raw.headers.get("X-WORD") == "two words"
    assert "content-length" in raw.headers and "other" not in raw.headers
    assert raw.headers.items() == [("Content-Length", "5"), ("X-Word", "two words")]


def test_an_answer_without_a_reason():
    assert parsed(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n")[0].reason == ""


def test_chunks_make_one_body():
    raw, body = parsed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nA-Trailer: x\r\n\r\n")

    assert (body, raw.length, raw.reusable) == (b"hello world", None, True)


def test_a_body_that_ends_with_the_connection():
    raw, body = parsed(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    assert (body, raw.length, raw.reusable) == (b"all of it", None, False)


@pytest.mark.parametrize("method, status", [("HEAD", b"200 OK"), ("GET", b"204 No Content"), ("GET", b"304 Not Modified")])
def test_an_answer_that_has_no_body_whatever_it_announces(method, status):
    raw, body = parsed(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\n", method)

    assert (body, raw.reusable) == (b"", True)


@pytest.mark.parametrize("words", [b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close", b"HTTP/1.0 200 OK"])
def test_a_server_that_closes_is_believed(words):
    assert not parsed(words + b"\r\nContent-Length: 0\r\n\r\n")[0].reusable


def test_interim_answers_are_skipped():
    assert parsed(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")[0].status == 200


def test_a_body_is_read_in_parts_wherever_it_was_cut():
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + bytes(range(250)) * 80) as sock:
        raw = response.Raw(sock, "GET")
        buffer = memoryview(bytearray(7000))
        pieces = []
        while count := raw.readinto(buffer):
            pieces.append(bytes(buffer[:count]))

    assert list(map(len, pieces)) == [7000, 7000, 6000]
    assert b"".join(pieces) == bytes(range(250)) * 80


def test_what_follows_an_answer_that_nobody_asked_for_ends_the_connection():
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOKHTTP/1.1 200 OK\r\n\r\n") as sock:
        raw = response.Raw(sock, "GET")

        assert raw.read() == b"OK"
        assert not raw.reusable


def test_repeated_headers_are_one_list():
    assert parsed(b"HTTP/1.1 200 OK\r\nAllow: GET\r\nallow: PUT\r\nContent-Length: 0\r\n\r\n")[0].headers["Allow"] == "GET, PUT"


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-OpenSSH",
        b"HTTP/2 200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 abc OK",
        b"HTTP/1.1 +20 OK",
        b"HTTP/1.1  200 OK",
        b" HTTP/1.1 200 OK",
        b"HTTP/1.1 200 O\0K",
        b"HTTP/1.1 200 OK\r\nNo colon",
        b"HTTP/1.1 200 OK\r\nBlank before : colon",
        b"HTTP/1.1 200 OK\r\n: no name",
        b"HTTP/1.1 200 OK\r\nFolded: a\r\n b",
        b"HTTP/1.1 200 OK\r\nX: a\nContent-Length: 2",
        b"HTTP/1.1 200 OK\r\nX: a\rb",
        b"HTTP/1.1 200 OK\r\nX: a\0b",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0",
        b"HTTP/1.1 200 OK\r\nContent-Length: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 21,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 206 OK\r\nContent-Range: bytes 0-1/2\r\nContent-Range: bytes 0-1/3",
    ],
)
def test_a_head_that_makes_no_sense_or_two_is_refused(head):
    with pytest.raises(response.Malformed):
        parsed(head + b"\r\n\r\nxx")


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\n",
        b"-1\r\n",
        b"0x2\r\nab\r\n",
        b"2\r\nabc\r\n0\r\n\r\n",
        b"2 2\r\nab\r\n",
        b"\r\n",
        b"11111111111111111\r\n",
        b"1" * 5000,
        b"0\r\n" + 9 * (b"A: " + b"a" * 4000 + b"\r\n"),
    ],
)
def test_chunks_that_make_no_sense_are_refused(body):
    with pytest.raises(response.Malformed):
        parsed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_told_from_one_that_ends(data):
    with pytest.raises(response.BrokenOff):
        parsed(data)


def test_a_head_without_end_is_given_up():
    with pytest.raises(response.Malformed, match="too long"):
        parsed(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (100 << 10))


def test_interim_answers_without_end_are_given_up():
    with pytest.raises(response.Malformed, match="interim"):
        parsed(100 * b"HTTP/1.1 100 Continue\r\n\r\n")
