"""Conversions: a volume's disk as a new volume, raw or qcow2. The original is only read, and stays."""

import errno
import json
import os
import re
import signal
from dataclasses import dataclass

from imaged import errors as daemon_errors
from imaged import units
from imaged.volumes import errors, formats, inspection, programs, qemu, volume
from imaged.volumes.jobs import Job
from imaged.volumes.keyed import Keyed
from imaged.volumes.volumes import DISKS, Volumes

SOURCES = ("raw", "qcow2", *formats.FOREIGN)
# Address space: threads and their arenas take most of it, caches of tables 32 MiB.
MEMORY = 2 << 30
#: Seconds of wall-clock and of processor time for any conversion, however small.
SECONDS, CPU_SECONDS = 300.0, 60
# Bytes a second that are slow for a disk that others use, for one processor that compresses, and for skipping what is empty: of some
# formats every cluster is asked for, or read.
RATE, CPU_RATE, EMPTY_RATE = 4 << 20, 8 << 20, 512 << 20
#: Formats without compression: what is in the disk is in the file.
PLAIN = ("vdi", "vhd", "vhdx")
#: Bytes that a file may have beyond what its disk comes to without compression: tables that are written anew.
SLACK = 64 << 20
PROGRESS = re.compile(rb"\((\d+(?:\.\d+)?)/100%\)")


@dataclass(frozen=True)
class Wanted:
    """What a conversion makes: the volume `target`, of `format` (raw, qcow2). `source_format`: what it must be of, if it is known."""

    target: str
    format: str
    compressed: bool = False
    source_format: str | None = None
    max_virtual_size: int = inspection.MAX_VIRTUAL_SIZE


@dataclass(frozen=True)
class Measure:
    """Bytes that the result comes to at most: `needed` of storage, `size` of its file."""

    needed: int
    size: int


class Conversions:
    """Those of all volumes. Thread-safe: who comes for a target that is being made waits."""

    def __init__(self, volumes: Volumes):
        self._volumes = volumes
        self._busy = Keyed()

    def check(self, domain: str, name: str, wanted: Wanted) -> None:
        """Raises BadRequest, InvalidName, NoDomain, NoVolume, NotAFile, Exists."""
        if wanted.format not in DISKS:
            raise daemon_errors.BadRequest(f"Invalid format {wanted.format[:64]!r}: a volume is converted to one of {', '.join(DISKS)}")
        if wanted.compressed and wanted.format != "qcow2":
            raise daemon_errors.BadRequest("Invalid compressed: only qcow2 disks are compressed")
        if wanted.source_format not in (None, *SOURCES):
            raise daemon_errors.BadRequest(
                f"Invalid source_format {str(wanted.source_format)[:64]!r}: must be one of {', '.join(SOURCES)}, or null"
            )
        if wanted.format != volume.disk_format(wanted.target):
            raise daemon_errors.BadRequest(
                f"Volume {wanted.target[:140]!r} cannot be a {wanted.format} disk: the names of qcow2 disks, and no others, end in .qcow2"
            )
        if wanted.target == name:
            raise daemon_errors.BadRequest("Invalid target: a volume cannot be converted into itself")
        self._volumes.get(domain, name)
        self._volumes.check_target(domain, wanted.target)

    def run(self, job: Job, domain: str, name: str, wanted: Wanted) -> dict:
        """Converts the volume, as the result of a job: facts of both. Repeatable: it begins anew.

        Raises as `check`; NoSpace; Canceled; Rejected: what is wrong with the image, or `convert-timeout`, `convert-failed`.
        """
        with self._busy(domain, wanted.target), self._volumes.reading(domain, name) as source:
            facts = inspection.examine(job, source, wanted.max_virtual_size)
            _check_source(facts, wanted)
            job.total = facts.virtual_size
            job.enter("measure")
            measure = _measure(job, source, facts, wanted.format)
            job.enter("convert")
            with self._volumes.converting(domain, wanted.target, measure.needed) as target:
                try:
                    _convert(job, source, target, facts, wanted, measure)
                except OSError as error:
                    raise self._no_space(domain, measure.needed, error) from None
                # Until it is durable and has its journal, which is when this ends.
                job.enter("flush")
            job.done = job.total
            made = self._volumes.get(domain, wanted.target)
            return {
                "target": made.name,
                "format": made.format,
                "compressed": wanted.compressed,
                "virtual_size": made.virtual_size,
                "size": made.size,
                "allocated": made.allocated,
                "source_format": facts.format,
            }

    def _no_space(self, domain: str, needed: int, error: OSError) -> daemon_errors.NoSpace:
        available = self._volumes.available(domain)
        return daemon_errors.NoSpace(
            f"The conversion needs {units.size(needed)}, and the storage took no more: {error.strerror}. Make room, and convert again",
            details={"available": available, "needed": needed},
        )


def _check_source(facts: inspection.Facts, wanted: Wanted) -> None:
    """Raises Rejected."""
    if facts.format not in SOURCES:
        raise errors.Rejected("format-mismatch", f"The volume is {formats.NAMES[facts.format]}: that is not converted, use it as it is")
    if wanted.source_format not in (None, facts.format):
        raise errors.Rejected(
            "format-mismatch",
            f"The volume was declared to be {formats.NAMES[str(wanted.source_format)]}, but it looks like {formats.NAMES[facts.format]}",
        )


def _measure(job: Job, source: int, facts: inspection.Facts, format: str) -> Measure:
    """What the result comes to. Raises Rejected, Canceled."""
    # Always as qcow2: of raw it says the whole disk, also of a sparse one, and a qcow2's clusters are those that have data.
    words = ["measure", "--output=json", "-O", "qcow2", qemu.described(source, facts.format, read_only=True)]
    limits, seconds = _limits(qemu.MEMORY, facts, 0)
    try:
        code, output, complaint = qemu.run(words, [source], {**limits, "fsize": 0}, seconds, lambda said: job.check(), nice=True)
    except programs.Overdue:
        raise _overdue(seconds) from None
    _check_end(code, complaint)
    answer = json.loads(output)
    needed, size = int(answer["required"]), int(answer["fully-allocated"])
    tables = size - facts.virtual_size
    if facts.format in PLAIN:
        # QEMU does not know where a VHDX is empty.
        needed = min(needed, facts.actual_size + tables)
    if format == "raw":
        return Measure(min(needed, facts.virtual_size), facts.virtual_size)
    return Measure(needed, size)


def _limits(memory: int, facts: inspection.Facts, work: int) -> tuple[dict[str, int | str], float]:
    """prlimit's, and seconds of wall-clock time, for reading the image and `work` bytes of reading and writing."""
    empty = facts.virtual_size // EMPTY_RATE
    cpu = CPU_SECONDS + work // CPU_RATE + empty
    return {"as": memory, "cpu": f"{cpu}:{cpu + 1}", "nofile": 64}, SECONDS + work / RATE + empty


def _convert(job: Job, source: int, target: int, facts: inspection.Facts, wanted: Wanted, measure: Measure) -> None:
    """Raises OSError where the storage takes no more; Rejected; Canceled."""
    limits, seconds = _limits(MEMORY, facts, facts.actual_size + measure.needed)
    limits["fsize"] = measure.size + SLACK
    words = [
        *("convert", "-p", "-O", wanted.format, "-t", _cache(target), "-T", _cache(source), *(["-c"] if wanted.compressed else [])),
        *(qemu.described(source, facts.format, read_only=True), f"/proc/self/fd/{target}"),
    ]

    def look(said: bytearray) -> None:
        if parts := PROGRESS.findall(bytes(said[-64:])):
            job.advance(int(job.total * float(parts[-1]) / 100))
        job.check()

    try:
        code, _, complaint = qemu.run(words, [source, target], limits, seconds, look, nice=True)
    except programs.Overdue:
        raise _overdue(seconds) from None
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        if code and os.strerror(number) in complaint:
            raise OSError(number, os.strerror(number))
    _check_end(code, complaint)


def _check_end(code: int, complaint: str) -> None:
    """Raises Rejected where qemu-img did not end well."""
    if code == -signal.SIGXCPU:
        raise errors.Rejected("convert-timeout", "The conversion was stopped: it needed more processor time than it may have")
    if code:
        raise errors.Rejected("convert-failed", f"qemu-img could not convert the image: {qemu.last_line(complaint)}")


def _cache(file: int) -> str:
    """How qemu-img reads or writes the open file: past the page cache, which others need more, where its file system can."""
    try:
        os.close(os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC))
    except OSError:
        return "writeback"
    return "none"


def _overdue(seconds: float) -> errors.Rejected:
    return errors.Rejected("convert-timeout", f"The conversion was stopped: it needed more than {seconds:.0f} s")
