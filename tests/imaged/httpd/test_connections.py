"""The HTTP server: silent, hasty and greedy clients, plain and over TLS."""

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
from tests.imaged.httpd.serving import application, running, say

BLOCK = b"x" * (1 << 20)


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
