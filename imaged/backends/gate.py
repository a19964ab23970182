"""How a conversation with a server is broken off when its ticket is revoked: not in the middle of a change."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from imaged import errors


class Gate:
    """Between the thread that speaks to a server and whoever interrupts it.

    What a server was asked to change it may change even when the connection has ended: its answer is the only proof that it is done. So a
    change that has begun is waited for, as a write to a file is, and none begins any more. Whatever only waits is broken off at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changing = False
        self.closed = False

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """While inside, `close` breaks nothing off. Raises Canceled where it was closed before."""
        with self._lock:
            if self.closed:
                raise errors.Canceled()
            self._changing = True
        try:
            yield
        finally:
            self._changing = False

    def close(self, break_off: Callable[[], None]) -> None:
        """From any thread: from now on no change begins; what is no change is ended by `break_off`."""
        with self._lock:
            self.closed = True
            if not self._changing:
                break_off()
