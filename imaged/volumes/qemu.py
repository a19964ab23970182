"""QEMU's programs, used with suspicion: an image may be made to crash, stall or deceive whatever parses it.

They run under limits of processor time, memory, file size and wall-clock time, without network where the host allows that, with a closed
environment, and with every driver named: they never guess a format, and never open another file because the image says so.
"""

import errno
import functools
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from typing import IO

from imaged import units
from imaged.volumes import errors

# 1 GiB of address space, 60 s of processor: checking 1 TiB of 64 KiB clusters takes 100 MB and seconds. What wants more is refused.
MEMORY = 1 << 30
CPU_SECONDS = 60
WALL_SECONDS = 300.0
#: Bytes of the largest disk that a qcow2's first level table (32 MiB) can describe with clusters of 64 KiB.
MAX_QCOW2 = 2 << 50
#: Bytes of its answer that are read.
MAX_OUTPUT = 1 << 20
#: What `qemu-img check` returns when the only finding is unused space: harmless.
LEAKS = 3


def info(file: int, format: str, canceled: Callable[[], bool]) -> dict:
    """`qemu-img info` of the open file as a dict. Raises Rejected `check-failed` when it cannot be read as `format`."""
    code, answer, complaint = _ask("info", file, format, canceled)
    if code != 0:
        raise errors.Rejected("check-failed", f"qemu-img cannot read the image as {format}: {last_line(complaint)}")
    return answer


def check(file: int, format: str, size: int, canceled: Callable[[], bool]) -> None:
    """`qemu-img check` of the open file of `size` bytes. Raises Rejected: `truncated` when data lies past its end, else `check-failed`."""
    code, answer, complaint = _ask("check", file, format, canceled)
    if code in (0, LEAKS):
        return
    # Said of each cluster that lies past the end; there is no number for it in the JSON.
    if "exceeding the end of the file" in complaint:
        raise errors.Rejected(
            "truncated",
            f"The {format} image is incomplete: it names data past the end of the file ({units.size(size)}). Copy it again from its source",
        )
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
    code, _, complaint = _run(words, file, writes=True)
    if code == 0:
        return
    for number in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        if os.strerror(number) in complaint:
            raise OSError(number, os.strerror(number))
    raise errors.Rejected("check-failed", f"qemu-img could not make the disk: {last_line(complaint)}")


def described(file: int, format: str, read_only: bool) -> str:
    """The open file as QEMU's programs are told of it.

    By descriptor: whatever happens to the file's name meanwhile, this is the file that was inspected. No backing file is opened even if the
    header grew one.
    """
    image: dict[str, object] = {"driver": format, "file": {"driver": "file", "filename": f"/proc/self/fd/{file}"}, "read-only": read_only}
    if format == "qcow2":
        image["backing"] = None
    return f"json:{json.dumps(image)}"


def start(program: str, words: list[str], file: int, limits: dict[str, int], orphaned: str) -> subprocess.Popen:
    """Starts qemu-img or qemu-nbd with the open `file`, under prlimit's `limits`. Raises NoProgram.

    The signal `orphaned` (TERM, KILL) ends it when the thread that called this ends, with or without its process.
    """
    path = shutil.which(program)
    if path is None:
        raise errors.NoProgram(
            f"{program} is missing on this host, and qcow2 images cannot be checked, made or opened without it: "
            "install the package qemu-utils (Debian, Ubuntu) or qemu-img (Fedora, RHEL)"
        )
    limited = ["prlimit", *(f"--{name}={most}" for name, most in limits.items()), "--core=0", "--"]
    # The last before the program: the kernel forgets it where privileges change.
    bound = ["setpriv", "--pdeathsig", orphaned, "--"]
    return subprocess.Popen(
        [*_offline(), *limited, *bound, path, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[file],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "MALLOC_ARENA_MAX": "4"},
        cwd="/",
        start_new_session=True,
    )


def _ask(command: str, file: int, format: str, canceled: Callable[[], bool]) -> tuple[int, dict, str]:
    """Exit code, its JSON and its complaints. Raises as `_run`."""
    image = described(file, format, read_only=True)
    code, output, complaint = _run([command, "--output=json", image], file, canceled=canceled)
    try:
        return code, json.loads(output) if output.strip() else {}, complaint
    except ValueError:
        return code, {}, complaint


def _run(words: list[str], file: int, *, writes: bool = False, canceled: Callable[[], bool] = lambda: False) -> tuple[int, bytes, str]:
    """qemu-img's exit code, output and complaints. Raises Rejected when it was stopped, NoProgram when there is none."""
    limits = {"as": MEMORY, "cpu": CPU_SECONDS, "nofile": 64} | ({} if writes else {"fsize": 0})
    process = start("qemu-img", words, file, limits, "KILL")
    output, complaint = _finish(process, canceled)
    return process.returncode, output, complaint.decode(errors="replace")


def _finish(process: subprocess.Popen, canceled: Callable[[], bool]) -> tuple[bytes, bytes]:
    """The beginnings of what it wrote. Kills it when its time is over or nobody wants the answer any more."""
    kept = (bytearray(), bytearray())
    readers = [threading.Thread(target=drain, args=pair, daemon=True) for pair in zip((process.stdout, process.stderr), kept, strict=True)]
    for reader in readers:
        reader.start()
    deadline = time.monotonic() + WALL_SECONDS
    try:
        while True:
            try:
                process.wait(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                if canceled() or time.monotonic() > deadline:
                    raise errors.Rejected("check-failed", f"qemu-img was stopped: it needed more than {WALL_SECONDS:.0f} s") from None
    finally:
        process.kill()
        process.wait()
        for reader in readers:
            reader.join()
    # Only now: the process may have ended before its last words were read.
    return bytes(kept[0]), bytes(kept[1])


def drain(stream: IO[bytes], kept: bytearray) -> None:
    """Reads to the end and keeps the beginning: a damaged image makes gigabytes of complaints."""
    with stream:
        while data := stream.read(1 << 16):
            kept += data[: MAX_OUTPUT - len(kept)]


def last_line(complaint: str) -> str:
    """What a program said last, for a person."""
    lines = complaint.strip().splitlines()
    # Its sentence follows the image's description, which means nothing to a person.
    return (
        "".join(c for c in lines[-1].rpartition("': ")[2][:500] if c.isprintable())
        if lines
        else "it ended without a word, probably at one of its limits"
    )


@functools.cache
def _offline() -> list[str]:
    """The words that run a command without network, or none where this host does not let us."""
    words = ["unshare", "--map-current-user", "--net", "--"]
    try:
        possible = subprocess.run([*words, "true"], capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        possible = False
    return words if possible else []
