"""The facts of an ISO image: pycdlib's readers of descriptors (ISO 9660, Joliet) and boot catalogs (El Torito), by a few bounded reads.

As a whole pycdlib would open an image by a walk through all its directories: minutes and gigabytes where they are a ring, and a refusal for
one wrong byte in any of them. What is asked here stands in front of them, so its readers get one sector each, and nobody follows a link.
"""

import contextlib
import os
import struct
from dataclasses import dataclass

from imaged.volumes import partitions

SECTOR = 2048
FIRST_DESCRIPTOR = 16
#: Volume descriptors looked at; real discs have three or four.
MAX_DESCRIPTORS = 32
BOOT, PRIMARY, SUPPLEMENTARY, END = 0, 1, 2, 255
# A disc is written with up to 150 sectors of run-out, which some tools count in its size and leave out of the file.
RUN_OUT = 150 * SECTOR
BOOTABLE_ENTRY = 0x88
EL_TORITO = b"EL TORITO SPECIFICATION"
JOLIET = "utf-16_be"


@dataclass(frozen=True)
class Disc:
    """`label` and `bootable` are None where they cannot be read; `size`: bytes that the disc needs at least (0: it does not say)."""

    label: str | None
    bootable: bool | None
    size: int


def read(file: int) -> Disc:
    """The facts of the open file, which is an ISO image, and may be a disk with a partition table (hybrid) besides."""
    descriptors = _descriptors(file)
    boots = [_has_boot_entry(file, descriptor) for descriptor in descriptors if descriptor[0] == BOOT]
    boots.append(partitions.read(os.pread(file, partitions.HEAD, 0)).bootable)
    return Disc(_label(descriptors), any(boots) or (None if None in boots else False), _needed(descriptors))


def _descriptors(file: int) -> list[bytes]:
    """The sectors that describe the disc."""
    found = []
    for number in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + MAX_DESCRIPTORS):
        sector = _sector(file, number)
        if len(sector) < SECTOR or sector[1:6] != b"CD001" or sector[0] == END:
            break
        found.append(sector)
    return found


def _sector(file: int, number: int) -> bytes:
    return os.pread(file, SECTOR, number * SECTOR)


def _needed(descriptors: list[bytes]) -> int:
    # By ourselves: what is cut off is refused, whatever pycdlib finds fault with.
    sizes = [struct.unpack_from("<I", descriptor, 80)[0] * SECTOR for descriptor in descriptors if descriptor[0] == PRIMARY]
    return max(0, max(sizes, default=0) - RUN_OUT)


def _label(descriptors: list[bytes]) -> str | None:
    """The primary descriptor's label; Joliet's where it has letters that the primary cannot write."""
    from pycdlib import headervd

    labels: dict[str, str] = {}
    for descriptor in descriptors:
        found = headervd.PrimaryOrSupplementaryVD(descriptor[0])
        # Of any kind: the reader of bytes that are not trusted stumbles in its own ways.
        with contextlib.suppress(Exception):
            if descriptor[0] in (PRIMARY, SUPPLEMENTARY):
                found.parse(descriptor, 0)
                text = found.volume_identifier.decode(found.encoding, "replace")
                labels.setdefault(found.encoding, "".join(c for c in text if c.isprintable()).strip())
    plain, joliet = labels.get("ascii"), labels.get(JOLIET)
    return (joliet if joliet and not joliet.isascii() else plain or joliet) or None


def _has_boot_entry(file: int, descriptor: bytes) -> bool | None:
    """Whether the catalog that a boot record leads to has a bootable entry, for BIOS or EFI; None if that cannot be read."""
    from pycdlib import eltorito, headervd

    record = headervd.BootRecord()
    catalog = eltorito.EltoritoBootCatalog(record)
    refused = True
    with contextlib.suppress(Exception):
        record.parse(descriptor, 0)
        if record.boot_system_identifier.rstrip(b"\0 ") != EL_TORITO:
            return False
        sector = _sector(file, *struct.unpack_from("<I", record.boot_system_use))
        if len(sector) < SECTOR:
            return False
        # There may be more of it, but nobody has so many entries.
        catalog.parse(sector)
        refused = False
    # Firmware takes the first entry that it likes, and does not mind what follows.
    entries = [
        catalog.initial_entry,
        *catalog.standalone_entries,
        *(entry for section in catalog.sections for entry in section.section_entries),
    ]
    boots = any(getattr(entry, "boot_indicator", 0) == BOOTABLE_ENTRY for entry in entries)
    return boots or (None if refused else False)
