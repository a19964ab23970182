"""A server of network block devices that says anything: an answer, or one of two errors, soon and in little memory."""

import socket
import struct
import tracemalloc

from hypothesis import strategies as st

from imaged import nbd
from tests.fuzz.fuzzing import fuzz
from tests.imaged.nbd_servers import saying
from tests.imaged.test_nbd import ACK, GREETING, SIMPLE, STRUCTURED, chunk, reply

KINDS = st.sampled_from([0, 1, 2, 5, 0x8001, 0x8002, 7])
SMALL = st.binary(max_size=40)
NUMBERS = st.sampled_from([0, 1, 7, 8, 64, 1 << 20, (1 << 32) - 1, (1 << 63), (1 << 64) - 1])
FACTS = st.one_of(
    SMALL,
    st.tuples(NUMBERS, SMALL).map(lambda pair: struct.pack(">Q", pair[0]) + pair[1]),
    st.tuples(NUMBERS, NUMBERS).map(lambda pair: struct.pack(">QI", pair[0], pair[1] & 0xFFFFFFFF)),
    st.lists(NUMBERS, max_size=9).map(lambda values: struct.pack(f">{len(values)}I", *(value & 0xFFFFFFFF for value in values))),
)
CHUNKS = st.builds(chunk, KINDS, FACTS, st.sampled_from([1, 1, 1, 2, 0]), st.sampled_from([0, 1]))
OPTIONS = st.builds(reply, st.sampled_from([7, 8, 9, 10]), st.sampled_from([ACK, 2, 3, 4, (1 << 31) + 1, 77]), FACTS)
#: Headers that promise much more than comes.
PROMISES = st.builds(
    lambda flags, kind, length: struct.pack(">IHHQI", 0x668E33EF, flags, kind, 1, length),
    st.sampled_from([0, 1]),
    KINDS,
    st.integers(0, (1 << 32) - 1),
)
TALK = st.lists(st.one_of(CHUNKS, CHUNKS, OPTIONS, PROMISES, SMALL), max_size=8).map(b"".join)
BEGINNINGS = st.sampled_from([b"", GREETING, GREETING, GREETING + reply(8, ACK), STRUCTURED, STRUCTURED, SIMPLE])
#: Bytes that a conversation of a few kilobytes may cost: what a promise made us ready for.
MEMORY = 160 << 20


@fuzz(beginning=BEGINNINGS, talk=TALK)
def test_whatever_a_server_says_it_is_an_answer_or_an_error(tmp_path, beginning, talk):
    def server(sock):
        sock.settimeout(30)
        sock.sendall(beginning + talk)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(1 << 16):
            pass

    tracemalloc.start(1)
    with saying(tmp_path, server) as path:
        _use(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < MEMORY


def _use(path: str) -> None:
    try:
        client = nbd.Client(path, dirty=True, timeout=30)
    except nbd.Error:
        return
    calls = (
        lambda: client.readinto(memoryview(bytearray(8)), 0),
        lambda: client.status(0, 64),
        lambda: client.write(memoryview(b"12345678"), 0),
        client.flush,
    )
    for call in calls:
        try:
            call()
        except nbd.Refused:
            continue
        except nbd.Error:
            break
    client.close()
