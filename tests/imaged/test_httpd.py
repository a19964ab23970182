"""The HTTP server: silent, hasty, greedy and malformed clients, plain and over TLS."""

import contextlib
import http.client
import os
import socket
import ssl
import stat
import threading
import time

import pytest

from imaged import httpd
from imaged.httpd import linger, tls
from tests.imaged.conftest import wait

BLOCK = b"x" * (1 << 20)


def application(environ, start_response):
    """/echo answers the body, /count its length, /refuse nothing of it; /zeros yields 16 MiB; /fail fails."""
    path = environ["PATH_INFO"]
    body = httpd.Body(environ)
    if path == "/fail":
        raise FileNotFoundError("secret.txt")
    if path == "/refuse" or "HTTP_TRANSFER_ENCODING" in environ:
        return answer(start_response, b"no", "403 Forbidden")
    if path == "/zeros":
        start_response("200 OK", [("Content-Length", str(16 << 20))])
        return (memoryview(bytes(1 << 20)) for _ in range(16))
    if path == "/break":
        start_response("200 OK", [("Content-Length", "100")])
        return broken()
    if path == "/headers":
        return answer(start_response, repr(sorted(name for name in environ if name.startswith(("HTTP_", "CONTENT_")))).encode())
    buffer = memoryview(bytearray(3000 if path == "/echo" else 1 << 20))
    pieces, total = [], 0
    try:
        while count := body.readinto(buffer):
            total += count
            if path == "/echo":
                pieces.append(bytes(buffer[:count]))
    except httpd.ShortBody as error:
        return answer(start_response, str(error).encode(), "400 Bad Request")
    except httpd.Stalled as error:
        return answer(start_response, str(error).encode(), "408 Request Timeout")
    return answer(start_response, b"".join(pieces) if path == "/echo" else str(total).encode())


def answer(start_response, data, status="200 OK"):
    start_response(status, [("Content-Length", str(len(data)))])
    return [data]


def broken():
    yield b"x" * 50
    raise httpd.Abort("no more")


@contextlib.contextmanager
def running(**options):
    server = httpd.Server(("127.0.0.1", 0), application, **{"threads": 4, "timeout": 10, **options})
    server.launch()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def plain():
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def secure(certificate):
    with running(tls=tls.server_context(*certificate)) as server:
        yield server


@pytest.fixture(params=["plain", "secure"])
def either(request, plain, secure, certificate):
    """A function that connects: to the plain server, then to the one with TLS."""
    if request.param == "plain":
        return lambda: http.client.HTTPConnection(*plain.bind_addr, timeout=10)
    context = tls.client_context(certificate[0])
    return lambda: http.client.HTTPSConnection(*secure.bind_addr, timeout=10, context=context)


def say(server, data: bytes, more: bytes = b"") -> bytes:
    """What the server says to these bytes, until it closes."""
    with socket.create_connection(server.bind_addr, 10) as sock:
        sock.sendall(data)
        received = b""
        with contextlib.suppress(ConnectionError):
            while got := sock.recv(1 << 16):
                received += got
        return received


def memory() -> int:
    """This process's peak of resident memory, bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))


@contextlib.contextmanager
def little_memory(limit: int = 48 << 20):
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = memory()
    yield
    assert memory() - before < limit


# Bodies


@pytest.mark.parametrize("size", [0, 1, 2999, 3000, 3001, 8192, 100_000, 1 << 20])
def test_a_body_comes_through_whole(either, size):
    data = os.urandom(size)
    connection = either()

    connection.request("PUT", "/echo", data)

    assert connection.getresponse().read() == data
    connection.close()


def test_a_connection_serves_one_body_after_the_other(either):
    connection = either()
    for number in range(5):
        connection.request("PUT", "/echo", str(number) * 5000)
        assert connection.getresponse().read() == str(number).encode() * 5000
    connection.close()


def test_two_requests_sent_together_are_both_answered(plain):
    request = b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"

    received = say(plain, request + b"abc" + request.replace(b"a\r\n", b"a\r\nConnection: close\r\n") + b"def")

    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert b"abc" in received and received.endswith(b"def")


def test_a_big_body_takes_no_memory(either):
    connection = either()
    connection.putrequest("PUT", "/count")
    connection.putheader("Content-Length", str(128 << 20))
    connection.endheaders()

    with little_memory():
        for _ in range(128):
            connection.send(BLOCK)
        assert connection.getresponse().read() == str(128 << 20).encode()
    connection.close()


def test_a_big_body_that_is_refused_takes_no_memory_and_the_answer_arrives(either):
    connection = either()
    connection.putrequest("PUT", "/refuse")
    connection.putheader("Content-Length", str(1 << 30))
    connection.endheaders()

    with little_memory():
        with contextlib.suppress(ConnectionError):
            for _ in range(128):
                connection.send(BLOCK)
        response = connection.getresponse()

    assert (response.status, response.getheader("Connection"), response.read()) == (403, "close", b"no")
    connection.close()


def test_a_small_body_that_is_refused_closes_the_connection_too(plain):
    received = say(plain, b"PUT /refuse HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /zeros HTTP/1.1\r\n\r\n")

    assert received.count(b"HTTP/1.1") == 1


def test_a_body_that_ends_early_is_noticed_at_once(either):
    connection = either()
    connection.putrequest("PUT", "/echo")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"x" * 10)
    socket.socket.shutdown(connection.sock, socket.SHUT_WR)

    assert connection.getresponse().read() == b"Requested 100 bytes, available 10 bytes"
    connection.close()


def test_a_body_that_stalls_is_given_up(certificate):
    for context in (None, tls.server_context(*certificate)):
        with running(tls=context, timeout=0.5, shutdown_timeout=0.1) as server:
            sock = socket.create_connection(server.bind_addr, 10)
            if context:
                sock = tls.client_context(certificate[0]).wrap_socket(sock, server_hostname="127.0.0.1")
            sock.sendall(b"PUT /echo HTTP/1.1\r\nContent-Length: 100\r\n\r\nx")

            assert sock.makefile("rb").read().endswith(b"Nothing came for 0.5 seconds")
            sock.close()


def test_a_client_that_expects_100_continue_gets_it(plain):
    with socket.create_connection(plain.bind_addr, 10) as sock:
        sock.sendall(b"PUT /echo HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"abc")
        assert b"200 OK" in sock.recv(1000)


def test_a_chunked_body_is_never_taken_for_a_request(plain):
    received = say(plain, b"PUT /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nGET /zeros HTTP/1.1\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 403")
    assert received.count(b"HTTP/1.1") == 1


# Answers


def test_a_big_answer_comes_through_whole(either):
    connection = either()
    connection.request("GET", "/zeros")

    assert connection.getresponse().read() == bytes(16 << 20)
    connection.close()


def test_an_answer_that_breaks_off_closes_the_connection(plain):
    received = say(plain, b"GET /break HTTP/1.1\r\n\r\n")

    assert received.endswith(b"\r\n\r\n" + b"x" * 50)


def test_a_failure_of_the_application_is_logged_and_not_told(plain, caplog):
    received = say(plain, b"GET /fail HTTP/1.1\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 500")
    assert b"secret" not in received and b"Traceback" not in received
    assert "secret.txt" in caplog.text


# Headers


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


# Connections


def test_silent_clients_take_no_thread(either, plain, secure):
    silent = [socket.create_connection(server.bind_addr) for server in (plain, secure) for _ in range(20)]
    connection = either()

    began = time.monotonic()
    connection.request("PUT", "/echo", b"abc")

    assert connection.getresponse().read() == b"abc"
    assert time.monotonic() - began < 2
    for sock in (connection, *silent):
        sock.close()


def test_clients_that_are_silent_after_their_handshake_take_no_thread(secure, certificate):
    context = tls.client_context(certificate[0])
    silent = [context.wrap_socket(socket.create_connection(secure.bind_addr), server_hostname="127.0.0.1") for _ in range(10)]
    connection = http.client.HTTPSConnection(*secure.bind_addr, timeout=5, context=context)

    connection.request("PUT", "/echo", b"abc")

    assert connection.getresponse().read() == b"abc"
    for sock in (connection, *silent):
        sock.close()


def test_half_a_handshake_blocks_its_own_thread_alone(secure, certificate):
    stuck = socket.create_connection(secure.bind_addr)
    stuck.sendall(b"\x16\x03\x01")
    connection = http.client.HTTPSConnection(*secure.bind_addr, timeout=5, context=tls.client_context(certificate[0]))

    connection.request("PUT", "/echo", b"abc")

    assert connection.getresponse().read() == b"abc"
    connection.close()
    stuck.close()


def test_half_a_handshake_is_given_up(certificate):
    with running(tls=tls.server_context(*certificate), timeout=0.3) as server, socket.create_connection(server.bind_addr, 10) as sock:
        sock.sendall(b"\x16\x03\x01")
        assert sock.recv(1000) == b""


def test_a_silent_connection_is_closed_after_the_timeout():
    with running(timeout=0.3) as server, socket.create_connection(server.bind_addr, 10) as sock:
        assert sock.recv(1000) == b""


def test_plain_http_to_the_tls_port_is_told_so(secure):
    received = say(secure, b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 400")
    assert b"https://" in received


def test_nonsense_to_the_tls_port_is_closed(secure):
    assert not say(secure, os.urandom(100)).startswith(b"HTTP")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_below_1_2_is_refused(secure, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificate[0])
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises((ssl.SSLError, ConnectionError)), socket.create_connection(secure.bind_addr, 10) as sock:
        context.wrap_socket(sock, server_hostname="127.0.0.1")


def test_a_client_without_certificate_is_refused_where_one_is_asked_for(certificate):
    with running(tls=tls.server_context(*certificate, client_ca=certificate[0])) as server:
        with_one = http.client.HTTPSConnection(*server.bind_addr, timeout=5, context=tls.client_context(certificate[0], *certificate))
        with_one.request("PUT", "/echo", b"abc")
        assert with_one.getresponse().status == 200
        with_one.close()

        without = http.client.HTTPSConnection(*server.bind_addr, timeout=5, context=tls.client_context(certificate[0]))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            without.request("PUT", "/echo", b"abc")
            without.getresponse()
        without.close()


def test_a_unix_socket_is_its_owners_alone_and_goes_with_the_server(tmp_path):
    path = str(tmp_path / "s")
    server = httpd.Server(path, application, threads=2)
    server.launch()

    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    server.stop()
    assert not os.path.exists(path)


def test_a_file_that_is_no_socket_is_never_replaced_by_one(tmp_path):
    path = tmp_path / "s"
    path.write_bytes(b"precious")

    with pytest.raises(OSError, match="not a socket"):
        httpd.Server(str(path), application, threads=2).prepare()

    assert path.read_bytes() == b"precious"


def test_a_stalled_upload_does_not_delay_the_stop():
    server = httpd.Server(("127.0.0.1", 0), application, threads=2, timeout=60, shutdown_timeout=0.1)
    server.launch()
    sock = socket.create_connection(server.bind_addr)
    sock.sendall(b"PUT /echo HTTP/1.1\r\nContent-Length: 100\r\n\r\nx")
    wait(lambda: any(worker.conn for worker in server.requests._threads))

    began = time.monotonic()
    server.stop()

    assert time.monotonic() - began < 5
    sock.close()


def test_a_reader_that_stops_reading_is_given_up():
    with running(timeout=0.3) as server, socket.create_connection(server.bind_addr, 10) as sock:
        sock.sendall(b"GET /zeros HTTP/1.1\r\n\r\n")
        wait(lambda: any(worker.conn for worker in server.requests._threads))
        wait(lambda: not any(worker.conn for worker in server.requests._threads))

        assert not any(worker.conn for worker in server.requests._threads)


def test_the_linger_is_bounded(plain, monkeypatch):
    monkeypatch.setattr(linger, "LONGEST", 0.3)
    sock = socket.create_connection(plain.bind_addr, 10)
    sock.sendall(b"PUT /refuse HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n")
    ended = threading.Event()

    def flood() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(BLOCK)
        ended.set()

    threading.Thread(target=flood, daemon=True).start()

    assert ended.wait(10)
    sock.close()


def test_clients_that_send_on_after_a_refusal_take_no_threads(monkeypatch):
    monkeypatch.setattr(linger, "SILENCE", 30)
    monkeypatch.setattr(linger, "LONGEST", 30)
    with running(threads=4) as server, contextlib.ExitStack() as stack:
        for _ in range(16):
            sock = stack.enter_context(socket.create_connection(server.bind_addr, 10))
            sock.sendall(b"PUT /refuse HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
            assert sock.recv(1 << 16).startswith(b"HTTP/1.1 403")

        began = time.monotonic()
        answer = say(server, b"PUT /count HTTP/1.1\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")

        assert answer.startswith(b"HTTP/1.1 200") and time.monotonic() - began < 5


def test_a_connection_that_broke_is_no_warning(caplog):
    with caplog.at_level("INFO"), running() as server:
        server.error_log("socket.error 6", level=30, traceback=True)

    (record,) = [record for record in caplog.records if "socket.error" in record.getMessage()]
    assert record.levelname == "INFO"
    assert not record.exc_info
