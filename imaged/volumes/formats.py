"""What an image is, whatever it is called: format, safety, sizes, and the facts of an ISO.

The inspectors look at the beginning; what they leave to us is encryption and truncation. Every read is bounded: the image is not trusted.
"""

import os
from dataclasses import dataclass

from imaged import units
from imaged.volumes import errors, iso, qcow2

FORMATS = ("raw", "qcow2", "iso")
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
    """What was found. Sizes in bytes; `bootable` and `label` are known of ISOs only."""

    format: str
    virtual_size: int
    actual_size: int
    bootable: bool | None = None
    label: str | None = None


def inspect(file: int, declared: str, max_virtual_size: int) -> Facts:
    """The facts of the open file, when it is a safe and whole image of the `declared` format.

    Raises Rejected: `empty`, `format-mismatch`, `encrypted`, `truncated`, `backing-file`, `data-file`, `unsafe-image`, `virtual-size`.
    """
    # Loading them takes a quarter of the time in which the daemon starts.
    from imaged.volumes import inspectors

    size = os.fstat(file).st_size
    if size == 0:
        raise errors.Rejected("empty", "The file is empty")
    head = os.pread(file, CHUNK, 0)
    found, inspector = inspectors.detect(file, head, size)
    if found == "luks":
        raise errors.Rejected("encrypted", "The image is encrypted with LUKS: it cannot be checked. Decrypt it, and upload the result")
    if found != declared:
        raise errors.Rejected("format-mismatch", _mismatch(declared, found, head))
    facts = Facts(found, size, size)
    if found == "qcow2":
        qcow2.check(file, head, size)
        inspectors.check_safety(inspector)
        facts = Facts(found, inspector.virtual_size, size)
    elif found == "iso":
        disc = iso.read(file, size)
        if disc.size > size:
            raise errors.Rejected(
                "truncated",
                f"The ISO image is incomplete: it says {units.size(disc.size)}, and the file has {units.size(size)}. "
                "Copy it again from its source",
            )
        facts = Facts(found, size, size, disc.bootable, disc.label)
    if facts.virtual_size == 0:
        raise errors.Rejected("empty", "The image is of a disk of 0 bytes")
    if facts.virtual_size > max_virtual_size:
        disk, most = units.size(facts.virtual_size), units.size(max_virtual_size)
        raise errors.Rejected("virtual-size", f"The image is of a disk of {disk} virtual size, and at most {most} are allowed")
    return facts


def _mismatch(declared: str, found: str, head: bytes) -> str:
    looks = NAMES.get(found, found)
    if found == "raw":
        looks = "plain text" if _is_text(head) else NAMES["raw"]
    kind = {"raw": "a raw disk", "qcow2": "a qcow2 disk", "iso": "an ISO image"}[declared]
    advice = "choose that format" if found in FORMATS and found != "raw" else "choose another file"
    if "compressed" in looks or "archive" in looks:
        advice = "unpack it, and upload what is in it"
    elif found in ("vhd", "vhdx", "vmdk", "vdi", "qed"):
        advice = "convert it with 'qemu-img convert -O qcow2', and upload the result"
    return f"The file was declared to be {kind}, but it looks like {looks}: {advice}"


def _is_text(head: bytes) -> bool:
    try:
        # The last characters may be cut by the read.
        text = head[:4096].rstrip(b"\0").decode("utf-8", errors="strict" if len(head) < 4096 else "ignore")
    except UnicodeDecodeError:
        return False
    return bool(text) and all(character.isprintable() or character.isspace() for character in text)
