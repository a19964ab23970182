"""The digest of what an upload writes, taken behind the writer, in another thread.

SHA-256 takes three times as long as moving the bytes by splice does: one after the other they halve an upload's speed. Spliced bytes never
enter this process, so they are read again, out of the page cache; what is compared is what stands in the file.

The threads are as few as the processors, and serve each upload in turn: thousands of slow ones cost no thread, no buffer and no switch.
"""

import concurrent.futures
import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

from imaged import errors
from imaged.httpd import buffers

#: Bytes hashed at once: they stay in a core's cache between being read and being hashed.
PIECE = 256 << 10
#: Bytes that wait before a thread is asked for, and that it hashes before it serves the next upload.
STEP, TURN = 1 << 20, 16 << 20
#: Bytes that a writer may be ahead: they are read from the cache, and not from the disk.
LEAD = 64 << 20
#: Bytes of an upload below which the writer better hashes them itself.
WORTHWHILE = 2 << 20

_threads = concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="digest")


@contextlib.contextmanager
def meanwhile(digest: Any, view: memoryview) -> Iterator[None]:
    """Feeds `digest` with `view` while the block does something else with it: for what is not to be found in the page cache afterwards."""
    if len(view) < PIECE:
        digest.update(view)
        yield
        return
    hashed = _threads.submit(digest.update, view)
    try:
        yield
    finally:
        hashed.result()


class Follower:
    """Feeds `digest` with the bytes of `backend` from `start` on, as far as they are written. A context manager of the writer's thread:
    behind its end nobody reads from the backend any more."""

    def __init__(self, backend: Any, digest: Any, start: int):
        self._backend = backend
        self._digest = digest
        self._at = self._end = start
        self._changed = threading.Condition()
        self._running = self._stopped = False
        self._failure: errors.DaemonError | None = None

    def __enter__(self) -> "Follower":
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.wait_for(lambda: not self._running)

    def wrote(self, end: int) -> None:
        """The bytes up to `end` are in the file. Waits where they are too far ahead. Raises what reading them raised."""
        with self._changed:
            self._end = end
            if not self._running and end - self._at >= STEP:
                self._running = True
                _threads.submit(self._run)
            self._changed.wait_for(lambda: not self._running or self._end - self._at < LEAD)
        self._check()

    def finish(self) -> None:
        """Returns when all that was written is in the digest. Raises as `wrote`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running)
        self._check()
        with buffers.borrow() as buffer:
            while self._at < self._end:
                self._step(buffer)

    def _check(self) -> None:
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        """One turn; another one follows while there is something to do."""
        again = False
        try:
            turn_end = self._at + TURN
            with buffers.borrow() as buffer:
                while self._at < min(self._end, turn_end) and not self._stopped:
                    self._step(buffer)
            again = self._at >= turn_end
        except errors.DaemonError as error:
            self._failure = error
        finally:
            with self._changed:
                # Looked at under the lock: what is written later asks for a thread by itself.
                if again and self._end > self._at and not self._stopped:
                    _threads.submit(self._run)
                else:
                    self._running = False
                self._changed.notify_all()

    def _step(self, buffer: memoryview) -> None:
        count = self._backend.readinto(buffer[: min(PIECE, self._end - self._at)], self._at)
        if not count:
            raise errors.Internal("The image became shorter while it was written")
        self._digest.update(buffer[:count])
        with self._changed:
            self._at += count
            self._changed.notify_all()
