"""The local `imaged` as a watched child process: started again when it dies, stopped when we stop, gone when we are killed."""

import contextlib
import hashlib
import logging
import math
import os
import pathlib
import shlex
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence

from appliance import config, errors, files
from imaged import client

log = logging.getLogger("imaged")

#: The words that begin a line of the daemon's log; any other line belongs to the one before.
LEVELS = logging.getLevelNamesMapping()

#: Bytes that fit the address of a unix socket, without its closing NUL.
MAX_SOCKET_PATH = 107
#: The most threads that a daemon takes.
MAX_THREADS = 4096
#: Seconds from one start to the next, when the daemon dies again and again: doubled each time, up to the second number.
BACKOFF = (0.1, 10.0)
#: A daemon that ran this long (seconds) has a clean slate.
HEALTHY = 30.0
#: Seconds that it has to say that it is ready; and to stop, after the time that it gives its requests, before it is killed (which costs no
#: acknowledged byte).
START_TIMEOUT = 20.0
STOP_TIMEOUT = 6.0


class Supervisor:
    """One daemon. `arguments` are those of `python -m imaged` beside its sockets', --supervised and --stop-timeout, which are ours."""

    def __init__(self, sockets: pathlib.Path, arguments: Sequence[str], *, stop_timeout: float = 2):
        """`stop_timeout` is how long (seconds) its running requests have when it stops."""
        self._stop_timeout = math.ceil(stop_timeout)
        self.control = f"unix:{sockets / 'control'}"
        self.images = f"unix:{sockets / 'images'}"
        self._command = [
            *(sys.executable, "-m", "imaged", "--supervised"),
            *("--control-socket", str(sockets / "control"), "--local-socket", str(sockets / "images")),
            *("--stop-timeout", str(self._stop_timeout)),
            *arguments,
        ]
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._last_words = ""
        self._thread = threading.Thread(target=self._watch, name="imaged supervisor", daemon=True)

    def start(self) -> None:
        """Returns when the daemon answers. Raises errors.DaemonFailed."""
        self._thread.start()
        control = client.Control(self.control, timeout=2)
        deadline = time.monotonic() + START_TIMEOUT
        try:
            while not self._answers(control):
                if time.monotonic() > deadline:
                    self.stop()
                    raise errors.DaemonFailed(reason=self._last_words or f"it does not answer within {START_TIMEOUT:.0f} s")
                self._stopping.wait(0.05)
        finally:
            control.close()

    def stop(self) -> None:
        """Ends the daemon: asked first, killed if it does not heed."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(self._stop_timeout + STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                log.error("imaged does not stop: killed")
                process.kill()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def pid(self) -> int | None:
        """The daemon's process id, if it runs."""
        with self._lock:
            return self._process.pid if self._process and self._process.poll() is None else None

    def _answers(self, control: client.Control) -> bool:
        try:
            control.info()
        except (client.Unreachable, client.Refused):
            return False
        # A daemon that an appliance before us left behind may still be on its way out.
        return self.pid is not None

    def _watch(self) -> None:
        delay = BACKOFF[0]
        while not self._stopping.is_set():
            started = time.monotonic()
            self._run()
            if self._stopping.is_set():
                return
            delay = BACKOFF[0] if time.monotonic() - started > HEALTHY else min(delay * 2, BACKOFF[1])
            log.warning("imaged ended by itself; started again in %.1f s. Its last words: %s", delay, self._last_words)
            self._stopping.wait(delay)

    def _run(self) -> None:
        """One life of the daemon."""
        with self._lock:
            if self._stopping.is_set():
                return
            # Its own session: Ctrl-C in the terminal is for us, and we stop it in good order.
            self._process = process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
                # systemd talks to us alone.
                env={name: value for name, value in os.environ.items() if name not in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")},
            )
        log.info("imaged started as process %d", process.pid)
        # The end of its standard input would end it too: so it goes when we are killed.
        assert process.stdin is not None and process.stderr is not None
        with process.stdin, process.stderr:
            for line in process.stderr:
                self._last_words = line.decode("utf-8", "replace").rstrip()
                level, _, text = self._last_words.partition(" ")
                known = LEVELS.get(level)
                log.log(known or logging.INFO, "%s", text if known else self._last_words)
        log.info("imaged ended with status %d", process.wait())


def arguments(
    roots: Sequence[pathlib.Path],
    listen: tuple[str, int] | None,
    certificate: pathlib.Path,
    key: pathlib.Path,
    settings: config.Config,
    threads: int,
) -> list[str]:
    """The daemon's command line: `roots` that volumes may lie under, `listen` (host, port) for clients that reach the host directly.

    `threads` are as many as chunks may move at once: with fewer, those beyond would wait for the daemon instead of being refused at once.
    """
    words = ["--log-level", settings.log_level, "--threads", str(threads)]
    words += ["--max-connections", str(settings.max_connections)]
    words += ["--max-connections-per-address", str(settings.max_connections_per_address)]
    for root in roots:
        words += ["--root", str(root)]
    if settings.scan_command:
        words += ["--scan-command", shlex.join(settings.scan_command)]
    if listen:
        host, port = listen
        words += [
            "--listen",
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "--tls-cert",
            str(certificate),
            "--tls-key",
            str(key),
        ]
    return words


def socket_directory(state_dir: pathlib.Path) -> pathlib.Path:
    """Where the daemon's sockets are: `run` of the state directory, or a private directory elsewhere where that path is too long for one.

    The same one at every start: so a daemon that was left behind is found by its lock. Raises errors.BadState.
    """
    name = f"image-appliance-{os.getuid()}-{hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:16]}"
    bases = [base for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp") if base]
    places = [state_dir / "run", *(pathlib.Path(base) / name for base in bases)]
    # The daemon's lock files have longer names than its sockets, but no such limit.
    elsewhere = next(place for place in places if len(os.fsencode(place / "control")) <= MAX_SOCKET_PATH)
    if elsewhere == places[0]:
        return elsewhere
    try:
        with contextlib.suppress(FileExistsError):
            elsewhere.mkdir(mode=0o700)
        found = elsewhere.lstat()
        # In a directory that everybody may write to, somebody else may have been first.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise errors.BadState(reason=f"{elsewhere} belongs to somebody else")
        files.make_private(elsewhere)
    except OSError as error:
        raise errors.BadState(reason=f"{elsewhere}: {error.strerror}") from None
    return elsewhere
