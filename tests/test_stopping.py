"""The whole appliance asked to stop in the middle of a chunk, and too many at its door."""

import json
import signal
import socket
import ssl

from tests import signals
from tests.test_process import api_token, ask, bearer, run, write_ticket  # noqa: F401 - run is a fixture
from tests.waiting import wait_for

PATIENCE = 30


def half_a_chunk(appliance, ticket: dict) -> socket.socket:
    """A connection on which the first 4 of 9 bytes have been sent."""
    sock = socket.create_connection(("127.0.0.1", appliance.port), PATIENCE)
    head = f"PUT {ticket['url']} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer(ticket)}\r\nContent-Length: 9\r\n\r\n"
    sock.sendall(head.encode() + b"imag")
    return sock


def received(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(1 << 16), b""))


def closed(appliance) -> bool:
    try:
        socket.create_connection(("127.0.0.1", appliance.port), PATIENCE).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # It was closed while we were in its queue.
    return False


def arrived(appliance) -> list:
    """What is durable of the only transfer, as an API client is told."""
    [transfer] = ask(appliance.port, "GET", "/api/v1/transfers", api_token(appliance))[1]["items"]
    return transfer["durable"]


def test_a_signal_stops_it_whichever_thread_hears_it(run):  # noqa: F811
    appliance = run("--http").started()

    signals.to_another_thread(appliance.process.pid, signal.SIGINT)

    assert appliance.process.wait(PATIENCE) == 0
    assert "Stopped" in appliance.log


def test_a_chunk_that_moves_may_end_and_stays_after_the_restart(run):  # noqa: F811
    appliance = run("--http", stop_timeout=PATIENCE).started()
    ticket = write_ticket(appliance, "one")
    with half_a_chunk(appliance, ticket) as sock:
        appliance.process.send_signal(signal.SIGTERM)
        wait_for(lambda: closed(appliance), "the end of new connections")
        sock.sendall(b"bytes")
        answer = received(sock)

    assert answer.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in answer
    assert appliance.process.wait(2 * PATIENCE) == 0
    assert "Traceback" not in appliance.log

    again = run("--http").started()
    wait_for(lambda: arrived(again) == [[0, 9]], "the host to tell what is durable")
    assert again.stop() == 0


def test_a_chunk_that_does_not_end_is_broken_off(run):  # noqa: F811
    appliance = run("--http", stop_timeout=0.5).started()
    with half_a_chunk(appliance, write_ticket(appliance, "one")):
        assert appliance.stop(signal.SIGTERM) == 0

    assert "Traceback" not in appliance.log


def test_one_connection_too_many_is_told_so_over_tls(run):  # noqa: F811
    appliance = run(max_connections_per_address=2).started()
    context = ssl.create_default_context(cafile=str(appliance.state / "ca" / "ca.pem"))

    def connect():
        sock = socket.create_connection(("127.0.0.1", appliance.port), PATIENCE)
        return context.wrap_socket(sock, server_hostname="localhost")

    with connect() as one, connect() as other, connect() as many:
        many.sendall(b"GET /info/ HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = received(many)
        for sock in (one, other):
            sock.sendall(b"GET /info/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert json.loads(received(sock).partition(b"\r\n\r\n")[2])["version"]

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 5\r\n" in answer and answer.endswith(b"There are 2 connections from this address already\n")
