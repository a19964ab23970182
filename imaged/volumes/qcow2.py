"""The header of a qcow2, and what it says about the tables that lie behind it. Every read is bounded: the image is not trusted."""

import os
import struct

from imaged import units
from imaged.volumes import errors

MAGIC = b"QFI\xfb"
HEADER = struct.Struct(">4sIQIIQIIQQIIQ")
OFFSET_MASK = 0x00FFFFFFFFFFFE00
#: qemu's own limit for the first level table: 32 MiB.
MAX_L1_ENTRIES = 4 << 20
CHUNK = 1 << 20


def virtual_size(file: int) -> int | None:
    """Bytes of the disk that the open qcow2 file describes, by its header; None where it has none."""
    header = os.pread(file, HEADER.size, 0)
    if len(header) < HEADER.size or not header.startswith(MAGIC):
        return None
    return int(HEADER.unpack(header)[5])


def check(file: int, head: bytes, size: int) -> None:
    """Encryption, and whether header and tables lie within the open file of `size` bytes, which begins with `head`. Raises Rejected."""
    if size < 512:
        raise _truncated("its header", size)
    header = HEADER.unpack_from(head)
    _, _, _, _, cluster_bits, _, encryption, l1_entries, l1_offset, refcounts_offset, refcounts_clusters, _, _ = header
    if encryption:
        raise errors.Rejected(
            "encrypted", "The qcow2 image is encrypted: it cannot be checked. Decrypt it with 'qemu-img convert', and upload the result"
        )
    if not 9 <= cluster_bits <= 21:
        raise errors.Rejected("unsafe-image", f"The qcow2 image has clusters of 2^{cluster_bits} bytes, which do not exist")
    if l1_entries > MAX_L1_ENTRIES:
        raise errors.Rejected(
            "unsafe-image", f"The qcow2 image has a first level table of {l1_entries} entries: no program takes that many"
        )
    if l1_offset + 8 * l1_entries > size or refcounts_offset + (refcounts_clusters << cluster_bits) > size:
        raise _truncated("a table", size)
    for start in range(0, 8 * l1_entries, CHUNK):
        data = os.pread(file, min(CHUNK, 8 * l1_entries - start), l1_offset + start)
        last = max((entry & OFFSET_MASK for (entry,) in struct.iter_unpack(">Q", data[: len(data) // 8 * 8])), default=0)
        if last and last + (1 << cluster_bits) > size:
            raise _truncated("a table", size)


def _truncated(what: str, size: int) -> errors.Rejected:
    return errors.Rejected(
        "truncated",
        f"The qcow2 image is incomplete: {what} lies past the end of the file, which has {units.size(size)}. Copy it again from its source",
    )
