"""What a volume of any format is, and what is refused before qemu-img sees it."""

import os
import shutil
import struct
from pathlib import Path

import pytest

from imaged.volumes import errors, inspection
from imaged.volumes.jobs import Canceled
from tests.imaged import qemu
from tests.imaged.volumes.arrived import KINDS, MIB, SIZE, described, marked, opened, patched

GRUB = Path("/usr/lib/grub-rescue/grub-rescue-cdrom.iso")
TIB = 1 << 40
EIB = 1 << 60
SUBFORMATS = {
    "raw": None,
    "qcow2": "1.1",
    "vdi": "dynamic",
    "vdi-static": "static",
    "vhd": "dynamic",
    "vhd-fixed": "fixed",
    "vhdx": "dynamic",
}


def inspect(path, **limits):
    with opened(path) as (job, file):
        return inspection.inspect(job, file, **limits)


def reason(path, **limits):
    """Code and sentence of the refusal."""
    with pytest.raises(errors.Rejected) as rejected:
        inspect(path, **limits)
    return rejected.value.code, rejected.value.message


@pytest.fixture
def unseen(monkeypatch):
    """Whoever asks for qemu-img has lost."""

    def which(name):
        raise AssertionError(f"{name} was asked for")

    monkeypatch.setattr(shutil, "which", which)


@pytest.fixture
def copy(kinds, tmp_path):
    return lambda kind: Path(shutil.copy(kinds / kind, tmp_path))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_disk_has_its_facts(kinds, kind):
    path = kinds / kind
    driver = KINDS[kind][1]
    size = int(qemu.qemu_img("info", "-f", driver, "--output=json", path).partition('"virtual-size": ')[2].partition(",")[0])

    assert inspect(path) == {
        "format": KINDS[kind][0],
        "virtual_size": size,
        "actual_size": path.stat().st_size,
        "subformat": SUBFORMATS.get(kind, kind),
        "partition_table": "mbr",
        "filesystem": None,
        "bootable": True,
        "label": None,
    }


def test_an_iso_tells_its_label_and_whether_it_boots():
    size = GRUB.stat().st_size

    assert inspect(GRUB) == {
        "format": "iso",
        "virtual_size": size,
        "actual_size": size,
        "subformat": None,
        "partition_table": "mbr",
        "filesystem": None,
        "bootable": True,
        "label": "ISOIMAGE",
    }


def test_a_disk_without_a_table_says_so(tmp_path, qemu_img):
    qemu_img("create", "-f", "vmdk", tmp_path / "disk", "1M")

    facts = inspect(tmp_path / "disk")

    assert (facts["partition_table"], facts["filesystem"], facts["bootable"]) == (None, None, False)


def test_the_file_system_is_that_of_the_disk_and_not_of_its_file(tmp_path, qemu_img):
    (tmp_path / "source").write_bytes(marked((65600, b"_BHRfS_M")))
    qemu_img("convert", "-f", "raw", "-O", "qcow2", "source", "disk")

    assert (inspect(tmp_path / "source")["filesystem"], inspect(tmp_path / "disk")["filesystem"]) == ("btrfs", "btrfs")


def test_a_disk_with_a_partition_table_has_no_file_system_of_its_own(tmp_path):
    entry = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0x83, b"\xff" * 3, 2048, 100)
    (tmp_path / "disk").write_bytes(marked((446, entry), (510, b"\x55\xaa"), (1080, b"\x53\xef")))

    assert inspect(tmp_path / "disk")["filesystem"] is None


def test_a_stream_longer_than_what_is_looked_at_is_known_by_its_end(tmp_path, qemu_img):
    (tmp_path / "source").write_bytes(os.urandom(9 * MIB))
    qemu_img("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", "source", "disk")

    assert inspect(tmp_path / "disk")["subformat"] == "streamOptimized"


# What would lead qemu-img elsewhere


def test_a_vmdk_of_text_that_names_a_host_file_is_refused(tmp_path, unseen):
    path = tmp_path / "disk"
    path.write_text('# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 2048 FLAT "/etc/passwd" 0\n' + " " * 300)

    code, sentence = reason(path)

    assert code == "unsafe-image" and "lies in other files" in sentence
    assert "/etc/passwd" not in sentence


@pytest.mark.parametrize("comment", ["", "# a comment\n", "\n \n#\n"])
def test_such_a_text_is_found_as_qemu_finds_it(tmp_path, unseen, comment):
    path = tmp_path / "disk"
    path.write_text(comment + 'version=3\nRW 2048 FLAT "/etc/passwd" 0\n')

    assert reason(path)[0] == "unsafe-image"


def test_a_vmdk_with_a_parent_is_refused(vmdk, unseen):
    """The library's checks let it pass, and QEMU reads the file that it names."""
    described(vmdk, lambda text: text.replace("createType", 'parentFileNameHint="/etc/passwd"\ncreateType'))

    assert reason(vmdk)[0] == "backing-file"


@pytest.mark.parametrize(
    "line",
    ['RW 4 FLAT "secret" 0', 'RW 4 SPARSE "/etc/passwd"', 'RW 4 SPARSE "a"\nRW 4 FLAT "b" 0', 'RW 4 FLAT "nbd:127.0.0.1:9" 0', "RW 4 ZERO"],
)
def test_a_sparse_vmdk_that_names_other_files_is_refused(vmdk, unseen, line):
    described(vmdk, lambda text: text.replace(text[text.index("RW") : text.index("\n", text.index("RW"))], line))

    assert reason(vmdk)[0] == "unsafe-image"


def test_a_vmdk_that_is_of_one_type_for_us_and_of_another_for_qemu_is_refused(vmdk, unseen):
    described(vmdk, lambda text: text.replace("createType", 'CREATETYPE="monolithicSparse"\ncreateType="monolithicFlat"\n#'))

    assert reason(vmdk)[0] == "unsafe-image"


def test_a_vmdk_without_size_whose_description_would_be_believed_is_refused(vmdk, unseen):
    assert reason(patched(vmdk, 12, "<Q", 0))[0] == "unsafe-image"


def test_a_vmdk_whose_description_lies_elsewhere_is_refused(vmdk, unseen):
    assert reason(patched(vmdk, 28, "<Q", 3))[0] == "unsafe-image"


def test_a_description_that_goes_on_behind_its_told_length_is_read_as_qemu_reads_it(vmdk, unseen):
    described(vmdk, lambda text: text.ljust(600, "\n") + 'parentFileNameHint="/etc/passwd"\n')
    patched(vmdk, 36, "<Q", 1)

    assert reason(vmdk)[0] == "backing-file"


@pytest.mark.parametrize("kind", ["monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"])
def test_a_vmdk_of_many_files_is_refused(kinds, tmp_path, qemu_img, unseen, kind):
    shutil.copy(kinds / "source", tmp_path)
    qemu_img("convert", "-f", "raw", "-O", "vmdk", "-o", f"subformat={kind}", "source", "disk.vmdk")

    assert reason(tmp_path / "disk.vmdk")[0] == "unsafe-image"


def test_a_part_of_such_a_vmdk_is_refused(kinds, tmp_path, qemu_img, unseen):
    shutil.copy(kinds / "source", tmp_path)
    qemu_img("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=twoGbMaxExtentSparse", "source", "disk.vmdk")

    assert reason(tmp_path / "disk-s001.vmdk")[0] == "unsafe-image"


@pytest.fixture
def stream(copy):
    """A stream as VMware writes it: the header says that what counts stands at the end."""
    path = copy("streamOptimized")
    data = path.read_bytes()
    footer = struct.pack("<QII496x", 1, 0, 3) + data[:512] + bytes(512)
    path.write_bytes(data[:56] + b"\xff" * 8 + data[64:] + footer)
    return path


def test_a_stream_that_is_described_at_its_end_is_taken(stream):
    assert (inspect(stream)["subformat"], inspect(stream)["virtual_size"]) == ("streamOptimized", SIZE)


def test_a_stream_without_its_end_is_truncated(stream, unseen):
    os.truncate(stream, stream.stat().st_size - 1024)

    assert reason(stream)[0] == "truncated"


@pytest.mark.parametrize("offset, value", [(28, 9), (36, 1), (56, (1 << 64) - 1)])
def test_a_stream_whose_end_tells_of_something_else_is_refused(stream, unseen, offset, value):
    patched(stream, stream.stat().st_size - 1024 + offset, "<Q", value)

    assert reason(stream)[0] == "unsafe-image"


def test_an_esx_hosts_vmdk_is_refused(tmp_path, unseen):
    path = tmp_path / "disk"
    path.write_bytes(b"COWD" + bytes(4096))

    assert reason(path)[0] == "unsafe-image"


@pytest.mark.parametrize("kind, offset, form", [("vdi", 0x4C, "<I"), ("vhd", 60, ">I")])
def test_a_difference_to_another_disk_is_refused(copy, unseen, kind, offset, form):
    assert reason(patched(copy(kind), offset, form, 4))[0] == "backing-file"


def test_a_fixed_vhd_that_is_a_difference_is_refused(copy, unseen):
    path = copy("vhd-fixed")

    assert reason(patched(path, path.stat().st_size - 512 + 60, ">I", 4))[0] == "backing-file"


def test_a_vhd_whose_type_is_not_that_of_its_parts_is_refused(copy, unseen):
    assert reason(patched(copy("vhd"), 60, ">I", 2))[0] == "unsafe-image"


def test_a_vhdx_with_a_parent_is_refused(copy, unseen):
    path = copy("vhdx")
    data = path.read_bytes()
    entry = data.index(bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b"))
    (offset,) = struct.unpack_from("<I", data, entry + 16)
    patched(path, data.index(b"metadata") + offset + 4, "<I", 2)

    assert reason(path)[0] == "backing-file"


def test_a_vhdx_that_tells_nothing_of_itself_is_refused(copy, unseen):
    path = copy("vhdx")
    data = path.read_bytes()
    patched(path, data.index(bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b")), "<I", 0)

    assert reason(path)[0] == "unsafe-image"


@pytest.mark.parametrize("place", [0, 1 << 20, 1 << 40, (1 << 64) - 1])
def test_a_vhdx_whose_tables_lie_elsewhere_is_refused(copy, unseen, place):
    path = copy("vhdx")
    entry = path.read_bytes().index(bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e"), 0x30000)

    assert reason(patched(path, entry + 16, "<Q", place))[0] in ("unsafe-image", "truncated")


def test_backing_and_data_files_of_a_qcow2_are_refused(tmp_path, qcow2, qemu_img, unseen):
    qemu_img("create", "-f", "qcow2", "-b", qcow2, "-F", "qcow2", tmp_path / "overlay")
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={tmp_path}/data,data_file_raw=on", tmp_path / "apart", "1M")

    assert (reason(tmp_path / "overlay")[0], reason(tmp_path / "apart")[0]) == ("backing-file", "data-file")


@pytest.mark.parametrize(
    "kind, offset, form, value",
    [
        ("qcow2", 24, ">Q", 8 * EIB),
        ("monolithicSparse", 12, "<Q", 8 * EIB // 512),
        ("vdi", 0x170, "<Q", 8 * EIB),
        ("vhd", 40, ">Q", 8 * EIB),
        ("vhd", 48, ">Q", 8 * EIB),
    ],
)
def test_a_disk_of_8_eib_is_refused(copy, unseen, kind, offset, form, value):
    assert reason(patched(copy(kind), offset, form, value))[0] == "virtual-size"


def test_a_vhdx_of_8_eib_is_refused(copy, unseen):
    path = copy("vhdx")
    offset = path.read_bytes().index(struct.pack("<Q", SIZE), 65536)

    assert reason(patched(path, offset, "<Q", 8 * EIB))[0] == "virtual-size"


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_holds_for_every_kind(kinds, kind, unseen):
    assert reason(kinds / kind, max_virtual_size=SIZE - 1)[0] == "virtual-size"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("raw", "vhd-fixed")])
def test_half_a_disk_is_truncated(copy, kind):
    path = copy(kind)
    os.truncate(path, path.stat().st_size // 2)

    assert reason(path)[0] == "truncated"


@pytest.mark.parametrize("kind", ["monolithicSparse", "streamOptimized", "vdi", "vhd", "vhdx"])
@pytest.mark.parametrize("size", [8, 100, 511, 600, 65536])
def test_the_beginning_of_a_disk_is_refused_or_no_such_disk(copy, kind, size):
    path = copy(kind)
    os.truncate(path, size)

    try:
        assert inspect(path)["format"] == "raw"
    except errors.Rejected as rejected:
        assert rejected.code in ("truncated", "unsafe-image", "format-mismatch", "check-failed", "empty")


def test_nothing_is_empty(tmp_path, unseen):
    (tmp_path / "disk").touch()

    assert reason(tmp_path / "disk")[0] == "empty"


@pytest.mark.parametrize(
    "magic, word", [(b"\x1f\x8b\x08\0", "unpack it"), (b"QED\0" + bytes(600), "QED"), (b"WithouFreSpacExt", "qemu-img convert")]
)
def test_what_is_no_disk_that_is_taken_is_named(tmp_path, unseen, magic, word):
    (tmp_path / "disk").write_bytes(magic + bytes(MIB))

    code, sentence = reason(tmp_path / "disk")

    assert code == "format-mismatch" and word in sentence


def test_an_encrypted_disk_is_refused(tmp_path, qemu_img, unseen):
    words = ["--object", "secret,id=s,data=x", "-o", "key-secret=s,iter-time=10"]
    qemu_img("create", *words, "-f", "luks", tmp_path / "disk", "1M")

    assert reason(tmp_path / "disk")[0] == "encrypted"


def test_a_canceled_inspection_ends(kinds):
    with opened(kinds / "vdi") as (job, file):
        job.cancel()
        with pytest.raises(Canceled):
            inspection.inspect(job, file)
