"""Compressed files, unpacked as they come: known by their content and never by their name, with limits for what they may become.

zst is `backports.zstd` before Python 3.14: what the standard library has from then on.
"""

import bz2
import lzma
import sys
import typing
import zlib
from collections.abc import Callable

from appliance import errors

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Bytes of compressed data that are taken at once, and of unpacked data that are given.
PIECE = 1 << 20
#: Bytes of memory that unpacking may take: xz -9 takes 65 MiB, zstd --long=27 128 MiB.
MEMORY = 256 << 20
WINDOW_LOG = 27
#: Bytes by which every kind is known.
SNIFFED = 264

#: What a file begins with, and what it is unpacked as.
MAGIC = {b"\x1f\x8b\x08": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
#: What is known, and not unpacked here.
REFUSED = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x02\x21\x4c\x18": "lz4",
    b"\x1f\x9d": "compress (.Z)",
    b"\x1f\xa0": "compress (.Z)",
    b"\x1f\x1e": "pack (.z)",
    b"LZIP": "lzip",
    b"\x89LZO\0": "lzop",
    b"LRZI": "lrzip",
    b"MSCF": "cab",
    b"ZPAQ": "zpaq",
    b"xar!": "xar",
    b"\x5d\0\0": "lzma",
}
_TAR = b"ustar"
#: zstd's frames may be preceded by ones to be skipped: 0x184D2A50 to 5F.
_SKIPPED = tuple(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60))


class Decompressor(typing.Protocol):
    """As the standard library's are."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """One member, with the interface that the others have."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def needs_input(self) -> bool:
        return not self._member.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._member.decompress(self._member.unconsumed_tail + data, max_length)


_MAKERS: dict[str, Callable[[], Decompressor]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY),
    "zstd": lambda: zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG}),
}

#: What is unpacked, by the names that `kind` gives.
KINDS = tuple(_MAKERS)


def kind(head: bytes, name: str = "") -> str | None:
    """How the file that begins with `head` is compressed: one of KINDS, or None if it is not. Raises UnknownCompression.

    SNIFFED bytes are enough. `name` is for the error alone.
    """
    for magic, found in MAGIC.items():
        if head.startswith(magic):
            if found == "zstd" and _wants_dictionary(head):
                raise errors.UnknownCompression(name=name, kind="zstd with a dictionary of its own")
            return found
    if head.startswith(_SKIPPED):
        return "zstd"
    for magic, refused in REFUSED.items():
        if head.startswith(magic):
            raise errors.UnknownCompression(name=name, kind=refused)
    if head[257:262] == _TAR:
        raise errors.UnknownCompression(name=name, kind="tar")
    return None


def _wants_dictionary(head: bytes) -> bool:
    """A frame that only opens with a file which its maker has."""
    try:
        return zstd.get_frame_info(head[:SNIFFED]).dictionary_id != 0
    except zstd.ZstdError:
        return False


class Unpacker:
    """Reads compressed bytes by `read(most)`, and gives what is in them. `limit` is how many bytes that may be, at most."""

    def __init__(self, kind: str, read: Callable[[int], bytes], *, limit: int, name: str = ""):
        self._kind = kind
        self._source = read
        self._limit = limit
        self._name = name
        self._given = 0
        self._part: Decompressor = _MAKERS[kind]()
        self._rest = b""

    def read(self, most: int = PIECE) -> bytes:
        """At least one byte and at most so many; b"" at the end.

        Raises ArchiveTruncated, ArchiveDamaged, ArchiveTrailing, ArchiveMemory, ArchiveTooLarge, and what reading raises.
        """
        while True:
            if self._part.eof and not self._next_part():
                return b""
            data = self._more() if self._part.needs_input else b""
            found = self._decompress(data, most)
            if found:
                self._given += len(found)
                if self._given > self._limit:
                    raise errors.ArchiveTooLarge(name=self._name, limit=self._limit)
                return found

    def _more(self) -> bytes:
        data, self._rest = self._rest or self._source(PIECE), b""
        if not data:
            raise errors.ArchiveTruncated(name=self._name, kind=self._kind)
        return data

    def _decompress(self, data: bytes, most: int) -> bytes:
        try:
            return self._part.decompress(data, most)
        except (zlib.error, lzma.LZMAError, zstd.ZstdError, OSError, ValueError, EOFError) as error:
            if "memory" in str(error).lower():
                raise errors.ArchiveMemory(name=self._name, limit=MEMORY) from error
            raise errors.ArchiveDamaged(name=self._name, kind=self._kind) from error
        except MemoryError as error:
            raise errors.ArchiveMemory(name=self._name, limit=MEMORY) from error

    def _next_part(self) -> bool:
        """Files of one kind that were put behind each other are one file; zeros may follow, as tapes and xz pad with them."""
        rest = self._part.unused_data
        while len(rest := rest.lstrip(b"\0")) < len(b"\xfd7zXZ\0") and (data := self._source(PIECE)):
            rest += data
        if not rest:
            return False
        if self._known(rest) != self._kind:
            raise errors.ArchiveTrailing(name=self._name, kind=self._kind)
        self._part, self._rest = _MAKERS[self._kind](), rest
        return True

    def _known(self, data: bytes) -> str | None:
        try:
            return kind(data)
        except errors.UnknownCompression:
            return None


def unpacked_size(kind: str, head: bytes, size: int | None = None, tail: Callable[[int, int], bytes] | None = None) -> int | None:
    """How many bytes the file holds, where its format tells before it is unpacked; else None.

    zst tells it in its head, if its writer knew; a file of several frames tells of the first one alone. xz tells it at its end:
    `tail(start, end)` fetches that part of a file of `size` bytes. What gzip says is the size modulo 4 GiB, of its last part: no answer.
    """
    if kind == "zstd":
        try:
            return zstd.get_frame_info(head[:SNIFFED]).decompressed_size or None
        except zstd.ZstdError:
            return None
    if kind == "xz" and size and tail:
        return _xz_size(size, tail)
    return None


def _xz_size(size: int, tail: Callable[[int, int], bytes]) -> int | None:
    """From the index in front of the footer, which tells the sizes of all blocks: if they come to the file's, there is no second stream."""
    if size < 32 or size % 4:
        return None
    footer = tail(size - 12, size)
    if len(footer) != 12 or footer[10:] != b"YZ" or zlib.crc32(footer[4:10]) != int.from_bytes(footer[:4], "little"):
        return None
    length = (int.from_bytes(footer[4:8], "little") + 1) * 4
    start = size - 12 - length
    if start < 12 or length > PIECE:
        return None
    index = tail(start, size - 12)
    if len(index) != length or index[0] or zlib.crc32(index[:-4]) != int.from_bytes(index[-4:], "little"):
        return None
    try:
        numbers = _numbers(index[1:-4])
        records = [(next(numbers), next(numbers)) for _ in range(next(numbers))]
    except (StopIteration, RuntimeError):
        return None
    packed = sum(-(-unpadded // 4) * 4 for unpadded, _ in records)
    return sum(unpacked for _, unpacked in records) if 12 + packed == start else None


def _numbers(data: bytes):
    """xz's variable-length integers, seven bits a byte, the low ones first."""
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0
