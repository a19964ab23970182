"""The fast road to a disk: whole blocks go from our buffer to the device, past the page cache (O_DIRECT).

Where the answer waits for the disk, the cache is a detour: the bytes are copied into it, written back all at once when the flush comes,
and each page is kept track of. To a disk (ext4), flushed, median of 6: through the cache by splice 108 MiB/s with 2.0 s of processor time
a GiB, with the writing back begun early 120 MiB/s and 1.6 s, past the cache 255 MiB/s and 0.55 s.

Blocks at a range's edges go through the cache, which keeps the bytes beside them: no block is read, changed and written back here, so
parallel writers of disjoint ranges are safe. A block is wholly within one writer's range, or direct for none of them. What lies in memory
anyway (tmpfs) has no other road than the cache.
"""

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable

from imaged.httpd import buffers

#: Bytes: a page, and at least the block of every device there is.
BLOCK = 4096
#: Bytes of one write to a file below which the cache, which gathers them, is the better road.
WORTHWHILE = 256 << 10

_TMPFS = 0x01021994

_libc = ctypes.CDLL(None, use_errno=True)


class Direct:
    """A second way to what `descriptor` is open for, whatever its name leads to by now. Raises OSError where there is none."""

    def __init__(self, descriptor: int):
        mode = os.O_RDWR if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_RDWR else os.O_RDONLY
        self._descriptor = os.open(f"/proc/self/fd/{descriptor}", mode | os.O_DIRECT | os.O_CLOEXEC)

    def read(self, view: memoryview, offset: int) -> int | None:
        """Whole blocks at a block's offset; None where that cannot be done: for blocks of the device that are larger than ours, say."""
        return _possible(lambda: os.preadv(self._descriptor, [view], offset))

    def write(self, view: memoryview, offset: int, otherwise: Callable[[memoryview, int], None]) -> None:
        """Writes whole blocks at a block's offset; `otherwise` is what writes those that cannot be written so."""
        while view:
            count = _possible(lambda view=view, offset=offset: os.pwrite(self._descriptor, view, offset))  # type: ignore[misc]
            if not count or count % BLOCK:
                # Their memory is aligned too, once it lies in a buffer of ours.
                count = self._write_aligned(view, offset, otherwise)
            view, offset = view[count:], offset + count

    def _write_aligned(self, view: memoryview, offset: int, otherwise: Callable[[memoryview, int], None]) -> int:
        with buffers.borrow() as aligned:
            part = aligned[: min(len(view), len(aligned))]
            part[:] = view[: len(part)]
            count = _possible(lambda: os.pwrite(self._descriptor, part, offset))
            if count and not count % BLOCK:
                return count
            otherwise(part, offset)
            return len(part)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def opened(descriptor: int) -> Direct | None:
    """None where there is no way past the cache."""
    try:
        return Direct(descriptor)
    except OSError:
        return None


def in_memory(descriptor: int) -> bool:
    """Whether the file lies in memory (tmpfs), with nothing behind the cache. Not for devices: their nodes always do."""
    # struct statfs begins with the type, and is smaller than this.
    about = (ctypes.c_long * 64)()
    return not _libc.fstatfs(descriptor, about) and about[0] == _TMPFS


def _possible(call: Callable[[], int]) -> int | None:
    try:
        return call()
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return None
