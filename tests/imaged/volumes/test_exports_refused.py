"""Exports: images that are not opened, and why."""

import os

import pytest

from imaged.volumes import errors, exports
from tests.imaged import nbd_servers
from tests.imaged.volumes.exported import MIB, NAME, code, open_


def test_an_image_with_a_backing_file_is_not_opened(house, domain, qemu_img, qcow2):
    qemu_img("create", "-f", "qcow2", "-b", qcow2, "-F", "qcow2", domain.path / NAME)

    assert code(open_, house) == "backing-file"


def test_an_image_with_a_data_file_is_not_opened(house, domain, qemu_img, tmp_path):
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={tmp_path}/data", domain.path / NAME, "1M")

    assert code(open_, house) == "data-file"


def test_an_empty_file_is_not_opened(house, domain):
    (domain.path / NAME).touch()

    assert code(open_, house) == "empty"


def test_something_else_under_a_qcow2s_name_is_not_opened(house, domain):
    (domain.path / NAME).write_bytes(os.urandom(MIB))

    assert code(open_, house) == "format-mismatch"


def test_a_truncated_image_is_not_opened(house, disk):
    os.truncate(disk, 70000)

    assert code(open_, house) == "truncated"


def test_an_image_that_is_marked_corrupt_is_not_written(house, disk):
    with open(disk, "r+b") as file:
        file.seek(72)  # incompatible features, bit 1
        file.write((2).to_bytes(8, "big"))

    with pytest.raises(errors.Rejected, match="corrupt") as refused:
        open_(house, read_only=False)
    assert refused.value.code == "check-failed"


def test_an_image_that_another_program_has_open_is_in_use(house, disk):
    with nbd_servers.qemu_nbd(house.directory, disk, form="qcow2"):
        assert code(open_, house, read_only=False) == "exported"


@pytest.mark.parametrize("key", ["", "a/b", "../one", "-x", "a" * 129, "a b", "ü"])
def test_an_id_that_is_no_name_is_refused(house, disk, key):
    assert code(open_, house, key) == "invalid-name"


def test_what_is_not_there_cannot_be_opened(house, domain):
    assert code(open_, house) == "no-volume"
    assert code(house.open, "none", NAME, "one", read_only=True) == "no-domain"


def test_a_link_is_not_followed(house, domain, qcow2):
    (domain.path / NAME).symlink_to(qcow2)

    assert code(open_, house) == "not-a-file"


def test_there_is_an_end_of_exports(house, disk, monkeypatch):
    monkeypatch.setattr(exports, "MAX_EXPORTS", 1)
    open_(house)

    assert code(open_, house, "two") == "conflict"
