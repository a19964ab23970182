"""How many threads bytes may take: all of a pool but a reserve, so that pages, API and heartbeats always find one."""

import contextlib
import threading
from collections.abc import Iterator

from appliance import errors


class Slots:
    """Counts the threads that move bytes. `total` is the size of the pool, `reserve` what bytes must leave free."""

    def __init__(self, total: int, reserve: int):
        if not 0 <= reserve < total:
            raise ValueError(f"a reserve of {reserve} threads leaves none of {total} for bytes")
        self._free = threading.BoundedSemaphore(total - reserve)

    @contextlib.contextmanager
    def take(self) -> Iterator[None]:
        """One thread for bytes. Raises errors.Busy at once, without waiting, when bytes have all that they may."""
        if not self._free.acquire(blocking=False):
            raise errors.Busy
        try:
            yield
        finally:
            self._free.release()
