"""What the beginning of a file looks like: oslo.utils' format inspectors, and what they take for raw and is not.

Archives, a fixed VHD; disks with a partition table and hybrid ISOs. Every read is bounded: the image is not trusted.
"""

import os
import re
from typing import Any

from oslo_utils.imageutils import format_inspector

from imaged.volumes import errors, qcow2

#: Bytes the inspectors see. They decide within 3 MiB; what they would need from further on belongs to no format that is taken.
HEAD = 8 << 20
CHUNK = 1 << 20
FOOTER = 512

PARALLELS = "a Parallels disk"
#: Bytes, where they stand, and what has them: things that the inspectors take for raw, and that are no disk.
MAGICS = (
    (0, b"\x1f\x8b", "a gzip-compressed file"),
    (0, b"\xfd7zXZ\0", "an xz-compressed file"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd-compressed file"),
    (0, b"BZh", "a bzip2-compressed file"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"WithoutFreeSpace", PARALLELS),
    (0, b"WithouFreSpacExt", PARALLELS),
    (257, b"ustar", "a tar archive (an OVA, perhaps)"),
)
#: What QEMU takes for a VMDK: as a description in words, comments before it or not; as one of its kinds of files.
VMDK = re.compile(rb"(?:#[^\n]*\n|[ \r]*\n)*version=[123]|KDMV|COWD")
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


def detect(file: int, head: bytes, size: int) -> tuple[str, format_inspector.FileInspector]:
    """The format's name (ours, or `NAMES`' key, or a phrase of `MAGICS`) and the inspector that saw it. Raises Rejected."""
    found = {inspector.NAME: inspector for inspector in _inspectors(file)}
    if set(found) == {"iso", "gpt"}:  # hybrid, as most distributions' are: it boots from disc and from stick
        return "iso", found["iso"]
    if len(found) > 1:
        names = " and ".join(sorted(found))
        raise errors.Rejected("unsafe-image", f"The file is {names} at once: programs would disagree about what is in it")
    (name, inspector), *_ = found.items()
    if head.startswith(qcow2.MAGIC):
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
    if VMDK.match(head):
        return "vmdk"
    # The footer of a fixed VHD, which has no other mark, is 512 bytes long; old ones lack the last byte.
    for length in (FOOTER, FOOTER - 1):
        if size > length and os.pread(file, 8, size - length) == b"conectix":
            return "vhd"
    return None


def check_safety(inspector: format_inspector.FileInspector) -> None:
    """Of a qcow2. Raises Rejected."""
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
