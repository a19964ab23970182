"""Huge pages for what is written to a file in memory (tmpfs), and a map of them for a plain socket to receive into.

Such a file gets its pages one by one, 4 KiB each, and to make them takes longer than everything else that is done for its bytes. tmpfs
makes pages of 2 MiB by itself only where it was mounted for that (`huge=`). For a block that will be written whole it may be asked to, by
madvise(MADV_COLLAPSE) of Linux 6.1, which turns the pages of a map into one. From a TCP connection into a new file, by themselves, CPU
s/GiB (medians of 6 in turn, Linux 6.18): splice into small pages 0.41, into huge ones 0.25, receiving into the map of a huge one 0.20.

A file may become shorter meanwhile. The kernel then fails to receive into what is gone (EFAULT); a program that touched the map itself
would be killed (SIGBUS). So the map is for plain sockets alone, as that of `mapped`.
"""

import ctypes
import errno
import logging
import mmap
import os
import time

log = logging.getLogger(__name__)

#: Bytes of a huge page, and of the blocks of a file that can be one.
SIZE = 2 << 20
#: Bytes that come at once from whoever is fast. Who crawls gets small pages: a huge one would lie there empty for hours.
FAST = 64 << 10
#: Seconds. One takes 0.1 ms; where memory is in pieces the kernel moves others away first, and small pages are faster.
SLOW = 0.02

_COLLAPSE = 25
_FIXED = 0x10
_KEEP_SIZE = 0x01

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


class Pages:
    """Those of the bytes from `start` to `end` of a file, all of which will be written, in order and by one thread.

    Where the kernel makes none, nothing happens. No byte of the file is changed.
    """

    def __init__(self, descriptor: int, start: int, end: int):
        self._descriptor = descriptor
        #: The next block that is wholly in the range, and the end of the last one.
        self._next = -(-start // SIZE) * SIZE
        self._end = end // SIZE * SIZE
        #: The block whose page is mapped.
        self._mapped: int | None = None
        # Twice the size: there is an address in it at which a huge page may begin. Its end is that of the file's map, too.
        self._area: mmap.mmap | None = mmap.mmap(-1, 2 * SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._place = -ctypes.addressof(ctypes.c_char.from_buffer(self._area)) % SIZE

    def reach(self, start: int, end: int) -> None:
        """The bytes from `start` to `end` are written next."""
        while self._next < min(end, self._end):
            if end - start >= FAST and not self._holds_data():
                self._make()
            self._next += SIZE

    def at(self, offset: int) -> memoryview | None:
        """The bytes from `offset` up to the end of its block, for a plain socket to receive into; None where there is no huge page.

        It must not be kept beyond the next call of anything here.
        """
        if offset == self._next:
            self.reach(offset, offset + SIZE)
        if self._area is None or self._mapped is None or not self._mapped <= offset < self._mapped + SIZE:
            return None
        return memoryview(self._area)[self._place + offset - self._mapped : self._place + SIZE]

    def close(self) -> None:
        self._end, self._mapped = self._next, None
        # It is unmapped when nobody has a view of it any more.
        self._area = None

    def _holds_data(self) -> bool:
        """Whether the next block has pages already: they would have to be copied."""
        try:
            return os.lseek(self._descriptor, self._next, os.SEEK_DATA) < self._next + SIZE
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        return False

    def _make(self) -> None:
        """Makes and maps that of the next block; if it cannot be had in time, there are no more of them."""
        began = time.monotonic()
        made = self._collapse()
        took = time.monotonic() - began
        self._mapped = self._next if made else None
        if not made or took > SLOW:
            log.debug("No more huge pages: %s", f"one took {took:.3f} s" if made else os.strerror(ctypes.get_errno()))
            self._end = self._next

    def _collapse(self) -> bool:
        assert self._area is not None
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._area, self._place))
        protection, flags = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED | _FIXED
        if _libc.mmap(address, SIZE, protection, flags, self._descriptor, self._next) != address:
            return False
        # Of nothing nothing is made: one small page has to be there.
        if _libc.fallocate(self._descriptor, _KEEP_SIZE, self._next, mmap.PAGESIZE):
            return False
        return not _libc.madvise(address, SIZE, _COLLAPSE)
