"""SHA-256 of parts of a volume: is what arrived what the client has?"""

import hashlib
import os

from imaged import errors

#: How many ranges are taken at once, and how many bytes they may have in all.
MAX_DIGESTS = 64
MAX_DIGEST_BYTES = 64 << 20
# 1 MiB: large enough that hashing, not calling, is what takes the time.
READ_SIZE = 1 << 20


def check(ranges: list[tuple[int, int]]) -> None:
    """Raises BadRequest, TooLarge."""
    if len(ranges) > MAX_DIGESTS:
        raise errors.TooLarge(f"{len(ranges)} ranges: at most {MAX_DIGESTS} are taken")
    if any(not 0 <= start <= end for start, end in ranges):
        raise errors.BadRequest("A range is [start, end] in bytes, with 0 <= start <= end")
    if sum(end - start for start, end in ranges) > MAX_DIGEST_BYTES:
        raise errors.TooLarge(f"The ranges have more than {MAX_DIGEST_BYTES} bytes in all")


def of(file: int, ranges: list[tuple[int, int]]) -> list[str]:
    """SHA-256 (hex) of each half-open range of the open file. Raises OutOfRange; Conflict where the file becomes shorter meanwhile."""
    size = os.fstat(file).st_size
    if any(end > size for _, end in ranges):
        raise errors.OutOfRange(f"A range ends past the volume's {size} bytes", size)
    return [_sha256(file, start, end) for start, end in ranges]


def _sha256(file: int, start: int, end: int) -> str:
    digest = hashlib.sha256()
    while start < end:
        data = os.pread(file, min(READ_SIZE, end - start), start)
        if not data:
            raise errors.Conflict("The volume became shorter while it was read")
        digest.update(data)
        start += len(data)
    return digest.hexdigest()
