"""A whole image from one request's body into a host's volume: unpacked and hashed on its way, and never whole anywhere but there."""

import concurrent.futures
import hashlib
import typing
from collections.abc import Sequence

from appliance import errors
from appliance.transfer import filling, unpack
from imaged import client, httpd

#: Bytes that are read, hashed and written at once.
PIECE = 4 << 20


class Coming(typing.Protocol):
    """A request's body. `received` is how many bytes of it came so far."""

    @property
    def received(self) -> int: ...
    def readinto(self, view: memoryview) -> int: ...


class Looked:
    """A body whose beginning was looked at: `packed` is how it is compressed, one of unpack.KINDS or None."""

    def __init__(self, coming: Coming, name: str):
        """`name` is what errors call it. Raises errors.UnknownCompression, and as `receive`."""
        self._coming = coming
        head = bytearray(unpack.SNIFFED)
        self._rest = memoryview(head)[: _read(coming, memoryview(head))]
        self.packed = unpack.kind(bytes(self._rest), name)

    @property
    def received(self) -> int:
        return self._coming.received

    def readinto(self, view: memoryview) -> int:
        if not self._rest:
            return self._coming.readinto(view)
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


class Unpacked:
    """What is in a body that is packed as `kind`: at most `limit` bytes. Reading raises what unpack.Unpacker does, too."""

    def __init__(self, coming: Coming, kind: str, *, limit: int, name: str):
        self._coming = coming
        self._unpacker = unpack.Unpacker(kind, self._packed, limit=limit, name=name)

    @property
    def received(self) -> int:
        return self._coming.received

    def readinto(self, view: memoryview) -> int:
        data = self._unpacker.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _packed(self, most: int) -> bytes:
        piece = bytearray(most)
        return bytes(memoryview(piece)[: self._coming.readinto(memoryview(piece))])


def receive(
    coming: Coming, images: client.Images, ticket: str, *, host: str, limit: int, digests: Sequence[str]
) -> tuple[int, dict[str, str]]:
    """Writes the body through `ticket` into the host's volume; how many bytes came, and their `digests` (algorithms of hashlib) in hex.

    All of it is durable when this returns. `host` is how the host is called, `limit` how many bytes may come. Raises errors.WrongSize,
    ShortBody, Stalled, BadRequest, HostRefused, and filling.Lost where the host takes no more.
    """
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in digests}
    filled = filling.Filling(filling.Volume(images, ticket, host), 0, [], lambda _: None)
    piece = bytearray(PIECE)
    # hashlib lets other threads run: digests cost no more time than the slowest one, or than writing.
    with memoryview(piece) as view, concurrent.futures.ThreadPoolExecutor(max(1, len(hashes)), "digest") as hashing:
        while count := _read(coming, view):
            if filled.position + count > limit:
                raise errors.WrongSize(expected=limit, received=filled.position + count)
            running = [hashing.submit(each.update, view[:count]) for each in hashes.values()]
            try:
                filled.write(piece, count)
            finally:
                concurrent.futures.wait(running)
        filled.flush()
    return filled.position, {name: each.hexdigest() for name, each in hashes.items()}


def _read(coming: Coming, view: memoryview) -> int:
    """A full piece, unless the body ends before: pieces of an image end where blocks of a disk do."""
    filled = 0
    try:
        while filled < len(view) and (count := coming.readinto(view[filled:])):
            filled += count
    except httpd.ShortBody:
        raise errors.ShortBody() from None
    except httpd.Stalled:
        raise errors.Stalled() from None
    except httpd.BadChunk as error:
        raise errors.BadRequest(reason=f"its body is not in chunks: {error}") from None
    return filled
