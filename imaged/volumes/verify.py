"""Is this volume the image it should be? Looked at from the cheap to the dear: format, safety, size, qemu-img's opinion, digest."""

import hashlib
import hmac
import os
from collections.abc import Callable

from imaged import errors as daemon_errors
from imaged.volumes import errors, formats, inspection
from imaged.volumes.jobs import Job

# 4 MiB: large reads keep a disk streaming, and a job notices within milliseconds that it is canceled.
READ_SIZE = 4 << 20
ZEROS = bytes(READ_SIZE)


def verify(job: Job, file: int, *, format: str, sha256: str | None, max_virtual_size: int, digest: bool = True) -> dict:
    """The facts of the open file, which is an image of `format` and, where given, has this SHA-256 (lower case hex).

    Without `digest` it is not hashed (`sha256` is None then) unless a SHA-256 is expected: of a large disk that takes minutes.

    Raises Rejected, whose code says why not; Canceled.
    """
    size = os.fstat(file).st_size
    job.enter("format")
    facts = formats.inspect(file, format, max_virtual_size)
    # raw and ISO have no structure that qemu could be led astray by: it would say nothing new.
    if facts.format == "qcow2" and inspection.opinion(job, file, facts.format).get("virtual-size") != facts.virtual_size:
        raise inspection.another_size()
    if not digest and sha256 is None:
        job.advance(size)
        return {**vars(facts), "sha256": None}
    found = hashed(job, file)["sha256"]
    if sha256 is not None and not hmac.compare_digest(found, sha256):
        raise errors.Rejected(
            "sha256-mismatch",
            f"The SHA-256 of what arrived is {found}, and {sha256} was expected: the source is another file, or was changed",
        )
    return {**vars(facts), "sha256": found}


def hashed(job: Job, file: int) -> dict:
    """The open file's SHA-256 (hex), as the result of a job. Raises Conflict, Canceled."""
    job.enter("sha256")
    return {"sha256": digest_of(file, os.fstat(file).st_size, job.advance)}


def digest_of(file: int, size: int, advance: Callable[[int], None]) -> str:
    """SHA-256 (hex) of the open file of `size` bytes; `advance` is told how many are behind. Raises Conflict when that changes."""
    sha256 = hashlib.sha256()
    view = memoryview(bytearray(READ_SIZE))
    offset, data = 0, -1
    while offset < size:
        advance(offset)
        if data < offset:
            data = _next_data(file, offset, size)
        if offset < data:  # a hole: its zeros need not be read
            count = min(READ_SIZE, data - offset)
            sha256.update(ZEROS[:count] if count < READ_SIZE else ZEROS)
        else:
            end = min(offset + READ_SIZE, _end_of_data(file, offset, size))
            count = os.preadv(file, [view[: end - offset]], offset)
            if count == 0:
                break
            sha256.update(view[:count])
            data = -1
        offset += count
    # Asked of the file: what was cut off looks like a hole, too.
    if os.fstat(file).st_size != size:
        raise daemon_errors.Conflict("The volume changed its size while it was verified")
    advance(size)
    return sha256.hexdigest()


def _next_data(file: int, offset: int, size: int) -> int:
    """Where data begins at or after `offset`; `size` when only a hole follows."""
    try:
        return os.lseek(file, offset, os.SEEK_DATA)
    except OSError:  # ENXIO: no data up to the end
        return size


def _end_of_data(file: int, offset: int, size: int) -> int:
    return min(size, max(offset + 1, os.lseek(file, offset, os.SEEK_HOLE)))
