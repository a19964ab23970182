"""Partition tables: which kind they are, and whether a machine can start from the disk."""

import struct

import pytest

from imaged.volumes import partitions


def gpt(kind, attributes=0, sector=512):
    entry = struct.pack("<16s16sQQQ72s", kind, b"1" * 16, 40, 50, attributes, b"")
    data = bytearray(partitions.HEAD)
    data[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff" * 3, 1, 100)
    data[510:512] = b"\x55\xaa"
    data[sector : sector + 88] = struct.pack("<8s64xQII", b"EFI PART", 2, 128, 128)
    data[2 * sector + 128 : 2 * sector + 256] = entry
    return bytes(data)


EFI = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("kind, attributes, boots", [(EFI, 0, True), (b"x" * 16, 0, False), (b"x" * 16, 4, True), (bytes(16), 4, False)])
def test_a_gpt_boots_by_its_partitions(kind, attributes, boots, sector):
    assert partitions.read(gpt(kind, attributes, sector)) == partitions.Table("gpt", boots)


@pytest.mark.parametrize("values", [(1 << 63, 128, 128), (2, 1 << 31, 128), (2, 128, 0), (2, 128, 1 << 31)])
def test_a_gpt_of_nonsense_is_no_harm(values):
    data = bytearray(gpt(EFI))
    struct.pack_into("<QII", data, 512 + 72, *values)

    assert partitions.read(bytes(data)).kind == "gpt"


def test_grub_in_the_first_sector_boots_without_an_active_partition():
    head = bytearray(512)
    head[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0x83, b"\xff" * 3, 1, 100)
    head[510:512] = b"\x55\xaa"
    assert partitions.read(bytes(head)) == partitions.Table("mbr", False)

    head[0x188:0x18C] = b"GRUB"
    assert partitions.read(bytes(head)) == partitions.Table("mbr", True)


@pytest.mark.parametrize("head", [b"", b"\x55\xaa", bytes(512), bytes(510) + b"\x55\xaa", b"\x7f" * 510 + b"\x55\xaa"])
def test_what_is_no_partition_table_is_none(head):
    assert partitions.read(head) == partitions.Table(None, False)
