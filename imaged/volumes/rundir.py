"""A directory for the sockets of exports, which only this process's user can enter, and what a dead process left in one of those.

It is locked as long as the process lives, and named anew by each: a directory without a lock is a dead daemon's. The programs that
still serve its sockets are known by their command lines, which name them.
"""

import contextlib
import fcntl
import logging
import os
import select
import shutil
import signal
import stat
import tempfile
from pathlib import Path

log = logging.getLogger("imaged.exports")

PREFIX = "exports-"
#: Characters of a unix socket's path below the directory that we make ours in: our name, and a number.
ROOM = len(f"/{PREFIX}12345678/1234567")
#: Bytes that fit the address of a unix socket, without its closing NUL.
MAX_SOCKET_PATH = 107
#: Seconds that what a dead daemon left has to end, each time that it is told to.
PATIENCE = 5.0


class RunDirectory:
    """`path` is ours until `close`."""

    def __init__(self, place: Path | None = None):
        """Makes it in `place`, or among the temporary files where a socket's path would be too long there, or not be sayable.

        Raises OSError.
        """
        base = place if place is not None and _fits(place) else Path(tempfile.gettempdir())
        _clear(base)
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=base))
        self._descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        # Only now: of that name and without a lock it would be taken for a dead daemon's.
        self.path = base / (PREFIX + made.name.removeprefix(".new-"))
        made.rename(self.path)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._descriptor)


def _fits(place: Path) -> bool:
    # A colon ends the path in an NBD URL.
    return len(os.fsencode(place)) + ROOM <= MAX_SOCKET_PATH and ":" not in str(place)


def _clear(base: Path) -> None:
    """Ends what dead daemons of this user left in `base`."""
    for path in base.glob(PREFIX + "*"):
        try:
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                continue
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue  # gone since it was listed
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _end_servers(path)
            shutil.rmtree(path)
        except BlockingIOError:
            continue  # a living daemon's
        except OSError as error:
            log.error("%s, which a dead daemon left, cannot be removed: %s", path, error.strerror)
        finally:
            os.close(descriptor)


def _end_servers(directory: Path) -> None:
    """Ends the programs that serve sockets in `directory`."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        processes = _servers(directory)
        try:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, number)
            for process in processes:
                select.select([process], [], [], PATIENCE)
        finally:
            for process in processes:
                os.close(process)
    if left := _servers(directory):
        log.error("%d programs that a dead daemon left in %s do not end", len(left), directory)
        for process in left:
            os.close(process)


def _servers(directory: Path) -> list[int]:
    """A descriptor of each process (of this user) whose command line names a socket in `directory`."""
    mark = os.fsencode(f"--socket={directory}/")
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            process = os.pidfd_open(int(name))
        except OSError:
            continue
        # The descriptor first: whatever has that number later, this is the process whose words are looked at.
        try:
            ours = os.stat(f"/proc/{name}").st_uid == os.getuid()
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
        except OSError:
            ours, words = False, []
        if ours and any(word.startswith(mark) for word in words):
            found.append(process)
        else:
            os.close(process)
    return found
