"""Conversions: the same disk afterwards, whatever it was, and the original stays."""

import os
from pathlib import Path

import pytest

from imaged.volumes import volume
from imaged.volumes.jobs import Job
from tests.imaged import qemu
from tests.imaged.volumes.arrived import KINDS, MIB, SIZE, stored
from tests.imaged.volumes.converted import QCOW2, RAW, SOURCE, refusal
from tests.imaged.volumes.made import available_is, spans


@pytest.mark.parametrize("format, compressed", [("raw", False), ("qcow2", False), ("qcow2", True)])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_disk_is_the_same_disk_afterwards(volumes, kinds, convert, kind, format, compressed):
    stored(volumes, kinds / kind, SOURCE)
    job = Job(("key",), 0)

    result = convert(format, job, compressed=compressed, source_format=KINDS[kind][0])

    made = volumes.get("iso", result["target"])
    assert qemu.same(kinds / kind, made.path, (KINDS[kind][1], format))
    assert result == {
        "target": made.name,
        "format": format,
        "compressed": compressed,
        "virtual_size": made.virtual_size,
        "size": os.stat(made.path).st_size,
        "allocated": made.allocated,
        "source_format": KINDS[kind][0],
    }
    assert job.done == job.total == made.virtual_size >= SIZE


def test_the_original_stays_as_it_is(volumes, kinds, original, convert):
    convert("raw")

    volume = volumes.get("iso", original)
    assert (volume.state, Path(volume.path).read_bytes()) == ("partial", (kinds / "vdi").read_bytes())


@pytest.mark.parametrize("format", ["raw", "qcow2"])
def test_the_result_counts_as_arrived_and_is_completed_like_any_other(volumes, domain, original, convert, format):
    name = convert(format)["target"]

    made = volumes.get("iso", name)
    assert (made.state, made.durable, spans(made.path, made.size)) == ("partial", [[0, made.size]], [[0, made.size]])
    assert os.stat(made.path).st_mode & 0o777 == 0o600
    assert volumes.complete("iso", name).state == "complete"
    assert sorted(os.listdir(domain.path)) == sorted([".image-domain", f".partial-{SOURCE}", name])


def test_compressed_is_smaller(volumes, tmp_path, convert):
    (tmp_path / "source").write_bytes(b"the same again " * (2 * MIB // 15))
    stored(volumes, tmp_path / "source", SOURCE)

    assert convert("qcow2", compressed=True)["size"] < MIB < convert("qcow2", target="plain.qcow2")["size"]


def test_a_raw_disk_of_odd_length_is_filled_up(volumes, tmp_path, convert):
    (tmp_path / "source").write_bytes(os.urandom(100_001))
    stored(volumes, tmp_path / "source", SOURCE)

    assert convert("qcow2")["virtual_size"] == 100_352
    assert qemu.same(tmp_path / "source", volumes.get("iso", QCOW2).path, ("raw", "qcow2"))


@pytest.mark.parametrize("driver", ["vmdk", "vpc", "vhdx"])
def test_a_sparse_disk_needs_the_space_of_its_data_alone(volumes, tmp_path, convert, qemu_img, monkeypatch, driver):
    qemu_img("create", "-f", driver, *(["-o", "force_size=on"] if driver == "vpc" else []), "disk", "2G")
    stored(volumes, tmp_path / "disk", SOURCE)
    available_is(monkeypatch, 40 * MIB)

    made = convert("raw")

    assert (made["size"], made["allocated"] < MIB) == (2 << 30, True)


@pytest.mark.parametrize("again", ["the same", "another"])
def test_asking_again_begins_anew(volumes, kinds, original, convert, again):
    convert("qcow2")
    if again == "another":
        stored(volumes, kinds / "streamOptimized", "other")

    convert("qcow2", name=original if again == "the same" else "other", compressed=True)

    assert qemu.same(kinds / "source", volumes.get("iso", QCOW2).path, ("raw", "qcow2"))
    assert volumes.complete("iso", QCOW2).state == "complete"


def test_without_direct_access_the_page_cache_is_used(volumes, kinds, original, convert, monkeypatch):
    real = os.open

    def no_direct(path, flags, *more, **words):
        if flags & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return real(path, flags, *more, **words)

    monkeypatch.setattr(os, "open", no_direct)
    convert("raw")

    assert qemu.same(kinds / "vdi", volumes.get("iso", RAW).path, ("vdi", "raw"))


@pytest.mark.parametrize("suffix", ["vmdk", "vdi", "vhd", "vhdx"])
def test_a_foreign_disk_is_a_volume_that_is_only_converted(volumes, kinds, convert, suffix):
    kind = {"vmdk": "streamOptimized"}.get(suffix, suffix)
    name = stored(volumes, kinds / kind, f"disk.{suffix}")
    found = volumes.get("iso", name)

    assert (found.format, found.virtual_size, volume.disk_format(name)) == (suffix, None, suffix)
    assert refusal(volumes.complete, "iso", name).code == "conflict"
    assert refusal(volumes.create_disk, "iso", f"empty.{suffix}", MIB, "sparse", None, suffix).code == "bad-request"
    assert convert("qcow2", name=name)["source_format"] == suffix


def test_a_foreign_disk_is_not_opened_as_one(volumes, house, kinds):
    name = stored(volumes, kinds / "vdi", "disk.vdi")

    assert refusal(house.open, "iso", name, "transfer", read_only=True).code == "format-mismatch"
