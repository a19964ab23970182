"""What an image is, whatever it is called: format, safety, sizes, and the facts of an ISO.

oslo.utils' format inspectors look at the beginning. Around them: what they take for raw and is not (archives, a fixed VHD), disks with
a partition table and hybrid ISOs, and what they leave to us (encryption, truncation). Every read is bounded: the image is not trusted.
"""

import os
import struct
from dataclasses import dataclass
from typing import Any

from oslo_utils.imageutils import format_inspector

from imaged import units
from imaged.volumes import errors, iso

FORMATS = ("raw", "qcow2", "iso")
#: Bytes the inspectors see. They decide within 3 MiB; what they would need from further on belongs to no format that is taken.
HEAD = 8 << 20
CHUNK = 1 << 20
#: qemu's own limit for the first level table: 32 MiB.
MAX_L1_ENTRIES = 4 << 20
QCOW2_MAGIC = b"QFI\xfb"
QCOW2_HEADER = struct.Struct(">4sIQIIQIIQQIIQ")
OFFSET_MASK = 0x00FFFFFFFFFFFE00
FOOTER = 512

#: Bytes, where they stand, and what has them: things that the inspectors take for raw, and that are no disk.
MAGICS = (
    (0, b"\x1f\x8b", "a gzip-compressed file"),
    (0, b"\xfd7zXZ\0", "an xz-compressed file"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd-compressed file"),
    (0, b"BZh", "a bzip2-compressed file"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (257, b"ustar", "a tar archive (an OVA, perhaps)"),
)
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
UNSAFE = {
    "backing_file": (
        "backing-file",
        "The qcow2 image has a backing file: it is only the difference to another image. "
        "Merge both with 'qemu-img convert -O qcow2', and upload the result",
    ),
    "data_file": (
        "data-file",
        "The qcow2 image keeps its data in another file. Merge both with 'qemu-img convert -O qcow2', and upload the result",
    ),
    "unknown_features": (
        "unsafe-image",
        "The qcow2 image needs features that are not known to be safe. Rewrite it with 'qemu-img convert -O qcow2', and upload the result",
    ),
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
    size = os.fstat(file).st_size
    if size == 0:
        raise errors.Rejected("empty", "The file is empty")
    head = os.pread(file, CHUNK, 0)
    found, inspector = _detect(file, head, size)
    if found == "luks":
        raise errors.Rejected("encrypted", "The image is encrypted with LUKS: it cannot be checked. Decrypt it, and upload the result")
    if found != declared:
        raise errors.Rejected("format-mismatch", _mismatch(declared, found, head))
    facts = Facts(found, size, size)
    if found == "qcow2":
        _check_qcow2(file, head, size)
        _check_safety(inspector)
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


def virtual_size(file: int) -> int | None:
    """Bytes of the disk that the open qcow2 file describes, by its header; None where it has none."""
    header = os.pread(file, QCOW2_HEADER.size, 0)
    if len(header) < QCOW2_HEADER.size or not header.startswith(QCOW2_MAGIC):
        return None
    return int(QCOW2_HEADER.unpack(header)[5])


def _detect(file: int, head: bytes, size: int) -> tuple[str, format_inspector.FileInspector]:
    """The format's name (ours, or `NAMES`' key, or a phrase of `MAGICS`) and the inspector that saw it. Raises Rejected."""
    found = {inspector.NAME: inspector for inspector in _inspectors(file)}
    if set(found) == {"iso", "gpt"}:  # hybrid, as most distributions' are: it boots from disc and from stick
        return "iso", found["iso"]
    if len(found) > 1:
        names = " and ".join(sorted(found))
        raise errors.Rejected("unsafe-image", f"The file is {names} at once: programs would disagree about what is in it")
    (name, inspector), *_ = found.items()
    if head.startswith(QCOW2_MAGIC):
        return "qcow2", inspector  # too short for the inspectors to say so
    if name in ("raw", "gpt"):
        # A disk with a partition table is a raw disk. The table's oddities are the guest's business: the disk is
        # only ever opened as raw.
        return _disguise(file, head, size) or "raw", inspector
    return name, inspector


def _inspectors(file: int) -> list[format_inspector.FileInspector]:
    """Those that match the beginning of the file; raw alone when none does."""
    head: Any = _Head(file)
    wrapper = format_inspector.InspectWrapper(head)
    while wrapper.formats is None and wrapper.read(CHUNK):
        pass
    wrapper.close()
    return wrapper.formats or []


class _Head:
    """The first bytes of a file, as a stream; it leaves the descriptor's own position alone."""

    def __init__(self, file: int):
        self._file = file
        self._offset = 0

    def read(self, size: int) -> bytes:
        data = os.pread(self._file, min(CHUNK, HEAD - self._offset), self._offset)
        self._offset += len(data)
        return data


def _disguise(file: int, head: bytes, size: int) -> str | None:
    """What a file is that looks raw to the inspectors, where it is something else."""
    for offset, magic, phrase in MAGICS:
        if head.startswith(magic, offset):
            return phrase
    # The footer of a fixed VHD, which has no other mark, is 512 bytes long; old ones lack the last byte.
    for length in (FOOTER, FOOTER - 1):
        if size > length and os.pread(file, 8, size - length) == b"conectix":
            return "vhd"
    return None


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


def _check_safety(inspector: format_inspector.FileInspector) -> None:
    try:
        inspector.safety_check()
    except format_inspector.SafetyCheckFailed as failed:
        # Which is said first is ours to choose: the table's order.
        for name, (code, sentence) in UNSAFE.items():
            if name in failed.failures:
                raise errors.Rejected(code, sentence) from None
        raise errors.Rejected("unsafe-image", f"The image is not safe to use: {failed}") from None
    except format_inspector.ImageFormatError as error:
        raise errors.Rejected("unsafe-image", f"The image's safety cannot be judged: {error}") from None


def _check_qcow2(file: int, head: bytes, size: int) -> None:
    """What the inspector does not look at: encryption, and whether header and tables lie within the file."""
    if size < 512:
        raise _truncated("its header", size)
    header = QCOW2_HEADER.unpack_from(head)
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
