"""The HTTP server under clients that want to hurt it: silent, dribbling, flooding, and very many."""

import contextlib
import http.client
import itertools
import os
import re
import resource
import select
import socket
import ssl
import threading
import time

import pytest

from imaged import httpd
from imaged.httpd import connection, limits, server, tls

PATIENCE = 30


def application(environ, start_response):
    """Answers with the number of bytes that came; /zeros yields without end; /pipe fails as a backend that is gone does."""
    path = environ["PATH_INFO"]
    if path == "/pipe":
        raise BrokenPipeError(32, "Broken pipe")
    if path == "/piping":
        start_response("200 OK", [("Content-Length", "100")])
        return breaking()
    if path == "/zeros":
        start_response("200 OK", [("Content-Length", str(1 << 40))])
        return itertools.repeat(memoryview(bytes(1 << 20)))
    if path == "/wait":
        assert environ["go"].wait(PATIENCE)
    body, buffer, count = httpd.Body(environ), memoryview(bytearray(1 << 16)), 0
    try:
        while came := body.readinto(buffer):
            count += came
    except (httpd.Stalled, httpd.ShortBody) as error:
        return answer(start_response, str(error), "400 Bad Request")
    return answer(start_response, str(count))


def breaking():
    yield b"x" * 50
    raise BrokenPipeError(32, "Broken pipe")


def answer(start_response, text, status="200 OK"):
    start_response(status, [("Content-Length", str(len(text)))])
    return [text.encode()]


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """On a busy machine: who is too many may take long to ask."""
    for module in (connection, server):
        monkeypatch.setattr(module, "REFUSAL_TIMEOUT", PATIENCE)


@contextlib.contextmanager
def running(bind=("127.0.0.1", 0), app=application, **options):
    serving = httpd.Server(bind, app, **{"threads": 4, "timeout": PATIENCE, "shutdown_timeout": 0.1, **options})
    serving.launch()
    try:
        yield serving
    finally:
        serving.stop()


@pytest.fixture(params=["plain", "secure"])
def serve(request, certificate):
    """`serve(**options)`: a server, plain and then with TLS; its `connect()` is a client's connection, shaken hands."""

    @contextlib.contextmanager
    def start(**options):
        context = tls.server_context(*certificate) if request.param == "secure" else None
        with running(tls=context, **options) as serving, contextlib.ExitStack() as stack:

            def connect(plain=False):
                sock = stack.enter_context(socket.create_connection(serving.bind_addr, PATIENCE))
                if context and not plain:
                    sock = stack.enter_context(tls.client_context(certificate[0]).wrap_socket(sock, server_hostname="127.0.0.1"))
                return sock

            serving.connect = connect
            yield serving

    return start


REQUEST = b"PUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"


def received(sock) -> bytes:
    """All that comes, until the other side closes."""
    data = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while more := sock.recv(1 << 16):
            data += more
    return data


def reply(sock) -> bytes:
    """One answer of this application."""
    data = b""
    while not (found := re.search(rb"content-length: (\d+)\r\n(?:.*\r\n)*?\r\n", data, re.IGNORECASE)) or len(data) < found.end() + int(
        found[1]
    ):
        more = sock.recv(1)
        assert more, data
        data += more
    return data


def served(sock) -> bool:
    sock.sendall(REQUEST)
    return reply(sock).startswith(b"HTTP/1.1 200")


def wait(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        select.select([], [], [], 0.005)


def busy(serving) -> int:
    return sum(worker.conn is not None for worker in serving.requests._threads)


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
        sock.sendall(b"GET /zeros HTTP/1.1\r\nHost: a\r\n\r\n")
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


# Very many


def refusal(sock) -> bytes:
    sock.sendall(REQUEST)
    return received(sock)


def assert_too_many(data: bytes) -> None:
    assert data.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 5\r\n" in data and b"\r\nError-Code: busy\r\n" in data and b"\r\nConnection: close\r\n" in data


def test_one_connection_too_many_from_an_address_is_told_so(serve):
    with serve(max_connections_each=3) as serving:
        kept = [serving.connect() for _ in range(3)]
        assert all(served(sock) for sock in kept)

        data = refusal(serving.connect())

        assert_too_many(data)
        assert data.endswith(b"There are 3 connections from this address already\n")
        assert all(served(sock) for sock in kept)


def test_one_connection_too_many_in_all_is_told_so(serve):
    with serve(max_connections=2) as serving:
        kept = [serving.connect() for _ in range(2)]
        assert all(served(sock) for sock in kept)

        data = refusal(serving.connect())

        assert_too_many(data)
        assert data.endswith(b"There are 2 connections already\n")


def test_a_connection_that_ended_makes_room(serve):
    with serve(max_connections_each=1) as serving:
        for _ in range(5):
            sock = serving.connect()
            wait_served(serving, sock)
            sock.close()


def wait_served(serving, sock):
    """The server may not have noticed yet that the one before has ended."""
    deadline = time.monotonic() + PATIENCE
    while not served(sock):
        assert time.monotonic() < deadline, "there is never room"
        sock = serving.connect()
    sock.close()


def test_another_address_has_its_own_room():
    with running(("0.0.0.0", 0), max_connections_each=1) as serving:
        with socket.create_connection(("127.0.0.1", serving.bind_addr[1]), PATIENCE) as one:
            assert served(one)
            with socket.create_connection(("127.0.0.1", serving.bind_addr[1]), PATIENCE, ("127.0.0.2", 0)) as other:
                assert served(other)


def test_who_is_too_many_and_silent_is_closed(serve, monkeypatch):
    monkeypatch.setattr(server, "REFUSAL_TIMEOUT", 0.2)
    monkeypatch.setattr(connection, "REFUSAL_TIMEOUT", 0.2)
    with serve(max_connections_each=1) as serving:
        assert served(serving.connect())

        assert received(serving.connect()) == b""


def test_beyond_those_who_are_told_connections_are_just_closed(serve, monkeypatch):
    monkeypatch.setattr(server, "MAX_REFUSED", 2)
    with serve(max_connections_each=1) as serving:
        assert served(serving.connect())
        told = [serving.connect() for _ in range(2)]
        wait(lambda: len(serving._refused) == 2, "they do not wait")

        assert received(serving.connect(plain=True)) == b""
        assert_too_many(refusal(told[0]))


def test_a_unix_socket_has_no_such_limit(tmp_path):
    path = os.path.relpath(tmp_path / "s")
    with running(path, max_connections=1, max_connections_each=1), contextlib.ExitStack() as stack:
        for _ in range(5):
            sock = stack.enter_context(socket.socket(socket.AF_UNIX))
            sock.connect(path)
            assert served(sock)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(one, other, same):
    counted = limits.Limits(10, 1)
    assert counted.enter(one) is None

    assert (counted.enter(other) is not None) == same


def test_a_request_without_a_thread_is_told_so(serve, monkeypatch):
    monkeypatch.setattr(server, "PATIENCE", 0.3)
    go = threading.Event()

    def app(environ, start_response):
        return application({**environ, "go": go}, start_response)

    with serve(threads=2, app=app) as serving:
        running_ = [serving.connect() for _ in range(2)]
        for sock in running_:
            sock.sendall(REQUEST.replace(b"/count", b"/wait"))
        wait(lambda: busy(serving) == 2, "they do not run")
        waiting = serving.connect(plain=True)
        if isinstance(running_[0], ssl.SSLSocket):
            # Nobody has shaken hands with it: it cannot be told.
            waiting.sendall(b"\x16\x03\x01")
            assert received(waiting) == b""
        else:
            assert_too_many(refusal(waiting))
        go.set()

        assert all(reply(sock).startswith(b"HTTP/1.1 200") for sock in running_)


def test_without_descriptors_left_the_server_waits_and_goes_on(monkeypatch, caplog):
    with running() as serving:
        kept = socket.create_connection(serving.bind_addr, PATIENCE)
        assert served(kept)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as late:
            late.settimeout(PATIENCE)
            lowest = os.dup(0)
            os.close(lowest)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
            try:
                late.connect(serving.bind_addr)
                late.sendall(REQUEST)
                wait(lambda: "Too many open files" in caplog.text, "nobody noticed")
                assert served(kept)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

            assert reply(late).startswith(b"HTTP/1.1 200")
        kept.close()
    # Told of a few times, not as often as the processor allows.
    assert caplog.text.count("Too many open files") < 100


def test_an_answer_while_it_stops_says_that_the_connection_ends():
    go = threading.Event()

    def app(environ, start_response):
        return application({**environ, "go": go}, start_response)

    with running(app=app, shutdown_timeout=PATIENCE) as serving:
        client = http.client.HTTPConnection(*serving.bind_addr, timeout=PATIENCE)
        client.request("PUT", "/wait", b"abc")
        wait(lambda: busy(serving), "it does not run")
        stopping = threading.Thread(target=serving.stop)
        stopping.start()
        wait(lambda: not serving.ready, "it does not stop")
        go.set()
        response = client.getresponse()

        assert (response.status, response.read(), response.getheader("Connection")) == (200, b"3", "close")
        stopping.join(PATIENCE)
        client.close()
