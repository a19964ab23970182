"""Bodies that are packed: looked at before they are read, and never more in them than may be."""

import gzip

import pytest

from appliance import errors
from appliance.transfer import receiving


class Body:
    """A request's body that comes in pieces of one byte at first."""

    def __init__(self, data: bytes):
        self._data = data
        self.received = 0

    def readinto(self, view: memoryview) -> int:
        data = self._data[self.received :][: min(len(view), 1 + self.received)]
        view[: len(data)] = data
        self.received += len(data)
        return len(data)


def read(body) -> bytes:
    found, piece = b"", bytearray(1000)
    while count := body.readinto(memoryview(piece)):
        found += piece[:count]
    return found


@pytest.mark.parametrize("data", [b"", b"one", b"more than a head " * 100], ids=len)
def test_a_body_that_was_looked_at_is_read_whole(data):
    looked = receiving.Looked(Body(data), "it")

    assert looked.packed is None
    assert (read(looked), looked.received) == (data, len(data))


def test_what_is_packed_is_told_and_unpacked():
    packed = gzip.compress(b"an image " * 10000)
    looked = receiving.Looked(Body(packed), "it")

    body = receiving.Unpacked(looked, looked.packed, limit=90000, name="it")

    assert looked.packed == "gzip"
    assert (read(body), body.received) == (b"an image " * 10000, len(packed))


def test_a_bomb_ends_before_more_is_given_than_may_be():
    body = receiving.Unpacked(Body(gzip.compress(bytes(2 << 20))), "gzip", limit=1 << 20, name="it")

    with pytest.raises(errors.ArchiveTooLarge, match="more than the 1"):
        read(body)


def test_what_is_not_unpacked_is_told_at_the_look():
    with pytest.raises(errors.UnknownCompression, match="it is packed as 7z"):
        receiving.Looked(Body(b"7z\xbc\xaf\x27\x1c" + bytes(100)), "it")
