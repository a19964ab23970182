"""Page-aligned buffers, used again: an upload allocates nothing while it runs."""

import mmap
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

#: 1 MiB: large enough that a system call's cost vanishes in it, small enough to stay in a core's cache between recv and write.
SIZE = 1 << 20
#: Operations at once that get so much; those beyond share the processor so widely that little is enough: a thousand slow uploads must
#: not take a gigabyte.
MANY = 64
SMALL = 64 << 10
#: Buffers that wait for the next operation; more are given back to the system.
IDLE = 32

_idle: deque[mmap.mmap] = deque(maxlen=IDLE)
_lent = 0
_lock = threading.Lock()


@contextmanager
def borrow() -> Iterator[memoryview]:
    """A buffer of SIZE bytes, or of SMALL when MANY are lent already, with whatever it held before."""
    global _lent
    with _lock:
        big = _lent < MANY
        _lent += big
    try:
        buffer = _take() if big else mmap.mmap(-1, SMALL)
        yield memoryview(buffer)
        if big:
            _idle.append(buffer)
    finally:
        with _lock:
            _lent -= big


def _take() -> mmap.mmap:
    try:
        return _idle.pop()
    except IndexError:
        return mmap.mmap(-1, SIZE)
