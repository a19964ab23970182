"""What a volume is, of any format: judged by its bytes first, and only then by qemu-img."""

import os
from dataclasses import dataclass

from imaged.volumes import errors, filesystems, formats, partitions, programs, qemu
from imaged.volumes.jobs import Job

#: Bytes of a disk that nobody limits otherwise: the appliance's own limit.
MAX_VIRTUAL_SIZE = 64 << 40
#: Formats whose tables `qemu-img check` compares with the file.
CHECKED = ("qcow2", "vmdk", "vhdx")
#: Bytes of a disk's beginning that are looked into.
HEAD = max(partitions.HEAD, filesystems.HEAD)


@dataclass(frozen=True)
class Facts(formats.Facts):
    """`subformat`: dynamic, fixed, streamOptimized, …, a qcow2's compatibility level; `partition_table`: gpt, mbr or None.

    `filesystem`: what a disk without a table begins with (filesystems.py), or None.
    `bootable` and `label` are an ISO's; of a disk `bootable` says whether its table has something to boot from.
    """

    subformat: str | None = None
    partition_table: str | None = None
    filesystem: str | None = None


def inspect(job: Job, file: int, *, max_virtual_size: int = MAX_VIRTUAL_SIZE) -> dict:
    """The facts of the open file as the result of a job. Raises Rejected, whose code says what is wrong with it; Canceled."""
    size = os.fstat(file).st_size
    job.total = size
    facts = vars(examine(job, file, max_virtual_size))
    job.enter("partition table")
    head = _head(job, file, facts["format"], facts["virtual_size"])
    table = partitions.read(head)
    facts["partition_table"] = table.kind
    if facts["format"] != "iso":
        facts["bootable"] = table.bootable
        facts["filesystem"] = filesystems.read(head) if table.kind is None else None
    job.advance(size)
    return facts


def examine(job: Job, file: int, max_virtual_size: int) -> Facts:
    """Format, safety and size of the open file: what must be known before it is used. Raises Rejected, Canceled."""
    job.enter("format")
    facts, subformat = formats.examine(file, max_virtual_size)
    if facts.format in ("raw", "iso"):
        return Facts(**vars(facts))
    answer = opinion(job, file, facts.format)
    compat = answer.get("format-specific", {}).get("data", {}).get("compat")
    # What it is read as is what counts: some formats say it in two ways.
    read_as = formats.limited(facts.format, answer.get("virtual-size", 0), facts.actual_size, max_virtual_size)
    if facts.format == "qcow2" and read_as.virtual_size != facts.virtual_size:
        raise another_size()
    return Facts(facts.format, read_as.virtual_size, facts.actual_size, subformat=subformat or compat)


def opinion(job: Job, file: int, format: str) -> dict:
    """qemu-img's, on the open file, which was found to be a safe `format`: its `info`. Raises Rejected, Canceled."""
    job.enter("qemu-img")
    answer = qemu.info(file, format, lambda: job.canceled)
    if format in CHECKED:
        qemu.check(file, format, os.fstat(file).st_size, lambda: job.canceled)
    return answer


def another_size() -> errors.Rejected:
    return errors.Rejected("check-failed", "qemu-img reads another virtual size from the image than its header says")


def _head(job: Job, file: int, format: str, virtual_size: int) -> bytes:
    """The beginning of the disk as its guest sees it. Raises Rejected, Canceled."""
    if format in ("raw", "iso"):
        return os.pread(file, HEAD, 0)
    copy = os.memfd_create("head")
    try:
        count = min(HEAD, virtual_size)
        words = ["convert", "-O", "raw", qemu.described(file, format, read_only=True, window=count), f"/proc/self/fd/{copy}"]
        limits = {**qemu.LIMITS, "fsize": count}
        try:
            code, _, complaint = qemu.run(words, [file, copy], limits, qemu.WALL_SECONDS, lambda said: job.check())
        except programs.Overdue:
            raise qemu.stopped() from None
        if code:
            raise errors.Rejected("check-failed", f"qemu-img cannot read the beginning of the disk: {qemu.last_line(complaint)}")
        return os.pread(copy, count, 0)
    finally:
        os.close(copy)
