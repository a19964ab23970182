"""Is the file that somebody picked to resume an upload the file that it was started with?

Three witnesses: the size; the pieces that the uploading browser hashed at the start; and samples of what the host holds for good,
chosen when somebody asks to resume, so that a file that only looks alike at its head and tail is found out too.
"""

import random
from collections.abc import Mapping, Sequence

from appliance import errors
from appliance.admin import views
from imaged import units

SAMPLES = 8
SAMPLE = 64 << 10

_random = random.SystemRandom()


def to_hash(fingerprint: Sequence, durable: Sequence) -> list[list[int]]:
    """What the client must hash, sorted: the recorded pieces, and up to `SAMPLES` samples of the durable ranges."""
    recorded = {(start, end) for start, end, _ in fingerprint}
    return [[start, end] for start, end in sorted(recorded | set(samples(durable)))]


def samples(durable: Sequence) -> list[tuple[int, int]]:
    """Ranges of at most `SAMPLE` bytes, each within a durable one, at places that nobody can foretell."""
    chosen = set()
    for _ in range(SAMPLES if durable else 0):
        # Every durable byte is as likely as any other: long ranges get more samples.
        start, end = _random.choices(durable, weights=[end - start for start, end in durable])[0]
        first = start + _random.randrange(max(1, end - start - SAMPLE + 1))
        chosen.add((first, min(first + SAMPLE, end)))
    return sorted(chosen)


def within(asked: Sequence, durable: Sequence) -> list[tuple[int, int]]:
    """Those asked pieces that the host holds for good, as a whole: it can hash them too."""
    return [(start, end) for start, end in asked if any(first <= start and end <= last for first, last in durable)]


def answered(asked: Sequence | None, proof: views.Proof) -> dict[tuple[int, int], str]:
    """The proof's digests by range. Raises errors.Unproven if it lacks a piece, or nobody has asked which to hash."""
    if asked is None:
        raise errors.Unproven(reason="nobody has asked yet which pieces to hash")
    shown = {(piece.start, piece.end): piece.sha256 for piece in proof.pieces}
    lacking = [[start, end] for start, end in asked if (start, end) not in shown]
    if lacking:
        start, end = lacking[0]
        raise errors.Unproven(reason=f"the digest of the bytes {start} to {end} was asked for and is missing", details={"missing": lacking})
    return shown


def same_size(expected: int, found: int) -> None:
    """Raises errors.DifferentFile with both sizes."""
    if found == expected:
        return
    sizes = units.size(found), units.size(expected)
    if sizes[0] == sizes[1]:
        sizes = f"{found} bytes", f"{expected} bytes"
    raise errors.DifferentFile(difference=f"has {sizes[0]}, but the upload was started with {sizes[1]}")


def same_bytes(expected: Mapping[tuple[int, int], str], shown: Mapping[tuple[int, int], str]) -> None:
    """Every expected piece is shown with the same digest. Raises errors.DifferentFile with the first place that differs."""
    for (start, end), digest in sorted(expected.items()):
        if shown.get((start, end)) != digest:
            where = "at its beginning" if start == 0 else f"at {units.size(start)}"
            raise errors.DifferentFile(difference=f"differs {where}", details={"start": start, "end": end})
