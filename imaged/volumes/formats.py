"""What an image is, whatever it is called: format, safety, sizes, and the facts of an ISO.

The inspectors look at the beginning; what they leave to us is encryption and truncation. Every read is bounded: the image is not trusted.
"""

import dataclasses
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imaged import units
from imaged.volumes import errors, iso, qcow2

if TYPE_CHECKING:
    from oslo_utils.imageutils.format_inspector import FileInspector

FORMATS = ("raw", "qcow2", "iso")
#: Those of other programs, which are only converted.
FOREIGN = ("vmdk", "vdi", "vhd", "vhdx")
CHUNK = 1 << 20
NAMES = {
    "qcow2": "a qcow2 disk",
    "iso": "an ISO image",
    "raw": "a raw disk, or no image at all",
    "vhd": "a VHD disk",
    "vhdx": "a VHDX disk",
    "vmdk": "a VMDK disk",
    "vdi": "a VDI disk",
    "qed": "a QED disk",
    "luks": "an encrypted (LUKS) disk",
}


@dataclass(frozen=True)
class Facts:
    """What was found. Sizes in bytes; `bootable` and `label` are known of ISOs only, and not of each."""

    format: str
    virtual_size: int
    actual_size: int
    bootable: bool | None = None
    label: str | None = None


def inspect(file: int, declared: str, max_virtual_size: int) -> Facts:
    """The facts of the open file, when it is a safe and whole image of the `declared` format.

    Raises Rejected: `empty`, `format-mismatch`, `encrypted`, `truncated`, `backing-file`, `data-file`, `unsafe-image`, `virtual-size`.
    """
    found, inspector, head, size = _detect(file)
    if found != declared:
        raise errors.Rejected("format-mismatch", _mismatch(declared, found, head))
    return _native(file, found, inspector, head, size, max_virtual_size)


def examine(file: int, max_virtual_size: int) -> tuple[Facts, str | None]:
    """The same of whatever image the open file is, one of `FORMATS` or `FOREIGN`, and which kind of a foreign format it is."""
    from imaged.volumes import foreign

    found, inspector, head, size = _detect(file)
    if found in FOREIGN:
        kind, virtual_size = foreign.check(file, found, inspector, size)
        return limited(found, virtual_size, size, max_virtual_size), kind
    if found not in FORMATS:
        looks = NAMES.get(found, found)
        raise errors.Rejected("format-mismatch", f"The file looks like {looks} that is not taken: {_advice(looks, found)}")
    return _native(file, found, inspector, head, size, max_virtual_size), None


def limited(format: str, virtual_size: int, size: int, max_virtual_size: int) -> Facts:
    """The facts of a disk of `virtual_size` bytes. Raises Rejected `empty`, `virtual-size`."""
    if virtual_size == 0:
        raise errors.Rejected("empty", "The image is of a disk of 0 bytes")
    if virtual_size > max_virtual_size:
        disk, most = units.size(virtual_size), units.size(max_virtual_size)
        raise errors.Rejected("virtual-size", f"The image is of a disk of {disk} virtual size, and at most {most} are allowed")
    return Facts(format, virtual_size, size)


def _detect(file: int) -> "tuple[str, FileInspector, bytes, int]":
    """Format, the inspector that saw it, the file's beginning and its size in bytes. Raises Rejected."""
    # Loading them takes a quarter of the time in which the daemon starts.
    from imaged.volumes import inspectors

    size = os.fstat(file).st_size
    if size == 0:
        raise errors.Rejected("empty", "The file is empty")
    head = os.pread(file, CHUNK, 0)
    found, inspector = inspectors.detect(file, head, size)
    if found == "luks":
        raise errors.Rejected("encrypted", "The image is encrypted with LUKS: it cannot be checked. Decrypt it, and upload the result")
    return found, inspector, head, size


def _native(file: int, found: str, inspector: "FileInspector", head: bytes, size: int, max_virtual_size: int) -> Facts:
    """Of one of `FORMATS`. Raises Rejected."""
    from imaged.volumes import inspectors

    if found == "qcow2":
        qcow2.check(file, head, size)
        inspectors.check_safety(inspector)
        return limited(found, inspector.virtual_size, size, max_virtual_size)
    facts = limited(found, size, size, max_virtual_size)
    if found == "raw":
        return facts
    disc = iso.read(file)
    if disc.size > size:
        raise errors.Rejected(
            "truncated",
            f"The ISO image is incomplete: it says {units.size(disc.size)}, and the file has {units.size(size)}. "
            "Copy it again from its source",
        )
    return dataclasses.replace(facts, bootable=disc.bootable, label=disc.label)


def _mismatch(declared: str, found: str, head: bytes) -> str:
    looks = NAMES.get(found, found)
    if found == "raw":
        looks = "plain text" if _is_text(head) else NAMES["raw"]
    kind = {"raw": "a raw disk", "qcow2": "a qcow2 disk", "iso": "an ISO image"}[declared]
    return f"The file was declared to be {kind}, but it looks like {looks}: {_advice(looks, found)}"


def _advice(looks: str, found: str) -> str:
    if "compressed" in looks or "archive" in looks:
        return "unpack it, and upload what is in it"
    if found in (*FOREIGN, "qed", "a Parallels disk"):
        return "convert it with 'qemu-img convert -O qcow2', and upload the result"
    return "choose that format" if found in FORMATS and found != "raw" else "choose another file"


def _is_text(head: bytes) -> bool:
    try:
        # The last characters may be cut by the read.
        text = head[:4096].rstrip(b"\0").decode("utf-8", errors="strict" if len(head) < 4096 else "ignore")
    except UnicodeDecodeError:
        return False
    return bool(text) and all(character.isprintable() or character.isspace() for character in text)
