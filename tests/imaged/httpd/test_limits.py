"""The HTTP server under very many clients: those that are too many are told so, and those that are there go on."""

import contextlib
import http.client
import os
import resource
import socket
import ssl
import threading
import time

import pytest

from imaged.httpd import connection, limits, server
from tests.imaged.conftest import wait
from tests.imaged.httpd.serving import PATIENCE, REQUEST, application, busy, received, reply, running, served


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
