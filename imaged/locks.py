"""One daemon per socket: a lock file beside it, which the kernel opens again when its holder dies, however that happens."""

import fcntl
import os
import time
from pathlib import Path

# A daemon that was told to stop may take this long to break off what runs; its successor waits for that.
PATIENCE = 10.0
INTERVAL = 0.05


class Held(Exception):
    """Another process has the lock, and keeps it."""


def acquire(socket_path: Path, patience: float = PATIENCE) -> int:
    """Locks `socket_path` and returns the descriptor that holds the lock until it is closed. Raises Held, OSError.

    The lock file stays when the daemon goes: who removed it could remove the one of a successor.
    """
    path = f"{socket_path}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + patience
        while not _try(descriptor):
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                raise Held(
                    f"{socket_path} belongs to another imaged that runs (process {holder or 'unknown'}): stop it, or use another path"
                )
            time.sleep(INTERVAL)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
