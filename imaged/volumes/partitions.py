"""The partition table at the beginning of a disk: which kind it is, and whether there is something to boot from."""

import struct
import uuid
from dataclasses import dataclass

#: Bytes of a disk's beginning that hold all of it, also where sectors are of 4096 bytes.
HEAD = 64 << 10
ACTIVE, PROTECTIVE, EFI = 0x80, 0xEE, 0xEF
#: Types of partitions in a GPT that firmware, or the code in the first sector, boots from.
BOOTED = {uuid.UUID(text).bytes_le for text in ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "21686148-6449-6e6f-744e-656564454649")}
LEGACY_BOOT = 1 << 2


@dataclass(frozen=True)
class Table:
    """`kind`: gpt, mbr, or None where there is none."""

    kind: str | None
    bootable: bool


def read(head: bytes) -> Table:
    """The partition table of the disk that begins with `head`: `HEAD` bytes, or all of a smaller one."""
    entries = [head[start : start + 16] for start in range(446, 510, 16)]
    # A file system without a table has the same mark, and no table where it should be.
    if head[510:512] != b"\x55\xaa" or any(entry[0] & ~ACTIVE for entry in entries) or not any(entry[4] for entry in entries):
        return Table(None, False)
    if any(entry[4] == PROTECTIVE for entry in entries):
        for sector in (512, 4096):
            if head.startswith(b"EFI PART", sector):
                return Table("gpt", _gpt_boots(head, sector))
    return Table("mbr", b"GRUB" in head[:446] or any(entry[4] and (entry[0] == ACTIVE or entry[4] == EFI) for entry in entries))


def _gpt_boots(head: bytes, sector: int) -> bool:
    first, count, length = struct.unpack_from("<QII", head, sector + 72)
    start = min(first * sector, len(head))
    places = range(start, len(head) - 127, length) if length >= 128 else range(0)
    for place in places[:count]:
        (attributes,) = struct.unpack_from("<Q", head, place + 48)
        if head[place : place + 16] in BOOTED or (attributes & LEGACY_BOOT and any(head[place : place + 16])):
            return True
    return False
