"""A connection's socket, for one thread: what is received without waiting."""

import socket
import ssl
import struct

import pytest

from imaged.httpd import wire

BUFFER = 8


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield wire.Wire(ours, 60), theirs


def test_what_has_come_is_received_and_the_timeout_stays(pair):
    receiver, sender = pair
    receiver.await_bytes(0.5)
    sender.sendall(b"abc")
    buffer = bytearray(BUFFER)

    count = receiver.receive_now(memoryview(buffer))

    assert buffer[:count] == b"abc"
    waits = receiver.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16)
    assert struct.unpack("ll", waits) == (0, 500_000)


def test_more_than_there_is_room_for_stays_where_it_is(pair):
    receiver, sender = pair
    sender.sendall(b"0123456789")

    assert receiver.receive_now(memoryview(bytearray(BUFFER))) == BUFFER
    assert receiver.receive(BUFFER, patience=1) == b"89"


@pytest.mark.parametrize("room", [0, BUFFER])
def test_where_nothing_has_come_nobody_waits(pair, room):
    assert pair[0].receive_now(memoryview(bytearray(room))) == 0


def test_the_end_is_nothing_that_has_come(pair):
    receiver, sender = pair
    sender.close()

    assert receiver.receive_now(memoryview(bytearray(BUFFER))) == 0


def test_what_is_encrypted_is_left_to_who_can_wait(pair):
    receiver, sender = pair
    sender.sendall(b"abc")
    with ssl.create_default_context().wrap_socket(receiver.socket, server_hostname="here", do_handshake_on_connect=False) as encrypted:
        assert wire.Wire(encrypted, 60).receive_now(memoryview(bytearray(BUFFER))) == 0
