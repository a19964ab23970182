"""The NBD client against servers that lie, stall and break: what it does with good ones is in test_nbd_backend.py."""

import socket
import struct
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaged import nbd
from tests.imaged.nbd_servers import saying

GREETING = b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3)
ACK, INFO, UNSUPPORTED = 1, 3, (1 << 31) + 1


def reply(option, kind, data=b""):
    return struct.pack(">QIII", 0x3E889045565A9, option, kind, len(data)) + data


def export(size=1 << 20, flags=1):
    return reply(7, INFO, struct.pack(">HQH", 0, size, flags)) + reply(7, ACK)


def chunk(kind, data=b"", handle=1, flags=1):
    return struct.pack(">IHHQI", 0x668E33EF, flags, kind, handle, len(data)) + data


def context(number=7, name=b"base:allocation"):
    return reply(10, 4, struct.pack(">I", number) + name) + reply(10, ACK)


STRUCTURED = GREETING + reply(8, ACK) + context() + export()
SIMPLE = GREETING + reply(8, UNSUPPORTED) + export()


def answering(tmp_path, data):
    """A server that says `data` whatever it hears, then waits until the client has gone."""

    def talk(sock):
        sock.settimeout(10)
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(1 << 16):
            pass

    return saying(tmp_path, talk)


def test_a_server_without_structured_replies_will_do(tmp_path):
    data = SIMPLE + struct.pack(">IIQ", 0x67446698, 0, 1) + b"abcd"
    with answering(tmp_path, data) as path:
        client = nbd.Client(path)
        view = memoryview(bytearray(4))
        client.readinto(view, 0)
        client.close()

    assert bytes(view) == b"abcd"
    assert (client.export.size, client.export.structured, client.export.contexts) == (1 << 20, False, {})


def test_a_read_may_come_in_pieces_and_holes(tmp_path):
    pieces = [
        chunk(1, struct.pack(">Q", 104) + b"ef", flags=0),
        chunk(2, struct.pack(">QI", 102, 2), flags=0),
        chunk(1, struct.pack(">Q", 100) + b"ab", flags=0),
        chunk(0),
    ]
    with answering(tmp_path, STRUCTURED + b"".join(pieces)) as path:
        client = nbd.Client(path)
        view = memoryview(bytearray(b"......"))
        client.readinto(view, 100)
        client.close()

    assert bytes(view) == b"ab\0\0ef"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"NBDMAGIC" + b"\x00\x00\x42\x02\x81\x86\x12\x53" + bytes(200),  # the old style
        b"NBDMAGICIHAVEOPT\0\0",
        GREETING,
        GREETING + reply(7, ACK),
        GREETING + reply(8, ACK, b"x" * 100)[:-1],
        GREETING + struct.pack(">QIII", 0x3E889045565A9, 8, ACK, 1 << 31),
        GREETING + reply(8, INFO) * 2000,
        GREETING + reply(8, ACK) + context() + reply(7, (1 << 31) + 6, b"no such export"),
    ],
)
def test_a_server_that_makes_no_sense_while_negotiating_is_an_error(tmp_path, data):
    with answering(tmp_path, data) as path, pytest.raises(nbd.Error):
        nbd.Client(path)


def test_a_refused_export_says_why(tmp_path):
    data = GREETING + reply(8, UNSUPPORTED) + reply(7, (1 << 31) + 6, b"no such export")
    with answering(tmp_path, data) as path, pytest.raises(nbd.Error, match="no such export"):
        nbd.Client(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x" * 100,
        chunk(1, struct.pack(">Q", 0) + b"abcd", handle=2),
        chunk(1, struct.pack(">Q", 1) + b"abcd"),
        chunk(1, struct.pack(">Q", (1 << 64) - 2) + b"abcd"),
        chunk(1, struct.pack(">Q", 0) + b"abcde"),
        chunk(1, struct.pack(">Q", 0)),
        chunk(1, b"1234"),
        chunk(1, struct.pack(">Q", 0) + b"ab"),
        chunk(2, struct.pack(">QI", 0, 5)),
        chunk(2, struct.pack(">QI", 0, 1 << 31)),
        chunk(2, b"12"),
        chunk(5, struct.pack(">III", 7, 1, 0)),
        chunk(0),
        chunk(0, b"x"),
        chunk(99, b"abcd"),
        chunk(0x8001, b"abc"),
        struct.pack(">IHHQI", 0x668E33EF, 1, 1, 1, (1 << 32) - 1),
    ],
)
def test_an_answer_to_a_read_that_makes_no_sense_is_an_error(tmp_path, data):
    with answering(tmp_path, STRUCTURED + data) as path:
        client = nbd.Client(path)
        with pytest.raises(nbd.Error):
            client.readinto(memoryview(bytearray(4)), 0)
        client.close()


@pytest.mark.parametrize(
    "data",
    [
        chunk(0),
        chunk(5, struct.pack(">I", 7)),
        chunk(5, struct.pack(">III", 8, 10, 0)),
        chunk(5, struct.pack(">III", 7, 0, 0)),
        chunk(5, struct.pack(">IIH", 7, 10, 0)),
        chunk(1, struct.pack(">Q", 0) + b"abcd"),
    ],
)
def test_a_map_that_makes_no_sense_is_an_error(tmp_path, data):
    with answering(tmp_path, STRUCTURED + data) as path:
        client = nbd.Client(path)
        with pytest.raises(nbd.Error):
            client.status(0, 100)
        client.close()


def test_a_refusal_has_its_number_and_its_reason(tmp_path):
    with answering(tmp_path, STRUCTURED + chunk(0x8001, struct.pack(">IH", 28, 4) + b"full")) as path:
        client = nbd.Client(path)
        with pytest.raises(nbd.Refused, match="full") as refused:
            client.write(memoryview(b"abc"), 0)
        client.close()

    assert refused.value.code == nbd.ENOSPC


def test_nobody_there_is_an_error(tmp_path):
    with pytest.raises(nbd.Error, match="No such file"):
        nbd.Client(str(tmp_path / "nothing"))


def test_who_waits_for_a_silent_server_can_be_woken(tmp_path):
    over = threading.Event()

    def silent(sock):
        sock.sendall(STRUCTURED)
        over.wait(10)

    with saying(tmp_path, silent) as path:
        client = nbd.Client(path)
        waker = threading.Timer(0.05, client.interrupt)
        waker.start()
        with pytest.raises(nbd.Error):
            client.flush()
        over.set()
        waker.join()
        client.close()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), start=st.sampled_from([b"", GREETING, STRUCTURED, SIMPLE, STRUCTURED + b"\x66\x8e\x33\xef"]))
def test_whatever_a_server_says_it_is_one_of_two_errors_or_an_answer(tmp_path, data, start):
    with answering(tmp_path, start + data) as path:
        try:
            client = nbd.Client(path, dirty=True, timeout=5)
        except nbd.Error:
            return
        for call in (lambda: client.readinto(memoryview(bytearray(8)), 0), lambda: client.status(0, 64)):
            try:
                call()
            except (nbd.Error, nbd.Refused):
                break
        client.close()
