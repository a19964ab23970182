"""What systemd wants to know of a service (sd_notify(3)): that it is ready, that it lives, that it stops. Nothing where nobody asks."""

import contextlib
import os
import socket
from collections.abc import Mapping


def notify(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Sends `state` (as READY=1) to whoever started us with NOTIFY_SOCKET. Never fails: a deaf supervisor is no reason to stop."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    # "@": the abstract name space, whose names begin with NUL.
    target = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.settimeout(1)
        sender.sendto(state.encode(), target)


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two signs of life: half of what systemd waits. None when it does not watch this process."""
    try:
        microseconds = int(environ["WATCHDOG_USEC"])
        watched = int(environ.get("WATCHDOG_PID", os.getpid()))
    except (KeyError, ValueError):
        return None
    if microseconds <= 0 or watched != os.getpid():
        return None
    return microseconds / 2_000_000
