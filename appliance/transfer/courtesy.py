"""Bytes give way to people: whoever moves many of them waits between two pieces while a page, the API or a heartbeat is being answered.

Four uploads that run flat out keep every processor of a small machine busy, and the interpreter too: an answer that takes 3 ms waits its
turn dozens of times. The bytes are there a moment later as well. Measured with 1000 uploads that crawl beside the four: see
docs/data-path.md.
"""

import threading
import time

#: Seconds that a piece waits at most: whoever asks for page after page slows uploads down, and does not stop them.
PATIENCE = 0.02
#: Seconds after which an answer that is still not there waits for something other than a processor: a host, or bytes of its own.
LONG = 0.05
#: Bytes. Who sends no more at once crawls, and is in nobody's way.
MANY = 64 << 10


class Courtesy:
    """A context manager, entered for each answer. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answering = 0
        self._since = 0.0
        self._over = threading.Event()
        self._over.set()

    def __enter__(self) -> None:
        with self._lock:
            self._answering += 1
            if self._answering == 1:
                self._since = time.monotonic()
                self._over.clear()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._answering -= 1
            if not self._answering:
                self._over.set()

    def give_way(self) -> None:
        """Waits for the answers that are being made, for a moment at most. Returns at once if there are none, or if they take long."""
        if not self._over.is_set() and time.monotonic() - self._since < LONG:
            self._over.wait(PATIENCE)
