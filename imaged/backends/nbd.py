"""Images behind an NBD server: `nbd:unix:/socket` or `nbd:host:port`, each with `:exportname=NAME` behind it if the export has one.

This is how a qcow2 image is written and read as the disk that it describes: qemu-nbd opens it, and we see its guest's bytes.
"""

import contextlib
import errno
import logging
import re
import threading
from collections.abc import Iterator

from imaged import errors, nbd
from imaged.backends import policy
from imaged.backends.extents import DATA, Extent, clipped
from imaged.backends.gate import Gate

log = logging.getLogger(__name__)

_URL = re.compile(
    r"nbd:(?:unix:(?P<path>/[^:\0]+)|(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/\s\[\]]+):(?P<port>[0-9]{1,5}))(?::exportname=(?P<name>.*))?",
    re.DOTALL,
)
#: base:allocation's flags, and a dirty bitmap's.
_STATE_HOLE, _STATE_ZERO, _STATE_DIRTY = 1, 2, 1
_ZEROS = bytes(1 << 20)
MAX_NAME = 4096


class Place:
    """An export. Connections to it are kept while its ticket lives: a qemu-nbd without --persistent ends with its last one."""

    journaled = None
    __hash__ = None  # type: ignore[assignment]  # It is compared alone.

    def __init__(self, address: nbd.Address, name: str, dirty: bool):
        self.address, self.name, self.dirty = address, name, dirty
        self._idle: list[nbd.Client] = []
        self._lock = threading.Lock()
        self._closed = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and (self.address, self.name, self.dirty) == (other.address, other.name, other.dirty)

    def open(self, *, write: bool) -> "Disk":
        """Raises Internal where it cannot be reached (the log has the reason), ForbiddenOp where it is to be written and cannot."""
        with self._lock:
            client = self._idle.pop() if self._idle else None
        if client is None:
            with _storage():
                client = nbd.Client(self.address, self.name, dirty=self.dirty)
        disk = Disk(client, self)
        if write and client.export.read_only:
            disk.close()
            raise errors.ForbiddenOp("The NBD export is read-only")
        return disk

    def keep(self, client: nbd.Client) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(client)
                return
        client.close()

    def close(self) -> None:
        """Closes what is idle, and from now on what becomes so."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    def tidy(self) -> None:
        """Its connections are the server's to close."""


def locate(url: str, allowed: policy.Policy, dirty: bool) -> Place:
    """The export that `url` names. Raises BadRequest, ForbiddenPath. Whether it is there is seen when it is opened."""
    match = _URL.fullmatch(url)
    if not match or len(match["name"] or "") > MAX_NAME or (match["port"] and not 0 < int(match["port"]) < 65536):
        raise errors.BadRequest("Invalid value for 'url': must be nbd:unix:/SOCKET or nbd:HOST:PORT, and may end in :exportname=NAME")
    if match["path"]:
        address: nbd.Address = allowed.socket(match["path"])
    else:
        address = match["host"].strip("[]"), int(match["port"])
        allowed.server("nbd", *address)
    return Place(address, match["name"] or "", dirty)


class Disk:
    """One connection to an export, for one thread at a time."""

    max_readers = 8

    def __init__(self, client: nbd.Client, place: Place):
        self._client = client
        self._place = place
        self._broken = self._unflushed = False
        self._gate = Gate()
        export = client.export
        #: Without this promise of the server's, a flush says nothing of what other connections wrote.
        self.max_writers = 8 if export.multi_conn else 1
        self.features = frozenset({"extents", "flush", "zero"} | ({"dirty"} if self._bitmaps() else set()))

    def __enter__(self) -> "Disk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def size(self) -> int:
        return self._client.export.size

    def readinto(self, view: memoryview, offset: int) -> int:
        """Reads at most len(view) bytes from `offset`; returns how many, 0 past the end."""
        view = view[: max(0, min(self.size() - offset, nbd.MAX_REQUEST))]
        if view:
            with self._calling():
                self._client.readinto(view, offset)
        return len(view)

    def write(self, view: memoryview, offset: int) -> None:
        """Writes all of it. Raises NoSpace: an export never grows."""
        self._check_end(offset + len(view))
        self._unflushed = True
        while view:
            with self._gate.change(), self._calling():
                self._client.write(view[: nbd.MAX_REQUEST], offset)
            view, offset = view[nbd.MAX_REQUEST :], offset + len(view[: nbd.MAX_REQUEST])

    def zero(self, offset: int, count: int, punch: bool) -> None:
        """Makes the range read as zeros: a hole, if `punch` and the server likes to."""
        self._check_end(offset + count)
        self._unflushed = True
        if not self._client.export.can_zero:
            for start in range(offset, offset + count, len(_ZEROS)):
                self.write(memoryview(_ZEROS)[: offset + count - start], start)
            return
        for start in range(offset, offset + count, nbd.MAX_SPAN):
            with self._gate.change(), self._calling():
                self._client.zero(start, min(nbd.MAX_SPAN, offset + count - start), punch)

    def flush(self) -> None:
        """Returns when what was written is on stable storage. A server without flush says by that that there is nothing to do."""
        if self._client.export.can_flush:
            with self._calling():
                self._client.flush()
        self._unflushed = False

    def extents(self, context: str, start: int, end: int) -> Iterator[Extent]:
        """The server's map, asked for piece by piece. Raises NotFound for a context that the export does not have."""
        if context == "dirty" and not self._bitmaps():
            raise errors.NotFound("The NBD export has no dirty bitmap")
        if nbd.ALLOCATION not in self._client.export.contexts.values():
            return iter([Extent(start, end, DATA)])
        return clipped(self._walk(context == "dirty", start, end), start, end)

    def interrupt(self) -> None:
        """From any thread: reads, maps and flushes end at once, writes and zeros when the server has answered; no more follow."""
        self._gate.close(self._client.interrupt)

    def close(self) -> None:
        # Whoever comes next may have another connection: what it flushes must cover this one's writes.
        if self._unflushed and not self._client.export.multi_conn and not self._broken:
            with contextlib.suppress(errors.DaemonError):
                self.flush()
        if self._broken or self._gate.closed:
            self._client.close()
        else:
            self._place.keep(self._client)

    def _walk(self, dirty: bool, start: int, end: int) -> Iterator[Extent]:
        while start < end:
            with self._calling():
                maps = self._client.status(start, min(nbd.MAX_SPAN, end - start))
            for length, flags in _together(maps):
                yield Extent(start, start + length, _dirty(flags) if dirty else _zero(flags))
                start += length

    def _bitmaps(self) -> bool:
        return any(name.startswith(nbd.BITMAP) for name in self._client.export.contexts.values())

    def _check_end(self, end: int) -> None:
        if end > self.size():
            raise errors.NoSpace(f"The NBD export has {self.size()} bytes, and cannot grow to {end}")

    @contextlib.contextmanager
    def _calling(self) -> Iterator[None]:
        # Until it is over: a request that was left in the middle leaves its answer on the connection.
        self._broken = True
        try:
            with _storage():
                yield
        except errors.NoSpace:
            self._broken = False
            raise
        self._broken = False


def _together(maps: dict[str, list[tuple[int, int]]]) -> Iterator[tuple[int, dict[str, int]]]:
    """Several maps of the same bytes as one: `(length, {context: flags})`, as far as the shortest reaches."""
    rests = {name: iter(extents) for name, extents in maps.items()}
    now = {name: next(rest) for name, rest in rests.items()}
    while True:
        step = min(length for length, _ in now.values())
        yield step, {name: flags for name, (_, flags) in now.items()}
        for name, (length, flags) in now.items():
            following = (length - step, flags) if length > step else next(rests[name], None)
            if following is None:
                return
            now[name] = following


def _zero(flags: dict[str, int]) -> dict[str, bool]:
    state = flags[nbd.ALLOCATION]
    # Of a qcow2, what no layer of the chain has is a hole; of a raw image, what has no blocks.
    hole = flags[nbd.DEPTH] == 0 if nbd.DEPTH in flags else bool(state & _STATE_HOLE)
    return {"zero": bool(state & _STATE_ZERO), "hole": hole}


def _dirty(flags: dict[str, int]) -> dict[str, bool]:
    # With several bitmaps: what any of them says has changed.
    dirty = any(value & _STATE_DIRTY for name, value in flags.items() if name.startswith(nbd.BITMAP))
    return {"dirty": dirty, "zero": bool(flags[nbd.ALLOCATION] & _STATE_ZERO)}


@contextlib.contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except nbd.Refused as error:
        if error.code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise errors.NoSpace(f"The NBD server cannot take the data: {error}") from error
        log.error("The NBD server failed: %s", error)
        raise errors.Internal() from error
    except nbd.Error as error:
        log.error("The NBD server failed: %s", error)
        raise errors.Internal() from error
