"""What lies at the beginning of a disk that has no partition table: a file system, or what stands in for one."""

#: Bytes of a disk's beginning that hold every mark below.
HEAD = 68 << 10

#: What is found, where its mark stands (bytes), and the mark. The sure ones first: ext has two bytes of it.
MARKS = (
    ("luks", 0, b"LUKS\xba\xbe"),
    ("xfs", 0, b"XFSB"),
    ("ntfs", 3, b"NTFS    "),
    ("fat", 54, b"FAT12   "),
    ("fat", 54, b"FAT16   "),
    ("fat", 82, b"FAT32   "),
    # LVM's label is in one of the first four sectors.
    *(("lvm", sector * 512 + 24, b"LVM2 001") for sector in range(4)),
    ("btrfs", (64 << 10) + 64, b"_BHRfS_M"),
    # At the end of the first page: they are of 4 KiB, or of 16 or 64 on some machines.
    *(("swap", page - 10, b"SWAPSPACE2") for page in (4 << 10, 16 << 10, 64 << 10)),
    ("ext", 1024 + 56, b"\x53\xef"),
)


def read(head: bytes) -> str | None:
    """What begins with `head` (`HEAD` bytes, or all of a smaller disk): a name of `MARKS`, or None."""
    return next((name for name, offset, mark in MARKS if head.startswith(mark, offset)), None)
