"""The fast road: bodies that go by a pipe end, break off and stall as those that are read."""

import contextlib
import os
import secrets
import socket
import threading

import pytest

from imaged import httpd, sockets
from imaged.httpd import pipe

SIZE = (3 << 20) + 12345


@contextlib.contextmanager
def serving(tmp_path, timeout=10.0):
    """A server that writes bodies to `tmp_path/out` by a pipe, and answers how it went."""
    out = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)

    def application(environ, start_response):
        body = httpd.Body(environ)
        status, done = "200 OK", 0
        try:
            with httpd.Pipe() as road:
                while count := body.splice(road):
                    road.into_file(out, count, done)
                    done += count
        except httpd.ShortBody:
            status = "400 Bad Request"
        except httpd.Stalled:
            status = "408 Request Timeout"
        start_response(status, [("Content-Length", "0"), ("Received", str(body.received))])
        return []

    server = httpd.Server(str(tmp_path / "socket"), application, threads=2, timeout=timeout)
    server.launch()
    try:
        yield str(tmp_path / "socket")
    finally:
        server.stop()
        os.close(out)


@contextlib.contextmanager
def talking(path):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(20)
        peer.connect(path)
        yield peer


def head(size):
    return f"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()


def answer(peer):
    text = b""
    while b"\r\n\r\n" not in text:
        text += peer.recv(4096)
    return text.split(b"\r\n")[0].decode()


def test_what_is_spliced_is_what_was_sent_and_the_connection_goes_on(tmp_path):
    first, second = secrets.token_bytes(SIZE), secrets.token_bytes(SIZE)
    with serving(tmp_path) as path, talking(path) as peer:
        # The body's beginning comes with the headers, and is in a buffer already.
        peer.sendall(head(SIZE) + first)
        assert answer(peer) == "HTTP/1.1 200 OK"
        assert (tmp_path / "out").read_bytes() == first

        peer.sendall(head(SIZE) + second)
        assert answer(peer) == "HTTP/1.1 200 OK"
    assert (tmp_path / "out").read_bytes() == second


def test_a_body_that_breaks_off_keeps_what_came(tmp_path):
    data = secrets.token_bytes(SIZE)
    with serving(tmp_path) as path, talking(path) as peer:
        peer.sendall(head(SIZE) + data[: SIZE // 2])
        peer.shutdown(socket.SHUT_WR)

        assert answer(peer) == "HTTP/1.1 400 Bad Request"
    assert (tmp_path / "out").read_bytes() == data[: SIZE // 2]


def test_a_body_that_stalls_is_given_up(tmp_path):
    with serving(tmp_path, timeout=0.3) as path, talking(path) as peer:
        peer.sendall(head(SIZE) + b"x" * 1000)

        assert answer(peer) == "HTTP/1.1 408 Request Timeout"


def test_a_peer_that_takes_nothing_is_given_up():
    ours, theirs = socket.socketpair()
    sockets.wait_at_most(ours, 0.2, socket.SO_SNDTIMEO)
    with ours, theirs, pipe.Pipe() as road, pytest.raises(TimeoutError):
        while True:
            road.put(b"x" * 4096)
            road.into_socket(ours, 4096)


def test_a_slow_peer_gets_everything():
    ours, theirs = socket.socketpair()
    sockets.wait_at_most(ours, 10, socket.SO_SNDTIMEO)
    data, received = secrets.token_bytes(SIZE), bytearray()

    def read():
        while len(received) < SIZE:
            received.extend(theirs.recv(1000))

    with ours, theirs, pipe.Pipe() as road:
        reader = threading.Thread(target=read)
        reader.start()
        for start in range(0, SIZE, 4096):
            piece = data[start : start + 4096]
            road.put(piece)
            road.into_socket(ours, len(piece))
        reader.join()
    assert received == data


def test_a_file_that_cannot_grow_is_an_error_and_no_end(tmp_path):
    with pipe.Pipe() as road, open("/dev/full", "wb", buffering=0) as full:
        road.put(b"x" * 100)

        with pytest.raises(OSError):
            road.into_file(full.fileno(), 100, 0)
