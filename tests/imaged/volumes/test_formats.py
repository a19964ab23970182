"""What an image is, whatever it is called: with files made by the tools that people use, and by those who mean ill."""

import os
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from imaged.volumes import errors, formats

GRUB, IPXE = Path("/usr/lib/grub-rescue/grub-rescue-cdrom.iso"), Path("/usr/lib/ipxe/ipxe.iso")
TIB = 1 << 40
MIB = 1 << 20


def inspect(path, declared, limit=64 * TIB):
    file = os.open(path, os.O_RDONLY)
    try:
        return formats.inspect(file, declared, limit)
    finally:
        os.close(file)


def reason(path, declared, limit=64 * TIB):
    """Code and sentence of the refusal."""
    with pytest.raises(errors.Rejected) as rejected:
        inspect(path, declared, limit)
    return rejected.value.code, rejected.value.message


def patched(path, offset, form, *values):
    """The file with other bytes in one place."""
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, offset, *values)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("path", [GRUB, IPXE])
def test_a_real_iso_is_one_and_boots(path):
    size = path.stat().st_size

    assert inspect(path, "iso") == formats.Facts("iso", size, size, True, "ISOIMAGE")


def test_an_iso_without_boot_catalog_does_not_boot(tmp_path):
    data = bytearray(IPXE.read_bytes())
    data[17 * 2048 + 7 : 17 * 2048 + 39] = bytes(32)  # the boot record's name
    data[:512] = bytes(512)  # and the partition table of the hybrid
    path = tmp_path / "data.iso"
    path.write_bytes(data)

    assert inspect(path, "iso").bootable is False


def test_a_boot_catalog_that_is_not_there_is_no_error(tmp_path):
    data = bytearray(IPXE.read_bytes())
    struct.pack_into("<I", data, 17 * 2048 + 71, 0xFFFFFFF0)
    data[:512] = bytes(512)
    path = tmp_path / "far.iso"
    path.write_bytes(data)

    assert inspect(path, "iso").bootable is False


def test_a_hybrid_iso_is_an_iso(tmp_path):
    data = bytearray(GRUB.read_bytes())
    data[446:462] = struct.pack("<B3sB3sII", 0x80, b"\0\2\0", 0x17, b"\xff" * 3, 0, len(data) // 512)
    data[510:512] = b"\x55\xaa"
    path = tmp_path / "hybrid.iso"
    path.write_bytes(data)

    assert inspect(path, "iso").bootable is True


def test_half_an_iso_is_truncated(tmp_path):
    path = tmp_path / "half.iso"
    path.write_bytes(GRUB.read_bytes()[: 2 * MIB])

    assert reason(path, "iso")[0] == "truncated"


def test_a_text_named_iso_is_refused_in_words(tmp_path):
    path = tmp_path / "fake.iso"
    path.write_text("This is not the disc that you are looking for.\n" * 100)

    code, sentence = reason(path, "iso")

    assert code == "format-mismatch"
    assert "declared to be an ISO image, but it looks like plain text" in sentence


def test_noise_named_iso_is_refused(tmp_path):
    path = tmp_path / "noise.iso"
    path.write_bytes(os.urandom(MIB))

    assert reason(path, "iso")[0] == "format-mismatch"


@pytest.mark.parametrize("declared", formats.FORMATS)
def test_an_empty_file_is_refused(tmp_path, declared):
    path = tmp_path / "empty"
    path.touch()

    assert reason(path, declared)[0] == "empty"


@pytest.mark.parametrize("size", [1, 511, 512, 4096, 300_000, 9 * MIB])
def test_a_file_of_anything_is_a_raw_disk(tmp_path, size):
    path = tmp_path / "disk.img"
    path.write_bytes(b"\1" * size)

    assert inspect(path, "raw") == formats.Facts("raw", size, size)


def test_a_large_sparse_disk_is_judged_by_its_head(tmp_path):
    path = tmp_path / "disk.img"
    path.touch()
    os.truncate(path, 2 * TIB)

    assert inspect(path, "raw").virtual_size == 2 * TIB


def test_a_disk_with_a_partition_table_is_a_raw_disk(tmp_path):
    sector = bytearray(MIB)
    sector[446:462] = struct.pack("<B3sB3sII", 0x80, b"\0\2\0", 0x83, b"\xff" * 3, 2048, 100)
    sector[510:512] = b"\x55\xaa"
    path = tmp_path / "disk.img"
    path.write_bytes(sector)

    assert inspect(path, "raw").format == "raw"


def test_a_sound_qcow2_has_its_virtual_size(qcow2):
    assert inspect(qcow2, "qcow2") == formats.Facts("qcow2", 64 * MIB, qcow2.stat().st_size)


@pytest.mark.parametrize(
    "options", ["compat=0.10", "compat=1.1", "lazy_refcounts=on", "cluster_size=512", "cluster_size=2M", "compression_type=zstd"]
)
def test_every_usual_kind_of_qcow2_is_taken(tmp_path, qemu_img, options):
    qemu_img("create", "-f", "qcow2", "-o", options, tmp_path / "x.qcow2", "10M")

    assert inspect(tmp_path / "x.qcow2", "qcow2").virtual_size == 10 * MIB


def test_internal_snapshots_are_fine(qcow2, qemu_img):
    qemu_img("snapshot", "-c", "before", qcow2)

    assert inspect(qcow2, "qcow2").format == "qcow2"


@pytest.mark.parametrize("declared", ["raw", "iso"])
def test_a_qcow2_is_never_taken_for_something_else(qcow2, declared):
    """Whoever opens such a "raw" disk without saying so follows what the guest wrote into it."""
    code, sentence = reason(qcow2, declared)

    assert code == "format-mismatch"
    assert "a qcow2 disk" in sentence


@pytest.mark.parametrize("format", ["vmdk", "vdi", "vhdx", "vpc", "qed"])
@pytest.mark.parametrize("declared", formats.FORMATS)
def test_other_disk_formats_are_named(tmp_path, qemu_img, format, declared):
    qemu_img("create", "-f", format, tmp_path / "disk", "10M")

    code, sentence = reason(tmp_path / "disk", declared)

    assert code == "format-mismatch"
    assert {"vpc": "VHD"}.get(format, format.upper()) in sentence


def test_a_fixed_vhd_is_known_by_its_end(tmp_path, qemu_img):
    qemu_img("create", "-f", "vpc", "-o", "subformat=fixed", tmp_path / "disk", "10M")

    assert "VHD" in reason(tmp_path / "disk", "raw")[1]


def test_a_vmdk_of_text_that_names_a_host_file_is_no_raw_disk(tmp_path):
    path = tmp_path / "disk"
    path.write_text('# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 2048 FLAT "/etc/passwd" 0\n')

    assert reason(path, "raw")[0] == "format-mismatch"


@pytest.mark.parametrize("magic", [b"\x1f\x8b\x08\0", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"BZh91AY", b"7z\xbc\xaf\x27\x1c"])
def test_a_compressed_disk_is_to_be_unpacked(tmp_path, magic):
    path = tmp_path / "disk.img"
    path.write_bytes(magic + os.urandom(MIB))

    code, sentence = reason(path, "raw")

    assert code == "format-mismatch"
    assert "unpack it" in sentence


def test_a_tar_archive_is_no_disk(tmp_path, qcow2):
    with tarfile.open(tmp_path / "appliance.ova", "w") as archive:
        archive.add(qcow2)

    assert "tar archive" in reason(tmp_path / "appliance.ova", "raw")[1]


def test_a_zip_archive_is_no_disk(tmp_path, qcow2):
    with zipfile.ZipFile(tmp_path / "disk.zip", "w") as archive:
        archive.write(qcow2)

    assert "zip archive" in reason(tmp_path / "disk.zip", "iso")[1]


def test_a_backing_file_is_refused(tmp_path, qcow2, qemu_img):
    qemu_img("create", "-f", "qcow2", "-b", qcow2, "-F", "qcow2", tmp_path / "overlay.qcow2")

    code, sentence = reason(tmp_path / "overlay.qcow2", "qcow2")

    assert code == "backing-file"
    assert "qemu-img convert" in sentence


def test_a_data_file_is_refused(tmp_path, qemu_img):
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={tmp_path}/data,data_file_raw=on", tmp_path / "x.qcow2", "1M")

    assert reason(tmp_path / "x.qcow2", "qcow2")[0] == "data-file"


def test_unknown_features_are_refused(qcow2):
    assert reason(patched(qcow2, 72, ">Q", 1 << 40), "qcow2")[0] == "unsafe-image"


def test_an_unknown_version_is_refused(qcow2):
    assert reason(patched(qcow2, 4, ">I", 9), "qcow2")[0] == "unsafe-image"


@pytest.mark.parametrize("size", [8 << 60, (1 << 64) - 1, 65 * TIB])
def test_a_virtual_size_past_the_limit_is_refused(qcow2, size):
    assert reason(patched(qcow2, 24, ">Q", size), "qcow2")[0] == "virtual-size"


def test_a_disk_of_nothing_is_refused(qcow2):
    assert reason(patched(qcow2, 24, ">Q", 0), "qcow2")[0] == "empty"


@pytest.mark.parametrize("declared, path", [("iso", GRUB), ("raw", Path("/usr/lib/ipxe/ipxe.lkrn"))])
def test_the_limit_holds_for_every_format(declared, path):
    assert reason(path, declared, limit=1000)[0] == "virtual-size"


def test_an_encrypted_qcow2_is_refused(tmp_path, qemu_img):
    words = ["--object", "secret,id=s,data=x", "-o", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10"]
    qemu_img("create", *words, "-f", "qcow2", tmp_path / "x.qcow2", "1M")

    assert reason(tmp_path / "x.qcow2", "qcow2")[0] == "encrypted"


def test_a_luks_disk_is_refused(tmp_path, qemu_img):
    words = ["--object", "secret,id=s,data=x", "-o", "key-secret=s,iter-time=10"]
    qemu_img("create", *words, "-f", "luks", tmp_path / "x.img", "1M")

    assert reason(tmp_path / "x.img", "raw")[0] == "encrypted"


@pytest.mark.parametrize("size", [4, 31, 100, 511, 512, 65536, 200_000])
def test_a_qcow2_cut_in_its_tables_is_truncated(qcow2, size):
    os.truncate(qcow2, size)

    assert reason(qcow2, "qcow2")[0] == "truncated"


@pytest.mark.parametrize(
    "offset, form, value",
    [(20, ">I", 0), (20, ">I", 63), (36, ">I", 0xFFFFFFFF), (40, ">Q", 1 << 62), (48, ">Q", (1 << 64) - 1), (56, ">I", 0xFFFFFFFF)],
)
def test_a_header_of_nonsense_is_refused_at_once(qcow2, offset, form, value):
    assert reason(patched(qcow2, offset, form, value), "qcow2")[0] in ("unsafe-image", "truncated")


def test_two_formats_in_one_file_are_refused(tmp_path, qcow2):
    data = bytearray(qcow2.read_bytes())
    disc = IPXE.read_bytes()[32768:40960]
    data[32768:40960] = disc
    path = tmp_path / "both"
    path.write_bytes(data)

    assert reason(path, "iso")[0] == "unsafe-image"
