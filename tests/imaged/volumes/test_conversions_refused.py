"""Conversions that are refused before anything happens."""

import os
import shutil
from pathlib import Path

import pytest

from imaged.volumes import conversions
from imaged.volumes.conversions import Wanted
from tests.imaged import qemu
from tests.imaged.volumes.arrived import MIB, SIZE, described, opened, patched, stored
from tests.imaged.volumes.converted import QCOW2, RAW, SOURCE, nothing_is_left, refusal
from tests.imaged.volumes.made import available_is, write_journal


@pytest.mark.parametrize(
    "target, format, more",
    [
        ("result.vmdk", "vmdk", {}),
        (QCOW2, "raw", {}),
        (RAW, "qcow2", {}),
        ("result.vhdx", "raw", {}),
        (RAW, "raw", {"compressed": True}),
        (RAW, "raw", {"source_format": "iso"}),
        (RAW, "raw", {"source_format": "vpc"}),
        (SOURCE, "raw", {}),
    ],
)
def test_what_makes_no_sense_is_refused(domain, original, convert, target, format, more):
    assert refusal(convert, format, target=target, **more).code == "bad-request"
    assert nothing_is_left(domain)


@pytest.mark.parametrize("target", ["../escape.img", ".hidden.img", "a.durable.img", "x" * 125 + ".img"])
def test_a_target_that_can_be_no_volume_is_refused(domain, original, convert, target):
    assert refusal(convert, "raw", target=target).code == "invalid-name"
    assert nothing_is_left(domain)


def test_a_volume_that_is_not_there_is_named(volumes, convert):
    assert refusal(convert, "raw").code == "no-volume"


def test_a_complete_volume_is_never_replaced(volumes, original, convert):
    convert("qcow2")
    before = Path(volumes.complete("iso", QCOW2).path).read_bytes()

    assert refusal(convert, "qcow2").code == "exists"
    assert Path(volumes.get("iso", QCOW2).path).read_bytes() == before


def test_what_somebody_uploads_is_never_replaced(volumes, original, convert):
    upload, _ = volumes.create("iso", RAW, MIB, "sparse")
    write_journal(upload, 0, 1000)

    assert refusal(convert, "raw").code == "exists"
    assert volumes.get("iso", RAW).durable == [[0, 1000]]


def test_another_format_than_declared_is_refused(domain, original, convert):
    refused = refusal(convert, "raw", source_format="vmdk")

    assert (refused.code, "declared to be a VMDK disk, but it looks like a VDI disk" in refused.message) == ("format-mismatch", True)
    assert nothing_is_left(domain)


def test_an_iso_is_not_converted(volumes, domain, convert):
    stored(volumes, Path("/usr/lib/ipxe/ipxe.iso"), SOURCE)

    assert refusal(convert, "raw").code == "format-mismatch"
    assert nothing_is_left(domain)


def test_a_hostile_disk_is_refused_and_none_of_the_host_is_copied(volumes, domain, vmdk, tmp_path, convert):
    (tmp_path / "secret").write_bytes(b"hunter2 " * MIB)
    described(vmdk, lambda text: text.replace("createType", f'parentFileNameHint="{tmp_path}/secret"\ncreateType'))
    stored(volumes, vmdk, SOURCE)

    assert refusal(convert, "raw").code == "backing-file"
    assert nothing_is_left(domain)


def test_even_unseen_a_parent_is_not_opened(vmdk, tmp_path):
    """What if it were not found? QEMU is told, too, that there is none."""
    (tmp_path / "secret").write_bytes(b"hunter2 " * MIB)
    qemu.qemu_img("create", "-f", "vmdk", "empty", "6M", cwd=tmp_path)
    described(tmp_path / "empty", lambda text: text.replace("createType", f'parentFileNameHint="{tmp_path}/secret"\ncreateType'))
    facts = conversions.inspection.Facts("vmdk", SIZE, MIB)

    with opened(tmp_path / "empty") as (job, file), (tmp_path / "result").open("w+b") as result:
        conversions._convert(job, file, result.fileno(), facts, Wanted(RAW, "raw"), conversions.Measure(SIZE, SIZE))

    assert not any((tmp_path / "result").read_bytes())


@pytest.mark.parametrize("kind, offset, form, value", [("vdi", 0x170, "<Q", 8 << 60), ("qcow2", 24, ">Q", 8 << 60)])
def test_a_disk_of_8_eib_is_not_begun_with(volumes, domain, kinds, tmp_path, convert, kind, offset, form, value):
    stored(volumes, patched(Path(shutil.copy(kinds / kind, tmp_path)), offset, form, value), SOURCE)

    assert refusal(convert, "raw").code == "virtual-size"
    assert nothing_is_left(domain)


def test_a_truncated_disk_is_not_begun_with(volumes, domain, kinds, tmp_path, convert):
    path = Path(shutil.copy(kinds / "vhdx", tmp_path))
    os.truncate(path, path.stat().st_size - 4 * MIB)
    stored(volumes, path, SOURCE)

    assert refusal(convert, "raw").code == "truncated"
    assert nothing_is_left(domain)


def test_without_room_nothing_is_begun_and_both_numbers_are_told(domain, original, convert, monkeypatch):
    # The original has a journal's worth of blocks less than its size: nothing is reserved for it.
    available_is(monkeypatch, 3 * MIB)

    refused = refusal(convert, "raw")

    assert (refused.code, refused.status) == ("no-space", 507)
    assert refused.details["available"] <= 3 * MIB < refused.details["needed"] <= SIZE
    assert nothing_is_left(domain)
