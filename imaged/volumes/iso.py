"""The facts of an ISO image (ISO 9660, ECMA-119; El Torito 1.0), by a few bounded reads."""

import os
import struct
from dataclasses import dataclass

SECTOR = 2048
FIRST_DESCRIPTOR = 16
#: Volume descriptors looked at; real discs have three or four.
MAX_DESCRIPTORS = 32
PRIMARY, BOOT, END = 1, 0, 255
# A disc is written with up to 150 sectors of run-out, which some tools count in its size and leave out of the file.
RUN_OUT = 150 * SECTOR
BOOTABLE_ENTRY = 0x88
ACTIVE, EFI_SYSTEM, GPT_PROTECTIVE = 0x80, 0xEF, 0xEE


@dataclass(frozen=True)
class Disc:
    """`size`: bytes that the disc needs at least (0: it does not say)."""

    label: str | None
    bootable: bool
    size: int


def read(file: int, size: int) -> Disc:
    """The facts of the open file of `size` bytes, which is an ISO image."""
    label, needed, bootable = None, 0, _boots_as_disk(file)
    for number in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + MAX_DESCRIPTORS):
        sector = _sector(file, number)
        if len(sector) < SECTOR or sector[1:6] != b"CD001" or sector[0] == END:
            break
        if sector[0] == PRIMARY:
            label = "".join(c for c in sector[40:72].decode("ascii", "replace").strip() if c.isprintable()) or None
            (sectors,) = struct.unpack_from("<I", sector, 80)
            needed = max(0, sectors * SECTOR - RUN_OUT)
        elif sector[0] == BOOT and sector[7:39].rstrip(b"\0 ") == b"EL TORITO SPECIFICATION":
            (catalog,) = struct.unpack_from("<I", sector, 71)
            bootable = bootable or _has_boot_entry(_sector(file, catalog))
    return Disc(label, bootable, needed)


def _sector(file: int, number: int) -> bytes:
    return os.pread(file, SECTOR, number * SECTOR)


def _has_boot_entry(catalog: bytes) -> bool:
    """Whether a boot catalog is valid and has an entry, for BIOS or EFI, that is marked bootable."""
    if len(catalog) < SECTOR or catalog[0] != 1 or catalog[30:32] != b"\x55\xaa":
        return False
    return any(catalog[start] == BOOTABLE_ENTRY for start in range(32, SECTOR, 32))


def _boots_as_disk(file: int) -> bool:
    """Whether a hybrid image has a partition to boot from when it is written to a stick: an active or an EFI one."""
    sector = os.pread(file, 512, 0)
    if len(sector) < 512 or sector[510:] != b"\x55\xaa":
        return False
    partitions = [sector[start : start + 16] for start in range(446, 510, 16)]
    return any(partition[0] == ACTIVE or partition[4] in (EFI_SYSTEM, GPT_PROTECTIVE) for partition in partitions if partition[4])
