"""The HTTP server under clients that want to hurt it: silent, dribbling and flooding."""

import contextlib
import os
import select
import socket
import ssl
import threading
import time

import pytest

from imaged.httpd import connection, tls
from tests.imaged.conftest import wait
from tests.imaged.httpd.serving import PATIENCE, REQUEST, busy, received, reply, running, served

# Half requests


@pytest.mark.parametrize("part", [b"GET /count HT", b"GET /count HTTP/1.1\r\nHost: a\r\nX-", b"\r\n", b"P"])
def test_half_a_head_takes_no_thread(serve, part):
    with serve(threads=2) as serving:
        for _ in range(20):
            serving.connect().sendall(part)

        assert served(serving.connect())


def test_two_hundred_silent_clients_delay_nobody(serve):
    with serve(threads=2) as serving:
        for number in range(200):
            serving.connect(plain=number % 2 == 0)

        began = time.monotonic()
        assert all(served(serving.connect()) for _ in range(10))
        assert time.monotonic() - began < PATIENCE / 3


def test_two_hundred_half_handshakes_delay_nobody(serve):
    with serve(threads=2) as serving:
        for _ in range(200):
            serving.connect(plain=True).sendall(b"\x16\x03\x01\x02\x00\x01")

        assert served(serving.connect())


def test_a_head_that_dribbles_for_ever_is_cut(serve, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_TIMEOUT", 0.5)
    with serve() as serving:
        sock = serving.connect()
        sock.sendall(b"GET /count HTTP/1.1\r\n")
        ended = threading.Event()

        def dribble():
            with contextlib.suppress(OSError):
                while not ended.wait(0.05):
                    sock.sendall(b"X: y\r\n")

        thread = threading.Thread(target=dribble)
        thread.start()
        data = received(sock)
        ended.set()
        thread.join()

        assert data.startswith(b"HTTP/1.1 408 ") and b"Error-Code: stalled" in data


def test_a_handshake_that_dribbles_for_ever_is_cut(certificate, monkeypatch):
    monkeypatch.setattr(connection, "HANDSHAKE_TIMEOUT", 0.5)
    with running(tls=tls.server_context(*certificate)) as serving, socket.create_connection(serving.bind_addr, PATIENCE) as sock:
        with contextlib.suppress(OSError):
            for byte in b"\x16\x03\x01\x3f\xff" + bytes(1 << 14):
                sock.sendall(bytes([byte]))
                if select.select([sock], [], [], 0.05)[0]:
                    break

        assert received(sock) == b""


def test_a_head_in_single_bytes_is_as_good_as_any(serve):
    with serve() as serving:
        sock = serving.connect()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in REQUEST:
            sock.sendall(bytes([byte]))

        assert reply(sock).startswith(b"HTTP/1.1 200")


def test_who_ends_within_a_head_is_told(serve):
    with serve() as serving:
        sock = serving.connect()
        sock.sendall(b"GET /count HTTP/1.1\r\nHost")
        socket.socket.shutdown(sock, socket.SHUT_WR)

        assert received(sock).startswith(b"HTTP/1.1 400")


def test_who_ends_before_a_head_gets_nothing(serve):
    with serve() as serving:
        sock = serving.connect()
        assert served(sock)
        socket.socket.shutdown(sock, socket.SHUT_WR)

        assert received(sock) == b""


def test_requests_that_share_a_tls_record_are_all_answered(serve):
    with serve() as serving:
        sock = serving.connect()
        sock.sendall(REQUEST * 50)

        assert all(reply(sock).endswith(b"\r\n\r\n3") for _ in range(50))


# Floods


@pytest.mark.parametrize(
    ("flood", "status"),
    [
        (b"GET /" + b"x" * (1 << 20), b"414"),
        (b"x" * (1 << 20), b"414"),
        (b"GET /count HTTP/1.1\r\nA: " + b"x" * (1 << 20), b"413"),
        (b"GET /count HTTP/1.1\r\n" + b"A: b\r\n" * 100_000, b"413"),
        (b"GET /count HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % number for number in range(100_000)), b"413"),
        (b"\r\n" * 100_000, b"400"),
        (b"\0" * 100_000, b"400"),
        (os.urandom(1) + b"\x80" * 100_000, b"4"),
        (REQUEST + b"\0" * 100_000, b"200"),
        (REQUEST + b"garbage that was pipelined\r\n\r\n" * 1000, b"200"),
    ],
)
def test_a_flood_is_answered_once_and_cut(serve, flood, status):
    with serve() as serving:
        data = _flooded(serving.connect(), flood)

        assert data.startswith(b"HTTP/1.1 " + status)
        last = data[data.rindex(b"HTTP/1.1 ") :]
        assert last.startswith(b"HTTP/1.1 4") and b"Connection: close" in last
        assert served(serving.connect())


def _flooded(sock, data):
    """Sends, and reads what is answered meanwhile, until the other side ends it. In one thread: two must not share a TLS socket."""
    sock.setblocking(False)
    rest, answer = memoryview(data), b""
    while True:
        try:
            while piece := sock.recv(65536):
                answer += piece
            return answer
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError:
            return answer
        try:
            rest = rest[sock.send(rest[:65536]) :] if rest else rest
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            # No more is taken; what was answered can still be read.
            rest = rest[:0]
        assert any(select.select([sock], [sock] if rest else [], [], 30)), "neither answered nor cut"


# Slow ones


def test_a_writer_that_stops_is_cut_after_the_timeout(serve):
    with serve(timeout=0.3) as serving:
        sock = serving.connect()
        sock.sendall(b"PUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")

        assert b"Nothing came for 0.3 seconds" in received(sock)


def test_a_reader_that_stops_is_cut_after_the_timeout(serve):
    with serve(timeout=0.3) as serving:
        sock = serving.connect()
        sock.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        wait(lambda: busy(serving), "the request does not run")

        wait(lambda: not busy(serving), "the reader is still waited for")


def test_who_reads_and_writes_slowly_but_steadily_is_served():
    with running(timeout=1) as serving, socket.create_connection(serving.bind_addr, PATIENCE) as sock:
        sock.sendall(b"PUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n")
        for _ in range(15):
            select.select([], [], [], 0.1)
            sock.sendall(b"x")

        assert reply(sock).endswith(b"\r\n\r\n15")


def test_a_kept_connection_that_stays_silent_is_closed(serve):
    with serve(timeout=0.3) as serving:
        sock = serving.connect()
        assert served(sock)

        assert received(sock) == b""


# What the application does


@pytest.mark.parametrize("path", [b"/pipe", b"/piping"])
def test_a_pipe_that_broke_behind_the_application_is_not_taken_for_the_clients(serve, path, caplog):
    with serve() as serving:
        sock = serving.connect()
        sock.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        data = received(sock)

        assert data.startswith(b"HTTP/1.1 500") if path == b"/pipe" else data.endswith(b"\r\n\r\n" + b"x" * 50)
        assert "Broken pipe" in caplog.text


def test_after_a_body_from_the_raw_socket_the_next_request_is_found(serve):
    with serve() as serving:
        sock = serving.connect()
        for size in (1, 9000, 70_000, 0, 300_000):
            sock.sendall(b"PUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
            assert reply(sock).endswith(b"\r\n\r\n%d" % size)
