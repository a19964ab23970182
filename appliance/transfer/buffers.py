"""Buffers that bytes pass through on their way: pooled, page-aligned, and few of them big."""

import contextlib
import mmap
import threading
from collections.abc import Iterator

# 1 MiB: the smallest at which a fast line, and a TLS line most of all, stops being bound by Python's calls.
BIG = 1 << 20

# Beyond MAX_BIG uploads at once the processor is shared so widely that a big buffer wins nothing: 64 KiB keeps a
# thousand uploads within 128 MiB.
SMALL = 64 << 10
MAX_BIG = 64


class Buffers:
    """A pool of buffers. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._big: list[mmap.mmap] = []
        self._lent = 0

    @contextlib.contextmanager
    def take(self) -> Iterator[memoryview]:
        """A buffer of BIG bytes, or of SMALL when MAX_BIG big ones are lent. It holds what others left: only send what was put in."""
        with self._lock:
            big = self._lent < MAX_BIG
            self._lent += big
            buffer = self._big.pop() if big and self._big else None
        try:
            if buffer is None:
                buffer = mmap.mmap(-1, BIG if big else SMALL)
            yield memoryview(buffer)
        finally:
            if big:
                with self._lock:
                    self._lent -= 1
                    if buffer is not None:
                        self._big.append(buffer)
