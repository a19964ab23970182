"""QEMU's programs, used with suspicion: an image may be made to crash, stall or deceive whatever parses it.

They run under limits (programs.py), of the size of files too, and with every driver named: they never guess a format, and never open
another file because the image says so.
"""

import errno
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence

from imaged import units
from imaged.volumes import errors, programs

# 1 GiB of address space, 60 s of processor: checking 1 TiB of 64 KiB clusters takes 100 MB and seconds. What wants more is refused.
MEMORY = 1 << 30
CPU_SECONDS = 60
WALL_SECONDS = 300.0
LIMITS: programs.Limits = {"as": MEMORY, "cpu": CPU_SECONDS, "nofile": 64}
#: Bytes of the largest disk that a qcow2's first level table (32 MiB) can describe with clusters of 64 KiB.
MAX_QCOW2 = 2 << 50
#: What QEMU calls formats that others call otherwise.
DRIVERS = {"vhd": "vpc"}
#: Formats whose files may name another one that they are the difference to.
BACKED = ("qcow2", "vmdk")
#: The descriptions of files, as we give them, and what is left of them where they were cut.
DESCRIPTION = re.compile(r"'?(json:\{.*\}|/proc/self/fd/\d+)'?:? ?")
#: What `qemu-img check` returns when the only finding is unused space: harmless.
LEAKS = 3


def info(file: int, format: str, canceled: Callable[[], bool]) -> dict:
    """`qemu-img info` of the open file as a dict. Raises Rejected: `truncated` or `check-failed` when it cannot be read as `format`."""
    code, answer, complaint = _ask("info", file, format, canceled)
    if code == 0:
        return answer
    if _past_the_end(complaint):
        raise truncated(format, os.fstat(file).st_size)
    raise errors.Rejected("check-failed", f"qemu-img cannot read the image as {format}: {last_line(complaint)}")


def check(file: int, format: str, size: int, canceled: Callable[[], bool]) -> None:
    """`qemu-img check` of the open file of `size` bytes. Raises Rejected: `truncated` when data lies past its end, else `check-failed`."""
    code, answer, complaint = _ask("check", file, format, canceled)
    if code in (0, LEAKS):
        return
    # Said of each cluster that lies past the end; there is no number for it in the JSON.
    if _past_the_end(complaint):
        raise truncated(format, size)
    if "corruptions" in answer or "check-errors" in answer:
        found = f"{answer.get('corruptions', 0)} corruptions, {answer.get('check-errors', 0)} errors"
        raise errors.Rejected(
            "check-failed", f"The {format} image is damaged ({found}): repair the source with 'qemu-img check -r all', or copy it again"
        )
    raise errors.Rejected("check-failed", f"qemu-img could not check the image: {last_line(complaint)}")


def create(file: int, size: int, preallocated: bool) -> None:
    """Makes the open, empty file an empty qcow2 disk of `size` bytes (rounded up to sectors).

    Raises OSError (ENOSPC, EFBIG) where the storage cannot take it, Rejected `virtual-size` where no qcow2 can be so large, and
    `check-failed` with qemu-img's own words for the rest.
    """
    if size > MAX_QCOW2:
        raise errors.Rejected("virtual-size", f"A qcow2 disk has at most {units.size(MAX_QCOW2)}, not {units.size(size)}")
    options = f"compat=1.1,preallocation={'falloc' if preallocated else 'off'}"
    words = ["create", "-q", "-f", "qcow2", "-o", options, f"/proc/self/fd/{file}", str(size)]
    try:
        code, _, complaint = run(words, [file], LIMITS, WALL_SECONDS)
    except programs.Overdue:
        raise stopped() from None
    if code == 0:
        return
    for number in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        if os.strerror(number) in complaint:
            raise OSError(number, os.strerror(number))
    raise errors.Rejected("check-failed", f"qemu-img could not make the disk: {last_line(complaint)}")


def described(file: int, format: str, read_only: bool, window: int | None = None) -> str:
    """The open file as QEMU's programs are told of it; only the first `window` bytes of its disk where that is given.

    By descriptor: whatever happens to the file's name meanwhile, this is the file that was inspected. No backing file is opened even if the
    header grew one.
    """
    driver = DRIVERS.get(format, format)
    image: dict[str, object] = {"driver": driver, "file": {"driver": "file", "filename": f"/proc/self/fd/{file}"}, "read-only": read_only}
    if format in BACKED:
        image["backing"] = None
    if window is not None:
        image = {"driver": "raw", "size": window, "file": image, "read-only": read_only}
    return f"json:{json.dumps(image)}"


def start(
    program: str, words: list[str], files: Sequence[int], limits: programs.Limits, orphaned: str, nice: bool = False
) -> subprocess.Popen:
    """Starts qemu-img or qemu-nbd, as `programs.start` does. Raises NoProgram."""
    path = shutil.which(program)
    if path is None:
        raise errors.NoProgram(
            f"{program} is missing on this host, and qcow2 images cannot be checked, made or opened without it: "
            "install the package qemu-utils (Debian, Ubuntu) or qemu-img (Fedora, RHEL)"
        )
    return programs.start([path, *words], limits, files=files, orphaned=orphaned, nice=nice)


def run(
    words: list[str],
    files: Sequence[int],
    limits: programs.Limits,
    seconds: float,
    look: Callable[[bytearray], None] = lambda said: None,
    *,
    nice: bool = False,
) -> tuple[int, bytes, str]:
    """qemu-img's exit code, output and complaints. Raises NoProgram, Overdue, and what `look` raises (programs.finish)."""
    return programs.finish(start("qemu-img", words, files, limits, "KILL", nice), seconds, look)


def _ask(command: str, file: int, format: str, canceled: Callable[[], bool]) -> tuple[int, dict, str]:
    """Exit code, its JSON and its complaints. Raises Rejected when it was stopped, NoProgram when there is none."""

    def look(said: bytearray) -> None:
        if canceled():
            raise stopped()

    words = [command, "--output=json", described(file, format, read_only=True)]
    try:
        code, output, complaint = run(words, [file], {**LIMITS, "fsize": 0}, WALL_SECONDS, look)
    except programs.Overdue:
        raise stopped() from None
    try:
        return code, json.loads(output) if output.strip() else {}, complaint
    except ValueError:
        return code, {}, complaint


def stopped() -> errors.Rejected:
    """It took too long, or nobody wanted it any more."""
    return errors.Rejected("check-failed", f"qemu-img was stopped: it needed more than {WALL_SECONDS:.0f} s")


def _past_the_end(complaint: str) -> bool:
    """Does it say that the image names data that its file has not got? Each format has its own words."""
    return any(
        words in complaint for words in ("exceeding the end of the file", "points after EOF", "after the end of file", "after end of file")
    )


def truncated(format: str, size: int) -> errors.Rejected:
    """The image of `format` names data past the end of its file of `size` bytes."""
    return errors.Rejected(
        "truncated",
        f"The {format} image is incomplete: it names data past the end of the file ({units.size(size)}). Copy it again from its source",
    )


def last_line(complaint: str) -> str:
    """What a program said last, for a person: without the descriptions of files, which mean nothing to one."""
    lines = complaint.strip().splitlines()
    if not lines:
        return "it ended without a word, probably at one of its limits"
    sentence = DESCRIPTION.sub("", lines[-1].rpartition("': ")[2]).removeprefix("qemu-img: ")
    return "".join(c for c in units.clipped(sentence, 500) if c.isprintable())
