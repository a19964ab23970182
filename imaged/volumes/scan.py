"""The administrator's own look at a volume: a command, a virus scanner's say, that reads it and answers by its exit code."""

import os
from collections.abc import Sequence

from imaged import errors as daemon_errors
from imaged import units
from imaged.volumes import errors, programs
from imaged.volumes.jobs import Job

CLEAN, FOUND = 0, 1
#: Bytes of address space (a scanner's signatures take more than one GiB), and of each file that it makes.
MEMORY, FILE = 8 << 30, 4 << 30
#: Seconds of wall-clock and of processor time for any volume, and bytes a second that are slow for a scanner.
SECONDS, RATE = 300, 4 << 20
MAX_WORDS = 300


class NoScanner(daemon_errors.Conflict):
    """The host has no command to scan with."""

    code = "no-scanner"

    def __init__(self) -> None:
        super().__init__("No scanner is set up on this host: its administrator sets scan_command")


def scan(job: Job, file: int, *, command: Sequence[str]) -> dict:
    """What the command said of the open file, `{"said"}`, as the result of a job.

    The file is its standard input, `/dev/fd/0` for those who want a name. Raises Rejected: `infected` with the first line that the command
    said, `scan-failed`; Canceled.
    """
    job.enter("scan")
    size = os.fstat(file).st_size
    seconds = SECONDS + size // RATE
    limits: programs.Limits = {"as": MEMORY, "cpu": f"{seconds}:{seconds + 1}", "nofile": 1024, "fsize": FILE}

    def look(said: bytearray) -> None:
        # It reads by the descriptor that we share with it, unless it opens the name.
        job.advance(min(size, os.lseek(file, 0, os.SEEK_CUR)))

    try:
        # With the network: many scanners ask a service.
        process = programs.start(command, limits, stdin=file, offline=False, nice=True)
    except OSError as error:
        raise errors.Rejected("scan-failed", f"The scanner cannot be started: {error.strerror}") from None
    try:
        code, output, complaint = programs.finish(process, seconds, look)
    except programs.Overdue:
        raise errors.Rejected("scan-failed", f"The scanner was stopped: it needed more than {seconds} s for {units.size(size)}") from None
    said = _first_line(output.decode(errors="replace"))
    reason = said or _first_line(complaint) or "it does not say why"
    if code == FOUND:
        raise errors.Rejected("infected", f"The scanner refuses the image: {reason}")
    if code != CLEAN:
        raise errors.Rejected("scan-failed", f"The scanner failed (status {code}): {reason}")
    job.advance(size)
    return {"said": said}


def _first_line(text: str) -> str:
    """Of what a program said, for a person."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return "".join(c for c in units.clipped(line, MAX_WORDS) if c.isprintable())
