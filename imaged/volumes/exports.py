"""Exports: a volume as the disk that its guest sees, whatever format its file has, for as long as a transfer lasts.

Each is a `qemu-nbd` of its own on a unix socket in our directory (rundir.py), which only we can enter. A ticket leads to the socket: all
bytes come through the NBD backend, and are durable by its flush.
"""

import contextlib
import logging
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from imaged import errors as daemon_errors
from imaged import nbd
from imaged.volumes import errors, formats, programs, qemu
from imaged.volumes.domains import check_name
from imaged.volumes.files import MAX_SIZE
from imaged.volumes.jobs import Jobs
from imaged.volumes.keyed import Keyed
from imaged.volumes.rundir import RunDirectory
from imaged.volumes.volume import disk_format
from imaged.volumes.volumes import Volumes

log = logging.getLogger("imaged.exports")

#: Exports at once: each is a process of some 30 MB.
MAX_EXPORTS = 256
#: Clients of one export, which are all ours: eight that write or read, and who asks for extents beside them. A further one waits.
CLIENTS = 64
# Address space: threads and their arenas take most of it; tables of a disk of many TiB some 100 MB.
MEMORY = 4 << 30
#: Seconds that qemu-nbd has to open the image, to end (it brings what it holds to the disk before), and to end when this process does.
START, STOP, LAST = 60.0, 60.0, 4.0


@dataclass(eq=False)
class Export:
    """One running qemu-nbd. `size`: the bytes that its guest sees."""

    id: str
    read_only: bool
    socket: Path
    process: subprocess.Popen
    size: int

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def lost(self) -> bool:
        """It may have taken bytes that are nowhere now."""
        return not self.read_only and self.process.poll() not in (None, 0)

    def as_json(self) -> dict:
        return {"id": self.id, "url": f"nbd:unix:{self.socket}", "size": self.size}


class Exports:
    """All exports of this process; they end with it, however it ends. Thread-safe."""

    def __init__(self, volumes: Volumes, jobs: Jobs, place: Path | None = None):
        """The sockets' directory is made in `place`, or where temporary files go. What a dead daemon left there is ended first."""
        self._volumes = volumes
        self._jobs = jobs
        self._run = RunDirectory(place)
        self._exports: dict[tuple[str, str], list[Export]] = {}
        self._busy = Keyed()
        self._lock = threading.Lock()
        self._numbers = 0
        # The kernel tells a child that its parent died when the *thread* that started it ends. This one ends with the process.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="exports")

    @property
    def directory(self) -> Path:
        """Where the sockets are."""
        return self._run.path

    def open(self, domain: str, name: str, export_id: str, *, read_only: bool) -> tuple[Export, bool]:
        """The export `export_id` of the volume; repeatable, and started again if it died. Returns it, and whether it is new.

        Raises InvalidName, NoDomain, NoVolume, NotAFile; Exported where another export writes, or this one shall and another is open;
        ExportLost where it died while it could write, until it is ended; NoProgram; and Rejected, whose code says why the image cannot be
        opened.
        """
        check_name(export_id, "export")
        with self._busy(domain, name):
            exports = self._living(domain, name)
            before = next((export for export in exports if export.id == export_id), None)
            if before is not None and before.lost:
                raise errors.ExportLost(
                    f"The export of volume {name!r} ended by itself, and what was not flushed may be lost: end it, and upload again"
                )
            if before is not None and before.read_only == read_only:
                return before, False
            if exports and not (read_only and all(export.read_only for export in exports)):
                raise errors.Exported(f"Volume {name!r} is open for another transfer: wait for its end")
            if not read_only:
                # What they say would be of bytes that are not there any more, and qemu-img holds a lock on them.
                self._jobs.cancel_all(domain, name)
            with self._volumes.reading(domain, name) as file:
                export = self._start(file, disk_format(name), export_id, read_only)
            with self._lock:
                self._exports.setdefault((domain, name), []).append(export)
            return export, True

    def end(self, domain: str, name: str, export_id: str | None = None) -> None:
        """Ends that export of the volume, or all of them; repeatable. When it returns nobody has the file open by it any more."""
        with self._busy(domain, name):
            exports = self._all(domain, name)
            self._put_away(domain, name, [export for export in exports if export_id in (None, export.id)])

    def require_unwritten(self, domain: str, name: str) -> None:
        """Raises Exported while an export may write to the volume."""
        with self._busy(domain, name):
            if not all(export.read_only for export in self._living(domain, name)):
                raise errors.Exported(f"Volume {name!r} is open for writing by a transfer: end that first")

    @contextlib.contextmanager
    def none(self, domain: str, name: str) -> Iterator[None]:
        """While inside, the volume has no export. Raises Exported where it has one."""
        with self._busy(domain, name):
            if self._living(domain, name):
                raise errors.Exported(f"Volume {name!r} is open for a transfer: end that first")
            yield

    def close(self) -> None:
        """Ends them all."""
        with self._lock:
            ending = [export for exports in self._exports.values() for export in exports]
            self._exports.clear()
        _end(ending, LAST)
        self._starter.shutdown()
        self._run.close()

    def _all(self, domain: str, name: str) -> list[Export]:
        with self._lock:
            return list(self._exports.get((domain, name), []))

    def _living(self, domain: str, name: str) -> list[Export]:
        """Those that run, and those that were lost. What else has died is put away."""
        exports = self._all(domain, name)
        dead = [export for export in exports if not (export.alive or export.lost)]
        for export in dead:
            log.error("the export of volume %s in %s ended by itself, status %s", name, domain, export.process.returncode)
        self._put_away(domain, name, dead)
        return [export for export in exports if export not in dead]

    def _put_away(self, domain: str, name: str, exports: list[Export]) -> None:
        _end(exports, STOP)
        with self._lock:
            rest = [export for export in self._exports.pop((domain, name), []) if export not in exports]
            if rest:
                self._exports[domain, name] = rest

    def _start(self, file: int, format: str, export_id: str, read_only: bool) -> Export:
        if format in formats.FOREIGN:
            raise errors.Rejected("format-mismatch", f"A {format} disk is not opened: convert it to qcow2 or raw, and open the result")
        if format == "qcow2":
            # Before any program of QEMU's sees it. A raw disk is what its guest wrote: there is nothing to be led astray by.
            formats.inspect(file, format, MAX_SIZE)
        with self._lock:
            if sum(map(len, self._exports.values())) >= MAX_EXPORTS:
                raise daemon_errors.Conflict(f"There are {MAX_EXPORTS} exports already: end some of them")
            self._numbers += 1
            socket = self.directory / str(self._numbers)
        words = [*_words(format, read_only), f"--socket={socket}", qemu.described(file, format, read_only)]
        limits = {"as": MEMORY, "nofile": 1024} | ({"fsize": 0} if read_only else {})
        # TERM: what it has taken it brings to the disk.
        process = self._starter.submit(qemu.start, "qemu-nbd", words, [file], limits, "TERM").result()
        export = Export(export_id, read_only, socket, process, 0)
        complaint = bytearray()
        readers = [
            threading.Thread(target=programs.drain, args=pair, daemon=True, name="export")
            for pair in ((process.stdout, bytearray()), (process.stderr, complaint))
        ]
        for reader in readers:
            reader.start()
        try:
            size = _wait(export)
            if size is None:
                for reader in readers:
                    reader.join()
                raise _refusal(format, complaint.decode(errors="replace"))
            export.size = size
        except BaseException:
            _end([export], LAST)
            raise
        return export


def _words(format: str, read_only: bool) -> list[str]:
    """qemu-nbd's options, besides socket and image."""
    words = [
        "--persistent",
        f"--shared={CLIENTS}",
        # The page cache takes the bytes, and the ticket's flush (NBD's) makes them durable: what was just written is often read again,
        # and not every file system has O_DIRECT. Threads, because native asynchronous I/O needs that, too.
        "--cache=writeback",
        "--aio=threads",
        # Of a qcow2, what has no cluster is a hole, as oVirt's clients understand it.
        "--allocation-depth",
    ]
    if read_only:
        return [*words, "--read-only"]
    # Zeros that the client wants punched become holes. Zeros that it sends as data take no cluster of a qcow2, and free none that is
    # allocated already ("on", not "unmap"): a preallocated disk stays so.
    return [*words, "--discard=unmap", f"--detect-zeroes={'on' if format == 'qcow2' else 'off'}"]


def _wait(export: Export) -> int | None:
    """Waits until it serves; returns the disk's size, or None when it ended instead. Raises Internal."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        try:
            client = nbd.Client(str(export.socket), timeout=START)
        except nbd.Error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                export.process.wait(timeout=0.01)
                return None
        else:
            client.close()
            return client.export.size
    raise daemon_errors.Internal(f"qemu-nbd did not open the volume within {START:.0f} s: is its storage there?")


def _refusal(format: str, complaint: str) -> daemon_errors.DaemonError:
    if "Is another process using the image" in complaint:
        return errors.Exported("The volume is in use by another program (a virtual machine?): its file is locked")
    return errors.Rejected("check-failed", f"qemu-nbd cannot open the volume as {format}: {qemu.last_line(complaint)}")


def _end(exports: list[Export], patience: float) -> None:
    """Ends their processes, all at once: each may have something to bring to the disk."""
    for export in exports:
        export.process.terminate()
    deadline = time.monotonic() + patience
    for export in exports:
        try:
            export.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.error("qemu-nbd (process %d) does not end: killing it", export.process.pid)
            export.process.kill()
            # Without a limit: a write that hangs in the kernel may still reach the file.
            export.process.wait()
        export.socket.unlink(missing_ok=True)
