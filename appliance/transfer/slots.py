"""How many threads bytes may take: all of a pool but a reserve, so that pages, API and heartbeats always find one."""

import threading

from appliance import errors


class Slots:
    """Counts the threads that move bytes. `total` is the size of the pool, `reserve` what bytes must leave free."""

    def __init__(self, total: int, reserve: int):
        if not 0 <= reserve < total:
            raise ValueError(f"a reserve of {reserve} threads leaves none of {total} for bytes")
        #: Threads that bytes may still take.
        self.free = total - reserve
        self._lock = threading.Lock()

    def take(self) -> "Slots":
        """A context manager: one thread for bytes. Raises errors.Busy at once, without waiting, when bytes have all that they may."""
        return self

    def __enter__(self) -> None:
        with self._lock:
            if not self.free:
                raise errors.Busy
            self.free -= 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.free += 1
