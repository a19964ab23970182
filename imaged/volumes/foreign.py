"""The disks of other programs (VMDK, VDI, VHD, VHDX): what they are inside, and whether `qemu-img` may see them.

It follows what they say: a VMDK may name any file of the host as an extent or as a parent, and its contents end up in the result. So each
is judged by its bytes before. Every read is bounded: the image is not trusted.
"""

import os
import re
import struct
import uuid

from oslo_utils.imageutils import format_inspector

from imaged.volumes import errors, qemu

#: Bytes; what holds a VMDK's header and descriptor, and its footer with the marks around it.
VMDK_HEAD, VMDK_FOOTER = 2 << 20, 1536
#: QEMU's limit for a VMDK's descriptor, which begins in the second sector.
DESCRIPTOR = slice(512, 512 + (1 << 20))
SPARSE = b"KDMV"
VMDK_TYPES = {"monolithicsparse": "monolithicSparse", "streamoptimized": "streamOptimized"}
VHD_FIXED, VHD_DYNAMIC, VHD_DIFFERENCING = 2, 3, 4
VHD_FOOTER = struct.Struct(">8s32xQQ4xI")
VDI_TYPES = {1: "dynamic", 2: "static"}
VDI_HEADER = struct.Struct("<76xI264xI20xQI8xI")
VHDX_FILE_PARAMETERS = uuid.UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b").bytes_le
#: Of a VHDX: bytes of the table of its metadata, and the flags of its file parameters.
VHDX_TABLE, VHDX_FIXED, VHDX_HAS_PARENT = 64 << 10, 1, 2


def check(file: int, format: str, inspector: format_inspector.FileInspector, size: int) -> tuple[str, int]:
    """What kind of `format` the open file of `size` bytes is, and the largest virtual size (bytes) that it may be read as.

    Raises Rejected: `backing-file`, `unsafe-image`, `truncated`.
    """
    try:
        return {"vmdk": _vmdk, "vdi": _vdi, "vhd": _vhd, "vhdx": _vhdx}[format](file, inspector, size)
    except struct.error:
        raise qemu.truncated(format, size) from None


def _vmdk(file: int, _: format_inspector.FileInspector, size: int) -> tuple[str, int]:
    head = os.pread(file, VMDK_HEAD, 0)
    if not head.startswith(SPARSE):
        raise errors.Rejected(
            "unsafe-image",
            "The VMDK is the description of a disk that lies in other files. Make one file of it with 'qemu-img convert -O qcow2', or "
            "export it as an OVA, and take the disk that is in it",
        )
    # One of its own: its marks stand at the end, which is far behind what all inspectors get to see.
    inspector = format_inspector.VMDKInspector()
    _check_vmdk_descriptor(head)
    try:
        inspector.eat_chunk(head)
        inspector.eat_chunk(os.pread(file, VMDK_FOOTER, max(len(head), size - VMDK_FOOTER)))
        inspector.finish()
        inspector.safety_check()
    except format_inspector.SafetyCheckFailed as failed:
        if set(failed.failures) == {"footer"} and os.pread(file, 4, max(0, size - 1024)) != SPARSE:
            raise qemu.truncated("vmdk", size) from None
        raise _unsafe("VMDK", ", ".join(map(str, failed.failures.values()))) from None
    except format_inspector.ImageFormatError as error:
        raise _unsafe("VMDK", f"it cannot be judged ({error})") from None
    if inspector.virtual_size == 0:
        raise _unsafe("VMDK", "it has no size, and QEMU would believe its description instead")
    return VMDK_TYPES[inspector.vmdktype], inspector.virtual_size


def _check_vmdk_descriptor(head: bytes) -> None:
    """What QEMU reads otherwise than the inspector, or believes where the inspector does not look. Raises Rejected."""
    # Up to its end as QEMU sees it, whatever length the header tells.
    text = head[DESCRIPTOR].partition(b"\0")[0].lower()
    if b"parentfilenamehint" in text:
        raise errors.Rejected(
            "backing-file",
            "The VMDK is only the difference to another disk. Merge both (consolidate its machine's snapshots), and take the result",
        )
    # QEMU's key is case-sensitive, the inspector's is not: two of them could be a different one for each.
    if text.count(b"createtype") != 1:
        raise _unsafe("VMDK", "it does not say, once, of what type it is; a part of a larger disk does not")
    extents = re.findall(rb"^[ \t]*(?:rw|rdonly|noaccess)[ \t].*$", text, re.MULTILINE)
    if len(extents) != 1 or extents[0].split()[2:3] != [b"sparse"]:
        raise _unsafe("VMDK", "its description names other files than itself")


def _vhd(file: int, _: format_inspector.FileInspector, size: int) -> tuple[str, int]:
    dynamic = os.pread(file, VHD_FOOTER.size, 0)
    if dynamic.startswith(b"conectix"):
        _, original, current, kind = VHD_FOOTER.unpack(dynamic)
    else:
        footer = os.pread(file, 512, size - 512)
        _, original, current, kind = VHD_FOOTER.unpack_from(footer, footer.index(b"conectix"))
    if kind == VHD_DIFFERENCING:
        raise _difference("VHD")
    # QEMU goes by the place of the header, and not by the type.
    if kind != (VHD_DYNAMIC if dynamic.startswith(b"conectix") else VHD_FIXED):
        raise _unsafe("VHD", f"its type {kind} is not that of its parts")
    return "dynamic" if kind == VHD_DYNAMIC else "fixed", max(original, current)


def _vdi(file: int, _: format_inspector.FileInspector, size: int) -> tuple[str, int]:
    kind, data, virtual_size, block, blocks = VDI_HEADER.unpack(os.pread(file, VDI_HEADER.size, 0))
    if kind not in VDI_TYPES:
        raise _difference("VDI")
    # QEMU reads zeros behind the file's end, and says nothing.
    if data + block * blocks > size:
        raise qemu.truncated("vdi", size)
    return VDI_TYPES[kind], virtual_size


def _vhdx(file: int, inspector: format_inspector.FileInspector, size: int) -> tuple[str, int]:
    if not inspector.has_region("metadata"):
        raise _unsafe("VHDX", "the table that says what it is cannot be found")
    start = inspector.region("metadata").offset
    if start > size:
        raise qemu.truncated("vhdx", size)
    table = os.pread(file, VHDX_TABLE, start)
    (count,) = struct.unpack_from("<H", table, 10)
    entries = [table[place : place + 32] for place in range(32, 32 + 32 * count, 32)]
    found = [struct.unpack_from("<I", entry, 16)[0] for entry in entries if entry.startswith(VHDX_FILE_PARAMETERS)]
    if len(found) != 1:
        raise _unsafe("VHDX", "its parameters cannot be found")
    _, flags = struct.unpack("<II", os.pread(file, 8, start + found[0]))
    if flags & VHDX_HAS_PARENT:
        raise _difference("VHDX")
    return "fixed" if flags & VHDX_FIXED else "dynamic", inspector.virtual_size


def _difference(format: str) -> errors.Rejected:
    return errors.Rejected(
        "backing-file",
        f"The {format} is only the difference to another disk. Merge both in the program that made them, and take the result",
    )


def _unsafe(format: str, reason: str) -> errors.Rejected:
    return errors.Rejected("unsafe-image", f"The {format} is not safe to use: {reason}. Export it again as a single file")
