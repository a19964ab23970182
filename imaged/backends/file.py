"""Images in plain files.

Writes are plain `pwrite`s of exactly the bytes given: no block is read, changed and written back, so any number of writers may work on
disjoint ranges, aligned or not.
"""

import ctypes
import errno
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

from imaged import errors, httpd
from imaged.backends import direct, huge, mapped
from imaged.backends.extents import DATA, HOLE, Extent
from imaged.backends.kept import Kept, Opened

log = logging.getLogger(__name__)

#: The largest file that an offset can describe.
MAX_SIZE = (1 << 63) - 1
_ZEROS = bytes(1 << 20)

_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE = 0x01, 0x02, 0x10
_UNSUPPORTED = {errno.EOPNOTSUPP, errno.ENOSYS, errno.ENODEV, errno.EINVAL}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


@dataclass(frozen=True)
class Place:
    """A file under one of the roots, as it was when it was located: `path` is absolute and has no symbolic links."""

    root: Path
    path: Path
    kept: Kept = field(default_factory=Kept, compare=False, repr=False)

    @property
    def journaled(self) -> str:
        return str(self.path)

    def open(self, *, write: bool) -> "File":
        """Raises NoFile where it is gone, ForbiddenPath where a link or something else has taken its place."""
        opened = self.kept.take(write)
        if opened:
            status = self._status()
            if status and (status.st_dev, status.st_ino) == opened.identity:
                return File(opened, self.kept, status.st_size)
            opened.close()
        return File(_open(self, write), self.kept)

    def close(self) -> None:
        self.kept.close()

    def tidy(self) -> None:
        self.kept.tidy()

    def _status(self) -> os.stat_result | None:
        try:
            return os.stat(str(self.path), follow_symlinks=False)
        except OSError:
            return None


def path_of(url: str) -> Path:
    """The path, without links, that `file:///path` names. Raises BadRequest."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or parts.query or parts.fragment or not path.startswith("/") or "\0" in path:
        raise errors.BadRequest("Invalid value for 'url': must be file:///PATH with an absolute path")
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        raise errors.BadRequest("Invalid value for 'url': the path cannot be resolved") from None


def locate(url: str, roots: Sequence[Path]) -> Place:
    """The plain file that `file:///path` names. Raises BadRequest, ForbiddenPath (outside the roots, or no plain file), NoFile."""
    real = path_of(url)
    for root in roots:
        root = Path(os.path.realpath(root))
        if real.is_relative_to(root) and real != root:
            place = Place(root, real)
            _open(place, write=False).close()
            return place
    raise errors.ForbiddenPath("Invalid value for 'url': the file is not under a directory that this daemon serves (--root)")


class File:
    """An open image file. Its methods may be called by several threads."""

    features = frozenset({"extents", "flush", "zero"})
    max_readers = 8
    max_writers = 8
    #: Bytes of one write from which on going past the cache is worth it.
    least_direct = direct.WORTHWHILE

    def __init__(self, opened: Opened, kept: Kept | None = None, size: int | None = None):
        """`kept` gets what is open when it is used no more. `size`: what the file has now, if that is known."""
        self._size_now = size
        self._opened: Opened | None = opened
        self._descriptor = opened.descriptor
        self._kept = kept
        self._pages: huge.Pages | None = None

    def __enter__(self) -> "File":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind:
            # Whatever is wrong with it is not for the next one.
            self._kept = None
        self.close()

    def size(self) -> int:
        known, self._size_now = self._size_now, None
        if known is not None:
            return known
        with storage():
            return os.fstat(self._descriptor).st_size

    def readinto(self, view: memoryview, offset: int) -> int:
        """Reads at most len(view) bytes from `offset`; returns how many, 0 past the end."""
        with storage():
            return os.preadv(self._descriptor, [view], offset)

    def mapped(self, end: int) -> mapped.Windows:
        """Maps of its bytes up to `end`, for a plain socket to send."""
        return mapped.Windows(self._descriptor, end)

    @property
    def past_cache(self) -> direct.Direct | None:
        """The way past the cache, if there is one, for what is written; what is read is better read ahead."""
        return self._opened.past_cache(self._find_past) if self._opened else None

    def _find_past(self) -> direct.Direct | None:
        assert self._opened
        return direct.opened(self._descriptor) if self._opened.writable and not direct.in_memory(self._descriptor) else None

    @property
    def cached(self) -> bool:
        """Whether the roads of the page cache are the fast ones: `splice` may stand in for `write`, and `mapped` for `readinto`."""
        return self.past_cache is None

    def expect(self, start: int, end: int) -> None:
        """All bytes from `start` to `end` will be written, in order and by one thread: worth huge pages, if the file lies in memory."""
        if end - start >= huge.SIZE and self.cached and self._opened and self._opened.regular and direct.in_memory(self._descriptor):
            self._pages = huge.Pages(self._descriptor, start, end)

    def place(self, offset: int) -> memoryview | None:
        """Where a plain socket may receive the bytes from `offset` on, so that they are in the file; None where they are to be spliced.

        Nobody may look into it. It is good until the next write.
        """
        if not self._pages:
            return None
        with storage():
            return self._pages.at(offset)

    def write(self, view: memoryview, offset: int) -> None:
        """Writes all of it. Raises NoSpace: then a part may be written."""
        self._reach(offset, offset + len(view))
        head = min(len(view), -offset % direct.BLOCK)
        body = (len(view) - head) // direct.BLOCK * direct.BLOCK
        with storage():
            if body < self.least_direct or not self.past_cache:
                self._write(view, offset)
                return
            self._write(view[:head], offset)
            self.past_cache.write(view[head : head + body], offset + head, self._write)
            self._write(view[head + body :], offset + head + body)

    def _write(self, view: memoryview, offset: int) -> None:
        while view:
            count = os.pwrite(self._descriptor, view, offset)
            view, offset = view[count:], offset + count

    def splice(self, pipe: httpd.Pipe, count: int, offset: int) -> None:
        """As `write`, of what is in the pipe."""
        self._reach(offset, offset + count)
        with storage():
            pipe.into_file(self._descriptor, count, offset)

    def _reach(self, start: int, end: int) -> None:
        _check_end(end)
        if self._pages:
            with storage():
                self._pages.reach(start, end)

    def zero(self, offset: int, count: int, punch: bool) -> None:
        """Makes the range read as zeros: a hole if `punch`, else with its space allocated. Extends the file if needed."""
        _check_end(offset + count)
        if not count:
            return
        with storage():
            if punch:
                # A hole never makes the file longer; one byte does, whoever else is extending it (truncate could cut that off again).
                if offset + count > os.fstat(self._descriptor).st_size:
                    os.pwrite(self._descriptor, b"\0", offset + count - 1)
                done = self._fallocate(_PUNCH_HOLE | _KEEP_SIZE, offset, count)
            else:
                done = self._fallocate(_ZERO_RANGE, offset, count) or (
                    self._fallocate(_PUNCH_HOLE | _KEEP_SIZE, offset, count) and self._fallocate(0, offset, count)
                )
            if not done:
                self._write_zeros(offset, count)

    def flush(self) -> None:
        """Returns when the data, and the size it needs, are on stable storage."""
        with storage():
            os.fdatasync(self._descriptor)

    def trim(self, size: int) -> None:
        """Ends the file at `size`, if it is longer; that is on stable storage then."""
        with storage():
            if os.fstat(self._descriptor).st_size > size:
                os.ftruncate(self._descriptor, size)
                os.fsync(self._descriptor)

    def extents(self, context: str, start: int, end: int) -> Iterator[Extent]:
        """The file's data and holes from `start` to `end`, as its file system tells them. Raises NotFound for another context."""
        if context != "zero":
            raise errors.NotFound(f"A file has no {context} extents")
        return self._data_and_holes(start, end)

    def _data_and_holes(self, start: int, end: int) -> Iterator[Extent]:
        while start < end:
            data = min(end, self._seek(start, os.SEEK_DATA, end))
            yield Extent(start, data, HOLE)
            if data < end:
                start = min(end, self._seek(data, os.SEEK_HOLE, end))
                yield Extent(data, start, DATA)
            else:
                start = end

    def _seek(self, offset: int, whence: int, end: int) -> int:
        with storage():
            try:
                return os.lseek(self._descriptor, offset, whence)
            except OSError as error:
                if error.errno == errno.ENXIO:  # no data behind, or the file became shorter
                    return end
                if error.errno in _UNSUPPORTED:  # then all of it is data
                    return offset if whence == os.SEEK_DATA else end
                raise

    def interrupt(self) -> None:
        """A file never waits for a peer."""

    def close(self) -> None:
        opened, self._opened, self._descriptor = self._opened, None, -1
        if self._pages:
            self._pages.close()
        if opened and self._kept:
            self._kept.give(opened)
        elif opened:
            opened.close()

    def _fallocate(self, mode: int, offset: int, count: int) -> bool:
        """False where this file system cannot."""
        while _libc.fallocate(self._descriptor, mode, offset, count):
            code = ctypes.get_errno()
            if code in _UNSUPPORTED:
                return False
            if code != errno.EINTR:
                raise OSError(code, os.strerror(code))
        return True

    def _write_zeros(self, offset: int, count: int) -> None:
        end = offset + count
        while offset < end:
            offset += os.pwrite(self._descriptor, memoryview(_ZEROS)[: end - offset], offset)


def _check_end(end: int) -> None:
    if end > MAX_SIZE:
        raise errors.NoSpace(f"No file can be longer than {MAX_SIZE} bytes")


class storage:
    """Inside, what the storage refuses is raised as our errors. An OSError would pass for one of the client's connection."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        if isinstance(error, OSError):
            raise errors.storage(error) from error


def _open(place: Place, write: bool) -> Opened:
    """Reached from the root one directory at a time and never through a link, whatever has happened to the path since."""
    # O_NONBLOCK: opening a pipe that took the file's place must not wait for its other end.
    flags = (os.O_RDWR if write else os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    *directories, name = place.path.relative_to(place.root).parts
    try:
        directory = os.open(place.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in directories:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
                os.close(directory)
                directory = below
            descriptor = os.open(name, flags, dir_fd=directory)
        finally:
            os.close(directory)
    except OSError as error:
        log.warning("%s cannot be opened: %s", place.path, error.strerror)
        if error.errno == errno.ENOENT:
            raise errors.NoFile("The image's file does not exist on this host") from error
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR):
            raise errors.ForbiddenPath("The image is not a plain file") from error
        raise errors.NoFile(f"The image's file cannot be opened: {error.strerror}") from error
    opened = Opened(descriptor)
    if not opened.regular:
        opened.close()
        raise errors.ForbiddenPath("The image is not a plain file")
    return opened
