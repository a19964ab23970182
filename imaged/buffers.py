"""Page-aligned buffers, used again: an upload allocates nothing while it runs."""

import mmap
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

#: 1 MiB: large enough that a system call's cost vanishes in it, small enough to stay in a core's cache between recv and write.
SIZE = 1 << 20
#: Buffers that wait for the next operation; more are given back to the system.
IDLE = 32

_idle: deque[mmap.mmap] = deque(maxlen=IDLE)


@contextmanager
def borrow() -> Iterator[memoryview]:
    """A buffer of SIZE bytes, with whatever it held before."""
    try:
        buffer = _idle.pop()
    except IndexError:
        buffer = mmap.mmap(-1, SIZE)
    try:
        yield memoryview(buffer)
    finally:
        _idle.append(buffer)
