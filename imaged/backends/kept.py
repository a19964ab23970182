"""Open files that wait for the next request: to open one anew, from its root one directory at a time, costs more than 4 KiB do."""

import fcntl
import os
import stat
import threading
from collections.abc import Callable

from imaged.backends import direct

#: Of one image, for reading and for writing: as many as there may be readers and writers.
MOST = 8


class Opened:
    """An open file: which one it is, whether it may be written, and what was found out about it."""

    def __init__(self, descriptor: int):
        """`descriptor` is closed with it."""
        status = os.fstat(descriptor)
        self.descriptor = descriptor
        self.identity = status.st_dev, status.st_ino
        self.regular, self.block = stat.S_ISREG(status.st_mode), stat.S_ISBLK(status.st_mode)
        self.writable = bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_RDWR)
        self._past: list[direct.Direct | None] = []

    def past_cache(self, find: Callable[[], direct.Direct | None]) -> direct.Direct | None:
        """The way past the page cache; `find` is asked for it once."""
        if not self._past:
            self._past.append(find())
        return self._past[0]

    def close(self) -> None:
        for past in self._past:
            if past:
                past.close()
        os.close(self.descriptor)


class Kept:
    """Those of one image that nobody uses. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[bool, list[Opened]] = {False: [], True: []}
        self._used = self._closed = False

    def take(self, writable: bool) -> Opened | None:
        """One of them, which is the caller's now. It may be another file by now than the one of its name."""
        with self._lock:
            self._used = True
            idle = self._idle[writable]
            return idle.pop() if idle else None

    def give(self, opened: Opened) -> None:
        """`opened` is not used any more: it waits here, or is closed where enough do, or nobody will come."""
        with self._lock:
            idle = self._idle[opened.writable]
            kept = not self._closed and len(idle) < MOST
            if kept:
                idle.append(opened)
        if not kept:
            opened.close()

    def tidy(self) -> None:
        """Closes them if nobody came since the last time that this was called."""
        with self._lock:
            used, self._used = self._used, False
        if not used:
            self._close()

    def close(self) -> None:
        """Nobody will come."""
        self._closed = True
        self._close()

    def _close(self) -> None:
        with self._lock:
            idle = [opened for some in self._idle.values() for opened in some]
            self._idle = {False: [], True: []}
        for opened in idle:
            opened.close()
