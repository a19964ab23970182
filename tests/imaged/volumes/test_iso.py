"""What an ISO says of itself: made by pycdlib as well as it can be, and then spoiled."""

import io
import os
import struct

import pycdlib
import pytest

from imaged.volumes import errors, formats, iso
from tests.imaged.volumes.arrived import MIB, opened, patched

SECTOR = 2048
BIOS, EFI = 0, 0xEF
#: Where descriptors stand that begin with these sectors, and their parts.
PRIMARY, LABEL, NEEDED, ROOT = 16 * SECTOR, 40, 80, 156


@pytest.fixture
def make(tmp_path):
    """`make(entry, …, label="DISC")`: an ISO whose boot catalog has an entry for each (platform, is it bootable)."""

    def make(*entries, label="DISC"):
        disc = pycdlib.PyCdlib()
        disc.new(vol_ident=label, joliet=3)
        disc.add_directory("/SUB", joliet_path="/sub")
        for number, (platform, bootable) in enumerate(entries):
            name = f"/BOOT{number}.;1"
            disc.add_fp(io.BytesIO(b"boot"), 4, name, joliet_path=f"/boot{number}")
            disc.add_eltorito(
                name, "/BOOT.CAT;1", joliet_bootcatfile="/boot.cat", bootable=bootable, platform_id=platform, efi=platform == EFI
            )
        path = tmp_path / "disc.iso"
        disc.write(str(path))
        disc.close()
        # Sectors that are no part of the disc, as those of a hybrid's partitions are.
        os.truncate(path, max(MIB, path.stat().st_size))
        return path

    return make


def read(path):
    with opened(path) as (_, file):
        return iso.read(file)


def sector_of(path, beginning):
    """The byte at which the descriptor stands that begins so."""
    return next(place for place in range(PRIMARY, MIB, SECTOR) if path.read_bytes()[place:].startswith(beginning))


def catalog_of(path):
    (number,) = struct.unpack_from("<I", path.read_bytes(), sector_of(path, b"\0CD001") + 71)
    return number * SECTOR


def joliet(path, label):
    return patched(path, sector_of(path, b"\2CD001") + LABEL, "32s", label.encode("utf-16-be").ljust(32, b"\0"))


def partitioned(path):
    return patched(path, 446, "<B3sB3sII48xH", 0x80, b"\0\2\0", 0x17, b"\xff" * 3, 0, 100, 0xAA55)


def test_the_label_is_the_primary_descriptors(make):
    assert read(joliet(make(label="DEBIAN_12"), "Debian 12")).label == "DEBIAN_12"


def test_letters_that_it_cannot_write_are_joliets(make):
    assert read(joliet(make(label="F__E"), "Füße \u202e")).label == "Füße"


def test_without_any_label_there_is_none(make):
    assert read(make(label="")).label is None


@pytest.mark.parametrize(
    "entries, boots",
    [
        ([], False),
        ([(BIOS, True)], True),
        ([(EFI, True)], True),
        ([(BIOS, False)], False),
        ([(BIOS, False), (EFI, True)], True),
        ([(BIOS, True), (EFI, True)], True),
        ([(BIOS, False), (EFI, False)], False),
    ],
)
def test_it_boots_by_any_entry_for_bios_or_efi(make, entries, boots):
    assert read(make(*entries)).bootable is boots


def test_a_hybrid_boots_by_its_partitions(make):
    assert read(partitioned(make())).bootable is True


def test_whether_a_damaged_catalog_boots_is_unknown(make):
    path = make((BIOS, True))

    assert read(patched(path, catalog_of(path) + 4, "24s", b"another checksum")).bootable is None
    assert read(partitioned(path)).bootable is True


def test_damage_behind_an_entry_that_boots_is_no_matter(make):
    path = make((BIOS, True), (EFI, True))

    assert read(patched(path, catalog_of(path) + 64, "64s", b"\x44" * 64)).bootable is True


def test_a_catalog_that_never_ends_is_read_for_one_sector(make):
    path = make((BIOS, False))
    entry = path.read_bytes()[catalog_of(path) + 32 : catalog_of(path) + 64]

    assert read(patched(path, catalog_of(path) + 64, "2112s", (b"\x88" + entry[1:]) * 66)).bootable is True


def test_an_iso_whose_label_cannot_be_read_is_one_nevertheless(make):
    path = patched(make((EFI, True)), PRIMARY + NEEDED, "<II", 400, 400)  # the second should be big-endian

    with opened(path) as (_, file):
        facts = formats.inspect(file, "iso", MIB)

    assert facts == formats.Facts("iso", MIB, MIB, bootable=True, label="DISC")  # Joliet's


def test_an_iso_that_is_cut_off_is_refused_whatever_else_is_wrong_with_it(make):
    path = patched(make(), PRIMARY + NEEDED, "<II", MIB // SECTOR + 151, 0)

    with opened(path) as (_, file), pytest.raises(errors.Rejected) as refused:
        formats.inspect(file, "iso", MIB)

    assert refused.value.code == "truncated"


def ring(path):
    """The root directory's child SUB is the root directory."""
    root = path.read_bytes()[PRIMARY + ROOT + 2 : PRIMARY + ROOT + 18]
    (number,) = struct.unpack_from("<I", root)
    child = path.read_bytes().index(b"\3SUB", number * SECTOR) - 32
    patched(path, child + 2, "16s", root)


def vast(path):
    patched(path, PRIMARY + ROOT + 2, "<I", 0xFFFFFFF0)
    patched(path, PRIMARY + ROOT + 10, "<I", 0xFFFFFFFF)


def cut_in_the_directory(path):
    (number,) = struct.unpack_from("<I", path.read_bytes(), PRIMARY + ROOT + 2)
    os.truncate(path, number * SECTOR + 40)


def noise(path):
    patched(path, PRIMARY + 6, "2042s", b"\xff" * 2042)


def many(path):
    path.write_bytes(bytes(PRIMARY) + (b"\0CD001\1EL TORITO SPECIFICATION".ljust(SECTOR, b"\0") + b"\1CD001".ljust(SECTOR, b"\xff")) * 500)


@pytest.mark.parametrize("spoil", [ring, vast, cut_in_the_directory, noise, many])
def test_one_that_means_harm_costs_a_few_reads(make, monkeypatch, spoil):
    path, count, pread = make((BIOS, True)), [], os.pread
    spoil(path)

    with opened(path) as (_, file), monkeypatch.context() as patch:
        patch.setattr(os, "pread", lambda *words: count.append(words[1]) or pread(*words))
        found = iso.read(file)

    assert found.bootable in (True, False, None) and found.label in ("DISC", None)
    assert sum(count) < MIB
