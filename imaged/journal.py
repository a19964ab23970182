"""Which bytes of a file would survive a power cut, and the record of it beside the file.

The record is FILE.durable: lines `+ START END CRC` and `- START END CRC`, appended. The order is what makes it true at every instant:
data to disk, then the line, then the answer; and before durable bytes are overwritten, a `-` line reaches the disk first.
"""

import contextlib
import errno
import os
import threading
import weakref
import zlib
from collections.abc import Callable

from imaged.ranges import Range, Ranges

#: The journal's name is the file's with this behind it.
SUFFIX = ".durable"
#: Lines that a journal may have beyond four for each range before it is written anew.
SLACK = 1024

_open_journals: "weakref.WeakValueDictionary[str, Durability]" = weakref.WeakValueDictionary()
_opening = threading.Lock()


class Durability:
    """What is durable of one file, kept right while many threads write and flush. In memory only, unless it has a journal.

    A writer calls `begin` before its first byte and `finish` after its last; `flush` makes durable what had been finished before it.
    """

    def __init__(self, journal: "Journal | None" = None):
        self._journal = journal
        self._lock = threading.Lock()
        self._durable = journal.ranges.copy() if journal else Ranges()
        self._finished = Ranges()  # written, in no successful flush yet
        self._writing: list[Range] = []
        self._flushing: list[Ranges] = []  # what each running flush will have made durable

    @property
    def durable(self) -> Ranges:
        """A copy."""
        with self._lock:
            return self._durable.copy()

    @property
    def waiting(self) -> bool:
        """Is there anything that a flush would make durable?"""
        with self._lock:
            return bool(self._finished)

    def begin(self, start: int, end: int) -> Range:
        """Bytes from `start` up to `end` are about to change: from now on they are not durable. Returns what `finish` wants.

        Raises OSError where the journal cannot be written, or is another host's by now: then nothing may be.
        """
        writing = (start, end)
        with self._lock:
            if self._journal:
                self._journal.check()
            lost = self._durable.common(start, end)
            if lost and self._journal:
                self._journal.append("-", lost)
            self._forget(start, end)
            self._writing.append(writing)
        return writing

    def finish(self, writing: Range, end: int) -> None:
        """The write is over, and what it brought is whole up to `end` (its start: nothing that counts)."""
        with self._lock:
            self._writing.remove(writing)
            self._finished.add(writing[0], end)
            # Where another write is under way the bytes are of neither.
            for other in self._writing:
                self._finished.subtract(*other)

    def flush(self, sync: Callable[[], None]) -> None:
        """Calls `sync`, which brings the file's data to the disk, and counts what was finished before.

        Raises what `sync` raises, and OSError where the journal cannot be written. After a failed sync the bytes count for nothing: the
        kernel may have dropped them, and would say so only once.
        """
        with self._lock:
            mine = self._finished.copy()
            self._flushing.append(mine)
        try:
            sync()
        except BaseException:
            with self._lock:
                self._retire(mine)
                for start, end in list(mine):
                    self._finished.subtract(start, end)
                    for other in self._flushing:
                        other.subtract(start, end)
            raise
        with self._lock:
            self._retire(mine)
            news = [gap for start, end in mine for gap in self._durable.missing(start, end)]
            if news and self._journal:
                self._journal.append("+", news)
            for start, end in mine:
                self._durable.add(start, end)
                self._finished.subtract(start, end)

    def _retire(self, mine: Ranges) -> None:
        # By identity: two flushes may well hold equal sets.
        self._flushing = [flushing for flushing in self._flushing if flushing is not mine]

    def _forget(self, start: int, end: int) -> None:
        for ranges in (self._durable, self._finished, *self._flushing):
            ranges.subtract(start, end)

    @property
    def current(self) -> bool:
        """Is the journal still the one beside the file? (It is not once the volume was deleted or completed.)"""
        return self._journal is not None and self._journal.current


class Journal:
    """The file of lines. Opening it reads it and writes it anew, short. Not thread-safe: Durability is."""

    def __init__(self, path: str, size: int):
        """`path` of the journal itself; ranges past `size` (the data file's, bytes) are not believed. Raises OSError."""
        self._descriptor = -1
        self._path = path
        self.ranges = _load(path, size)
        self._rewrite()

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def append(self, sign: str, ranges: list[Range]) -> None:
        """Adds a line for each range, durably. Raises OSError; then the journal is as it was."""
        self.check()
        data = b"".join(_line(sign, start, end) for start, end in ranges)
        try:
            _write_all(self._descriptor, data, self._length)
            os.fdatasync(self._descriptor)
        except OSError:
            # Half a line in the middle would make what follows unreadable; the next append begins at the old end anyway.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._length)
            raise
        self._length += len(data)
        self._lines += len(ranges)
        change = self.ranges.add if sign == "+" else self.ranges.subtract
        for start, end in ranges:
            change(start, end)
        if self._lines > SLACK + 4 * len(self.ranges):
            # The lines are safe already: without space for a shorter journal the long one goes on.
            with contextlib.suppress(OSError):
                self._rewrite()

    def check(self) -> None:
        """Raises OSError (ESTALE) where another one has taken this journal's place.

        That is how a host which cannot be asked is kept from writing: whoever opened the journal last, on whichever host, has it.
        """
        if not self.current:
            raise OSError(errno.ESTALE, "The volume's journal is another's by now")

    @property
    def current(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), self._status)
        except OSError:
            return False

    def _rewrite(self) -> None:
        """Writes the ranges to a new file, which takes the old one's place in one step."""
        data = b"".join(_line("+", start, end) for start, end in self.ranges)
        beside = self._path + ".new"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, data, 0)
            os.fsync(descriptor)
            os.rename(beside, self._path)
            _sync_directory(os.path.dirname(self._path))
        except BaseException:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._length, self._lines = descriptor, len(data), len(self.ranges)
        self._status = os.fstat(descriptor)


def read(path: str | os.PathLike[str], size: int) -> Ranges:
    """What is durable of the file `path`, which has `size` bytes; empty without a journal. Raises OSError where it cannot be read."""
    return _load(os.fspath(path) + SUFFIX, size)


def open_for(path: str, size: int) -> Durability:
    """The one Durability of the file `path` (an absolute path without links), which may become `size` bytes long. Raises OSError.

    While somebody holds it, everybody gets the same: two tickets for one file must not keep two truths.
    """
    with _opening:
        durability = _open_journals.get(path)
        if durability is None or not durability.current:
            durability = Durability(Journal(path + SUFFIX, size))
            _open_journals[path] = durability
        return durability


def _line(sign: str, start: int, end: int) -> bytes:
    text = f"{sign} {start} {end}".encode()
    return b"%s %08x\n" % (text, zlib.crc32(text))


def _load(path: str, size: int) -> Ranges:
    ranges = Ranges()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return ranges
    with open(descriptor, "rb") as file:
        lines = file.read().split(b"\n")
    # A crash tears the end: after the last line break lies nothing, or what was never acknowledged.
    torn = False
    for line in lines:
        change = _parse(line)
        if change is None:
            torn = True
        elif torn:
            # Damage in the middle is no crash of ours. A lost `-` would be a lie about data: better nothing than that.
            return Ranges()
        else:
            sign, start, end = change
            (ranges.add if sign == "+" else ranges.subtract)(start, end)
    if len(ranges):
        ranges.subtract(size, max(end for _, end in ranges))
    return ranges


def _parse(line: bytes) -> tuple[str, int, int] | None:
    try:
        sign, start, end, _ = line.decode("ascii").split(" ")
        if sign in "+-" and _line(sign, int(start), int(end)) == line + b"\n":
            return sign, int(start), int(end)
    except ValueError:
        pass
    return None


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, offset)
        view, offset = view[count:], offset + count


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
