"""Is this volume the image it should be? Looked at from the cheap to the dear: format, safety, size, qemu-img's opinion, digest."""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable

from imaged import errors as daemon_errors
from imaged.volumes import errors, formats, inspection
from imaged.volumes.jobs import Job

# 4 MiB: large reads keep a disk streaming, and a job notices within milliseconds that it is canceled.
READ_SIZE = 4 << 20
ZEROS = bytes(READ_SIZE)
#: What can be asked for besides SHA-256.
DIGESTS = ("md5", "sha1", "sha512")


def verify(
    job: Job,
    file: int,
    *,
    format: str,
    sha256: str | None,
    max_virtual_size: int,
    digest: bool = True,
    digests: Iterable[str] = (),
) -> dict:
    """The facts of the open file, which is an image of `format` and, where given, has this SHA-256 (lower case hex).

    Without `digest` there is no SHA-256 (None) unless one is expected; of `DIGESTS`, those in `digests` are taken. Where it is none at all
    nothing is read for that: of a large disk it takes minutes.

    Raises Rejected, whose code says why not; Canceled.
    """
    size = os.fstat(file).st_size
    job.enter("format")
    facts = formats.inspect(file, format, max_virtual_size)
    # raw and ISO have no structure that qemu could be led astray by: it would say nothing new.
    if facts.format == "qcow2" and inspection.opinion(job, file, facts.format).get("virtual-size") != facts.virtual_size:
        raise inspection.another_size()
    names = {*digests, *(["sha256"] if digest or sha256 is not None else [])}
    if names:
        job.enter("sha256")
    found = digests_of(file, size, names, job.advance) if names else {}
    job.advance(size)
    if sha256 is not None and not hmac.compare_digest(found["sha256"], sha256):
        raise errors.Rejected(
            "sha256-mismatch",
            f"The SHA-256 of what arrived is {found['sha256']}, and {sha256} was expected: the source is another file, or was changed",
        )
    return {**vars(facts), "sha256": found.pop("sha256", None), "digests": found}


def hashed(job: Job, file: int) -> dict:
    """The open file's SHA-256 (hex), as the result of a job. Raises Conflict, Canceled."""
    job.enter("sha256")
    return digests_of(file, os.fstat(file).st_size, ["sha256"], job.advance)


def digests_of(file: int, size: int, names: Iterable[str], advance: Callable[[int], None]) -> dict[str, str]:
    """Digests (hex) of the open file of `size` bytes by hashlib's `names`, in one read; `advance` is told how many bytes are behind.

    Raises Conflict when the size changes.
    """
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in sorted(names)}
    view, zeros = memoryview(bytearray(READ_SIZE)), memoryview(ZEROS)
    offset, data = 0, -1
    while offset < size:
        advance(offset)
        if data < offset:
            data = _next_data(file, offset, size)
        if offset < data:  # a hole: its zeros need not be read
            count = min(READ_SIZE, data - offset)
            part = zeros[:count]
        else:
            end = min(offset + READ_SIZE, _end_of_data(file, offset, size))
            count = os.preadv(file, [view[: end - offset]], offset)
            if count == 0:
                break
            part, data = view[:count], -1
        for digest in digests.values():
            digest.update(part)
        offset += count
    # Asked of the file: what was cut off looks like a hole, too.
    if os.fstat(file).st_size != size:
        raise daemon_errors.Conflict("The volume changed its size while it was verified")
    advance(size)
    return {name: digest.hexdigest() for name, digest in digests.items()}


def _next_data(file: int, offset: int, size: int) -> int:
    """Where data begins at or after `offset`; `size` when only a hole follows."""
    try:
        return os.lseek(file, offset, os.SEEK_DATA)
    except OSError:  # ENXIO: no data up to the end
        return size


def _end_of_data(file: int, offset: int, size: int) -> int:
    return min(size, max(offset + 1, os.lseek(file, offset, os.SEEK_HOLE)))
