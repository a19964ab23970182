"""File systems, known by the marks that they begin with."""

import pytest

from imaged.volumes import filesystems, inspection
from tests.imaged.volumes.arrived import marked


@pytest.mark.parametrize(
    "found, mark",
    [
        ("ext", (1080, b"\x53\xef")),
        ("xfs", (0, b"XFSB\0\0\x10\0")),
        ("btrfs", (65600, b"_BHRfS_M")),
        ("ntfs", (0, b"\xebR\x90NTFS    ")),
        ("fat", (54, b"FAT16   ")),
        ("fat", (82, b"FAT32   ")),
        ("lvm", (512, b"LABELONE" + bytes(16) + b"LVM2 001")),
        ("luks", (0, b"LUKS\xba\xbe\0\2")),
        ("swap", (4086, b"SWAPSPACE2")),
        ("swap", (65526, b"SWAPSPACE2")),
        (None, (4096, b"SWAPSPACE2")),
    ],
)
def test_a_file_system_without_a_table_is_known_by_its_mark(found, mark):
    # Boot sectors of file systems have the mark of a partition table, too.
    assert filesystems.read(marked(mark, (510, b"\x55\xaa"))[: inspection.HEAD]) == found


@pytest.mark.parametrize("head", [b"", b"XFS", b"\x53\xef", bytes(1080) + b"\x53", b"\xff" * 70_000])
def test_what_is_no_file_system_is_none(head):
    assert filesystems.read(head) is None
