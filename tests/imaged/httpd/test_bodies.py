"""The HTTP server: bodies and answers of any size, plain and over TLS."""

import contextlib
import os
import socket

import pytest

from imaged.httpd import tls
from tests.imaged.httpd.serving import running, say

BLOCK = b"x" * (1 << 20)


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
