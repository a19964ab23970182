"""What each long-running process of ours needs: to be told to stop, an end that comes for sure, and enough descriptors."""

import contextlib
import gc
import logging
import os
import resource
import threading
from collections.abc import Callable, Iterator

from cherrypy.process import plugins, wspbus

from imaged import signals

log = logging.getLogger(__name__)

#: A line of the log.
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextlib.contextmanager
def stops(bus: wspbus.Bus) -> Iterator[int]:
    """A descriptor that becomes readable at the first signal that asks to stop; the second one ends the process."""
    asked = False

    def stop() -> None:
        nonlocal asked
        if asked:
            # The daemon notices by the end of its standard input.
            os._exit(1)
        asked = True

    handler = plugins.SignalHandler(bus)
    handler.handlers = {"SIGINT": stop, "SIGTERM": stop, "SIGHUP": stop}
    with signals.wakeups() as wakeups:
        handler.subscribe()
        try:
            yield wakeups
        finally:
            handler.unsubscribe()


def later(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def leave() -> None:
    """Ends the process although something hangs: everything that was acknowledged is on the disks."""
    log.error("Something still hangs: leaving it")
    os._exit(1)


def raise_file_limit() -> None:
    """A moving chunk takes two descriptors; the usual soft limit of 1024 is there for programs that use select()."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def settle() -> None:
    """What was made by now stays until the end: the garbage collector need not look at it again and again.

    It looked at everything for 70 to 100 ms each time while uploads ran, and nobody else went on meanwhile; now for 10 to 25 ms.
    """
    gc.collect()
    gc.freeze()
