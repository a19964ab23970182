"""A lock for each thing that somebody works on: who comes for the same thing waits, all others do not."""

import threading
import weakref
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Keyed:
    """Call it with a key, and use the answer as a context manager. A lock that nobody holds or waits for takes no memory."""

    def __init__(self) -> None:
        self._locks: weakref.WeakValueDictionary[Hashable, threading.Lock] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, *key: Hashable) -> Iterator[None]:
        with self._lock:
            lock = self._locks.get(key)
            if lock is None:
                lock = self._locks[key] = threading.Lock()
        with lock:
            yield
