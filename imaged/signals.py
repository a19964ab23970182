"""The signals that ask a process to stop, for a main thread that waits in select()."""

import contextlib
import os
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def wakeups() -> Iterator[int]:
    """A descriptor that becomes readable at any signal that has a handler. For the main thread alone.

    The interpreter writes to it as the signal arrives, on whichever thread that is. A handler runs only when the main thread does: a signal
    that comes to another thread, or just before the main thread begins to wait, would stay unheard until something else wakes it.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
