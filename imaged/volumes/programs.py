"""Programs of others, run with suspicion: what they read may be made to crash, stall or deceive whatever parses it.

They have limits of processor time, memory, open files and wall-clock time, a closed environment and, where that is asked for and the host
allows it, no network. They end with us, however we end.
"""

import contextlib
import functools
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

#: Bytes of its answer that are read.
MAX_OUTPUT = 1 << 20
#: Seconds between two looks at what a program says, and at whether anybody still wants to hear it.
INTERVAL = 0.2

#: prlimit's names and values.
Limits = Mapping[str, int | str]


class Overdue(Exception):
    """The program was stopped because its time was over."""


def start(
    words: Sequence[str],
    limits: Limits,
    *,
    files: Sequence[int] = (),
    stdin: int = subprocess.DEVNULL,
    orphaned: str = "KILL",
    offline: bool = True,
    nice: bool = False,
) -> subprocess.Popen:
    """Starts `words` (its first is a path) under prlimit's `limits`, with the open `files` under the numbers they have here.

    The signal `orphaned` (TERM, KILL) ends it when the thread that called this ends, with or without its process. `nice`: who answers a
    person comes before it.
    """
    limited = ["prlimit", *(f"--{name}={most}" for name, most in limits.items()), "--core=0", "--"]
    # The last before the program: the kernel forgets it where privileges change.
    bound = ["setpriv", "--pdeathsig", orphaned, "--"]
    gently = ["nice", "-n", "10"] if nice else []
    return subprocess.Popen(
        [*(_offline() if offline else []), *gently, *limited, *bound, *words],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=files,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "MALLOC_ARENA_MAX": "4"},
        cwd="/",
        start_new_session=True,
    )


def finish(process: subprocess.Popen, seconds: float, look: Callable[[bytearray], None]) -> tuple[int, bytes, str]:
    """Its exit code, and the beginnings of what it said and what it complained of.

    `look` sees from time to time what it has said; whatever it raises ends the program. Raises Overdue after `seconds`. Nothing that the
    program started is left either way.
    """
    kept = (bytearray(), bytearray())
    readers = [threading.Thread(target=drain, args=pair, daemon=True) for pair in zip((process.stdout, process.stderr), kept, strict=True)]
    for reader in readers:
        reader.start()
    deadline = time.monotonic() + seconds
    ended = os.pidfd_open(process.pid)
    try:
        while not select.select([ended], [], [], INTERVAL)[0]:
            look(kept[0])
            if time.monotonic() > deadline:
                raise Overdue
    finally:
        os.close(ended)
        # As long as nobody has waited for it, its number is no other's.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for reader in readers:
            reader.join()
    # Only now: the process may have ended before its last words were read.
    return process.returncode, bytes(kept[0]), kept[1].decode(errors="replace")


def drain(stream: IO[bytes], kept: bytearray) -> None:
    """Reads to the end and keeps the beginning: a damaged image makes gigabytes of complaints."""
    with stream:
        while data := os.read(stream.fileno(), 1 << 16):
            kept += data[: MAX_OUTPUT - len(kept)]


@functools.cache
def _offline() -> list[str]:
    """The words that run a command without network, or none where this host does not let us."""
    words = ["unshare", "--map-current-user", "--net", "--"]
    try:
        possible = subprocess.run([*words, "true"], capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        possible = False
    return words if possible else []
