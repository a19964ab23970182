"""Images on block devices, as logical volumes and loop devices are: past the page cache, which would only hold a second copy.

Direct reads and writes take whole blocks at aligned offsets and memory. The blocks at a range's edges go through the page cache, which
keeps the bytes beside them: no block is read, changed and written back here, so parallel writers of disjoint ranges are safe. A block
is wholly within one writer's range, or direct for none of them.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imaged import errors
from imaged.backends import policy
from imaged.backends.file import File, path_of, storage
from imaged.httpd import buffers

#: Bytes: a page, and at least the block of every device there is.
BLOCK = 4096


@dataclass(frozen=True)
class Place:
    path: Path
    journaled = None

    def open(self, *, write: bool) -> "Device":
        """Raises NoFile where it is gone, ForbiddenPath where something else has taken its place."""
        flags = (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            cached = os.open(self.path, flags)
        except OSError as error:
            raise errors.NoFile(f"The image's device cannot be opened: {error.strerror}") from error
        if not stat.S_ISBLK(os.fstat(cached).st_mode):
            os.close(cached)
            raise errors.ForbiddenPath("The image is not a block device")
        return Device(cached)

    def close(self) -> None:
        """Nothing is kept."""


def locate(url: str, allowed: policy.Policy) -> Place | None:
    """The block device that `file:///path` names; None if it names no device that is allowed. Raises BadRequest."""
    real = path_of(url)
    try:
        block = stat.S_ISBLK(os.stat(real).st_mode)
    except OSError:
        return None
    return Place(real) if block and allowed.device(real) else None


class Device(File):
    """An open block device (or a file, which will do for tests): `descriptor` is through the cache, a second one goes past it."""

    # Past the cache only whole, aligned blocks can be written: they are gathered in a buffer first.
    splices = False

    def __init__(self, descriptor: int):
        super().__init__(descriptor)
        # Of the same device whatever its name leads to by now. Where there is no direct way, the cache serves for all.
        self._direct = -1
        with contextlib.suppress(OSError):
            mode = os.O_RDWR if _writable(descriptor) else os.O_RDONLY
            self._direct = os.open(f"/proc/self/fd/{descriptor}", mode | os.O_DIRECT | os.O_CLOEXEC)

    def size(self) -> int:
        with storage():
            return os.lseek(self._descriptor, 0, os.SEEK_END)

    def readinto(self, view: memoryview, offset: int) -> int:
        """Reads at most len(view) bytes from `offset`; returns how many, 0 past the end."""
        if offset % BLOCK or len(view) < BLOCK:
            # Up to where blocks begin: the next call goes on from there.
            return super().readinto(view[: BLOCK - offset % BLOCK], offset)
        whole = view[: len(view) - len(view) % BLOCK]
        count = self._past_cache(lambda: os.preadv(self._direct, [whole], offset))
        return super().readinto(whole, offset) if count is None else count

    def write(self, view: memoryview, offset: int) -> None:
        """Writes all of it. Raises NoSpace: a device never grows."""
        head = min(len(view), -offset % BLOCK)
        body = (len(view) - head) // BLOCK * BLOCK
        super().write(view[:head], offset)
        self._write_blocks(view[head : head + body], offset + head)
        super().write(view[head + body :], offset + head + body)

    def zero(self, offset: int, count: int, punch: bool) -> None:
        """Makes the range read as zeros: given back to the device if `punch` and it can."""
        if offset + count > self.size():
            raise errors.NoSpace(f"The device has {self.size()} bytes")
        head = min(count, -offset % BLOCK)
        body = (count - head) // BLOCK * BLOCK
        zeros = memoryview(bytes(BLOCK))
        super().write(zeros[:head], offset)
        super().zero(offset + head, body, punch)
        super().write(zeros[: count - head - body], offset + head + body)

    def close(self) -> None:
        direct, self._direct = self._direct, -1
        if direct >= 0:
            os.close(direct)
        super().close()

    def _write_blocks(self, view: memoryview, offset: int) -> None:
        """Whole blocks at a block's offset. Their memory is aligned too once it lies in a buffer of ours."""
        with buffers.borrow() as aligned:
            while view:
                part = aligned[: min(len(view), len(aligned))]
                part[:] = view[: len(part)]
                count = self._past_cache(lambda part=part, offset=offset: os.pwrite(self._direct, part, offset))  # type: ignore[misc]
                if count is None or count % BLOCK:
                    super().write(part, offset)
                    count = len(part)
                view, offset = view[count:], offset + count

    def _past_cache(self, call: Callable[[], int]) -> int | None:
        """None where that cannot be done: for blocks of the device that are larger than ours, say."""
        if self._direct < 0:
            return None
        with storage():
            try:
                return call()
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
        return None


def _writable(descriptor: int) -> bool:
    return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_RDWR)
