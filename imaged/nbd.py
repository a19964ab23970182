"""A client of NBD servers: qemu-nbd, nbdkit, qemu's own export.

Speaks fixed newstyle with structured replies, as the protocol's document (github.com/NetworkBlockDevice/nbd, doc/proto.md) has it. One
request at a time on a connection. Nothing that a server says is believed before it was checked: every length is bounded.
"""

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Bytes of one read or write, within what every server takes.
MAX_REQUEST = 32 << 20
#: Bytes that one BLOCK_STATUS or zero request covers: the field has 32 bits, and servers like round numbers.
MAX_SPAN = 1 << 30
#: Bytes of all replies to an option, and of an error.
MAX_REPLY = 4 << 20
#: Bytes of a map: a million extents, which is what nbdkit sends at most.
MAX_MAP = (8 << 20) + 4
#: Chunks of one reply: more than an extent for each sector of the longest read.
MAX_CHUNKS = 1 << 17

_MAGIC, _OPTION_MAGIC, _OPTION_REPLY = b"NBDMAGIC", b"IHAVEOPT", 0x3E889045565A9
_FIXED_NEWSTYLE, _NO_ZEROES = 1, 2
_GO, _STRUCTURED, _LIST_CONTEXT, _SET_CONTEXT = 7, 8, 9, 10
_ACK, _INFO, _META = 1, 3, 4
_ERROR_BIT = 1 << 31
_INFO_EXPORT, _INFO_BLOCK_SIZE = 0, 3

_REQUEST, _SIMPLE, _CHUNK = 0x25609513, 0x67446698, 0x668E33EF
READ, WRITE, DISCONNECT, FLUSH, WRITE_ZEROES, BLOCK_STATUS = 0, 1, 2, 3, 6, 7
_NO_HOLE = 2
_DONE = 1
_NONE, _DATA, _HOLE, _STATUS, _ERROR, _ERROR_OFFSET = 0, 1, 2, 5, 0x8001, 0x8002

_READ_ONLY, _CAN_FLUSH, _CAN_ZERO, _MULTI_CONN = 1 << 1, 1 << 2, 1 << 6, 1 << 8

ALLOCATION, DEPTH, BITMAP = "base:allocation", "qemu:allocation-depth", "qemu:dirty-bitmap:"
ENOSPC = 28

Address = tuple[str, int] | str


class Error(Exception):
    """The server cannot be reached, speaks nonsense, or broke off: the connection is of no more use."""


class Refused(Exception):
    """The server said no to one request. `code` is its errno. The connection goes on."""

    def __init__(self, code: int, text: str):
        super().__init__(f"{text} (error {code})")
        self.code = code


@dataclass
class Export:
    """What the server said about the image. `size` in bytes."""

    size: int = 0
    flags: int = 0
    structured: bool = False
    #: Names of the maps that can be asked for, by the number that the server gave them.
    contexts: dict[int, str] = field(default_factory=dict)

    read_only = property(lambda self: bool(self.flags & _READ_ONLY))
    can_flush = property(lambda self: bool(self.flags & _CAN_FLUSH))
    can_zero = property(lambda self: bool(self.flags & _CAN_ZERO))
    #: A flush on one connection covers what was written on all.
    multi_conn = property(lambda self: bool(self.flags & _MULTI_CONN))


class Client:
    """One connection to the export `name` at `address`: the path of a unix socket, or (host, port). Raises Error."""

    def __init__(self, address: Address, name: str = "", *, dirty: bool = False, timeout: float = 60):
        self.export = Export()
        self._handle = 0
        self._sock = _connect(address, timeout)
        try:
            self._handshake(name.encode(), dirty)
        except BaseException:
            self._sock.close()
            raise

    def readinto(self, view: memoryview, offset: int) -> None:
        """Fills `view` (at most MAX_REQUEST bytes) from `offset`. Raises Refused, Error."""
        with _broken():
            self._request(READ, offset, len(view))
            if not self.export.structured:
                self._simple()
                self._receive_into(view)
                return
            got = 0
            for kind, length in self._chunks():
                if kind == _DATA and 8 < length <= 8 + len(view):
                    start = self._position(offset, length - 8, len(view))
                    self._receive_into(view[start : start + length - 8])
                    got += length - 8
                elif kind == _HOLE and length == 12:
                    start, count = struct.unpack(">QI", self._receive(12))
                    if not offset <= start <= start + count <= offset + len(view):
                        raise Error("a hole that was not asked for")
                    view[start - offset : start - offset + count] = bytes(count)
                    got += count
                elif kind != _NONE:
                    raise Error(f"a chunk of type {kind} and {length} bytes in a read")
            if got != len(view):
                raise Error(f"{got} bytes where {len(view)} were asked for")

    def write(self, view: memoryview, offset: int) -> None:
        """Writes at most MAX_REQUEST bytes. Raises Refused, Error."""
        with _broken():
            self._request(WRITE, offset, len(view), data=view)
            self._done()

    def zero(self, offset: int, count: int, punch: bool) -> None:
        """Zeros of at most MAX_SPAN bytes: the server may make a hole if `punch`. Raises Refused, Error."""
        with _broken():
            self._request(WRITE_ZEROES, offset, count, flags=0 if punch else _NO_HOLE)
            self._done()

    def flush(self) -> None:
        """Raises Refused, Error."""
        with _broken():
            self._request(FLUSH, 0, 0)
            self._done()

    def status(self, offset: int, count: int) -> dict[str, list[tuple[int, int]]]:
        """The maps of at most MAX_SPAN bytes from `offset`: by context, `(length, flags)` one after another.

        A map may cover less than was asked, or (its last extent) more, and each has its own number of extents. Raises Refused, Error.
        """
        with _broken():
            self._request(BLOCK_STATUS, offset, count)
            maps: dict[str, list[tuple[int, int]]] = {}
            for kind, length in self._chunks():
                if kind == _NONE:
                    continue
                if kind != _STATUS or not 12 <= length <= MAX_MAP or (length - 4) % 8:
                    raise Error(f"a chunk of type {kind} and {length} bytes in a block status")
                number, *values = struct.unpack(f">I{(length - 4) // 4}I", self._receive(length))
                if self.export.contexts.get(number, "") in ("", *maps) or not all(values[::2]):
                    raise Error("a map that was not asked for, comes twice, or has empty extents")
                maps[self.export.contexts[number]] = list(zip(values[::2], values[1::2], strict=True))
            if len(maps) != len(self.export.contexts):
                raise Error("a map is missing in a block status")
            return maps

    def interrupt(self) -> None:
        """From any thread: whoever waits for the server gets Error."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.sendall(struct.pack(">IHHQQI", _REQUEST, 0, DISCONNECT, 0, 0, 0))
        self._sock.close()

    # The handshake

    def _handshake(self, name: bytes, dirty: bool) -> None:
        with _broken():
            if self._receive(16) != _MAGIC + _OPTION_MAGIC:
                raise Error("it is no NBD server, or one of the old style")
            [flags] = struct.unpack(">H", self._receive(2))
            if not flags & _FIXED_NEWSTYLE:
                raise Error("it does not speak fixed newstyle")
            self._sock.sendall(struct.pack(">I", _FIXED_NEWSTYLE | flags & _NO_ZEROES))
            self.export.structured = self._structured()
            if self.export.structured:
                self._select(name, dirty)
            for kind, data in self._option(_GO, struct.pack(">I", len(name)) + name + struct.pack(">H", 0)):
                if kind == _INFO and data[:2] == struct.pack(">H", _INFO_EXPORT) and len(data) == 12:
                    self.export.size, self.export.flags = struct.unpack(">QH", data[2:])
                elif kind & _ERROR_BIT:
                    raise Error(f"it refuses the export: {_text(data) or kind - _ERROR_BIT}")

    def _structured(self) -> bool:
        return all(not kind & _ERROR_BIT for kind, _ in self._option(_STRUCTURED, b""))

    def _select(self, name: bytes, dirty: bool) -> None:
        """Chooses the maps: those of allocation, and with `dirty` all dirty bitmaps there are."""
        queries = [ALLOCATION, DEPTH]
        if dirty:
            found = self._option(_LIST_CONTEXT, _contexts(name, [BITMAP]))
            queries += [_text(data[4:]) for kind, data in found if kind == _META]
        for kind, data in self._option(_SET_CONTEXT, _contexts(name, queries)):
            if kind == _META and len(data) > 4 and _text(data[4:]) in queries:
                self.export.contexts[struct.unpack(">I", data[:4])[0]] = _text(data[4:])

    def _option(self, option: int, data: bytes) -> list[tuple[int, bytes]]:
        """Every reply, `(type, data)`, up to the acknowledgement or the refusal, which is the last."""
        self._sock.sendall(_OPTION_MAGIC + struct.pack(">II", option, len(data)) + data)
        replies: list[tuple[int, bytes]] = []
        left = MAX_REPLY
        while True:
            magic, same, kind, length = struct.unpack(">QIII", self._receive(20))
            left -= length
            if magic != _OPTION_REPLY or same != option or left < 0 or len(replies) > 1000:
                raise Error("a reply that makes no sense while negotiating")
            replies.append((kind, self._receive(length)))
            if kind == _ACK or kind & _ERROR_BIT:
                return replies

    # Requests

    def _request(self, command: int, offset: int, count: int, *, flags: int = 0, data: memoryview | None = None) -> None:
        self._handle += 1
        self._sock.sendall(struct.pack(">IHHQQI", _REQUEST, flags, command, self._handle, offset, count))
        if data is not None:
            self._sock.sendall(data)

    def _done(self) -> None:
        """Waits for the answer of a request that brings nothing back."""
        if not self.export.structured:
            self._simple()
            return
        for kind, length in self._chunks():
            if kind != _NONE or length:
                raise Error(f"a chunk of type {kind} where none was asked for")

    def _simple(self, magic: bytes | None = None) -> None:
        magic = magic or self._receive(4)
        code, handle = struct.unpack(">IQ", self._receive(12))
        if magic != struct.pack(">I", _SIMPLE) or handle != self._handle:
            raise Error("an answer to something else")
        if code:
            raise Refused(code, "the server refused")

    def _chunks(self) -> Iterator[tuple[int, int]]:
        """`(type, length)` of each chunk with something in it; whoever iterates reads that. Raises Refused at the end, for error chunks."""
        refused: Refused | None = None
        flags = 0
        for _ in range(MAX_CHUNKS):
            if flags & _DONE:
                break
            magic = self._receive(4)
            if magic == struct.pack(">I", _SIMPLE):
                # Allowed where no data comes: for all but reads.
                self._simple(magic)
                break
            flags, kind, handle, length = struct.unpack(">HHQI", self._receive(16))
            if magic != struct.pack(">I", _CHUNK) or handle != self._handle or length > max(MAX_REPLY, MAX_REQUEST + 8):
                raise Error("an answer to something else")
            if kind & 0x8000:
                refused = self._refusal(length)
            elif kind == _NONE and length:
                raise Error("a chunk of nothing with something in it")
            else:
                yield kind, length
        else:
            raise Error("an answer that does not end")
        if refused:
            raise refused

    def _refusal(self, length: int) -> Refused:
        if not 6 <= length <= MAX_REPLY:
            raise Error("an error without its number")
        data = self._receive(length)
        code, count = struct.unpack(">IH", data[:6])
        return Refused(code, _text(data[6 : 6 + min(count, 200)]) or "the server refused")

    def _position(self, offset: int, count: int, limit: int) -> int:
        [start] = struct.unpack(">Q", self._receive(8))
        if not offset <= start <= start + count <= offset + limit:
            raise Error("data that was not asked for")
        return int(start - offset)

    def _receive(self, count: int) -> bytes:
        data = bytearray(count)
        self._receive_into(memoryview(data))
        return bytes(data)

    def _receive_into(self, view: memoryview) -> None:
        while view:
            count = self._sock.recv_into(view)
            if not count:
                raise Error("it closed the connection")
            view = view[count:]


def _connect(address: Address, timeout: float) -> socket.socket:
    with _broken():
        if isinstance(address, tuple):
            sock = socket.create_connection(address, min(timeout, 10))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(address)
            except OSError:
                sock.close()
                raise
    sock.settimeout(timeout)
    return sock


def _contexts(name: bytes, queries: list[str]) -> bytes:
    parts = [struct.pack(">I", len(name)), name, struct.pack(">I", len(queries))]
    for query in queries:
        parts += [struct.pack(">I", len(query.encode())), query.encode()]
    return b"".join(parts)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@contextlib.contextmanager
def _broken() -> Iterator[None]:
    """What the network does to us, as Error."""
    try:
        yield
    except OSError as error:
        raise Error(str(error)) from error
