"""Imports of disks that are to be another file: converted on the host, verified, and the original gone only then."""

import hashlib

import pytest

from appliance.admin.pipeline import arrival
from tests.admin.importer import done, file_of, image_of, states, step_of
from tests.admin.pipeline import disks
from tests.transfer.sources import web_server

#: The host's own tests have all pairs.
PAIRS = [*((kind, "qcow2") for kind in disks.FORMATS if kind != "qcow2"), *((kind, "raw") for kind in ("qcow2", "vmdk", "vhd-fixed"))]


@pytest.mark.parametrize(("kind", "format"), PAIRS)
def test_a_disk_of_any_format_becomes_what_is_wanted(house, server, kind, format):
    server.files["/disk"] = web_server.File(disks.disk(kind))

    transfer = done(house, server, "/disk", format=format)

    assert (transfer.phase, transfer.reason) == ("finished_success", None)
    assert (transfer.format, image_of(house, transfer).format, image_of(house, transfer).virtual_size) == (format, format, disks.SIZE)
    assert disks.contents(file_of(house, transfer), format) == disks.original()
    assert house.files() == [file_of(house, transfer).name]
    assert (states(transfer)["convert"], states(transfer)["register"]) == ("done", "done")


def test_a_qcow2_is_compressed_where_that_is_wanted(house, server):
    server.files["/disk"] = web_server.File(disks.disk("qcow2"))

    transfer = done(house, server, "/disk", compressed=True)

    assert (transfer.phase, image_of(house, transfer).format) == ("finished_success", "qcow2")
    assert file_of(house, transfer).stat().st_size < len(disks.disk("qcow2")) * 0.8
    assert disks.contents(file_of(house, transfer), "qcow2") == disks.original()
    assert house.files() == [file_of(house, transfer).name]


def test_what_is_told_of_a_converted_image_is_the_new_files(house, server):
    server.files["/disk"] = web_server.File(disks.disk("vdi"))

    transfer = done(house, server, "/disk", checksum=hashlib.sha256(disks.disk("vdi")).hexdigest(), digests=("md5",))

    image, stored = image_of(house, transfer), file_of(house, transfer).read_bytes()
    assert (image.sha256, image.size, image.format) == (hashlib.sha256(stored).hexdigest(), len(stored), "qcow2")
    assert house.admin.entries.get(house.ann, transfer.image_id).md5 == hashlib.md5(stored).hexdigest()
    assert states(transfer)["verify-checksum"] == "done"
    assert [step_of(transfer, name).message for name in ("validate", "convert")] == [
        "A VDI disk of 8.00 MiB with the file system ext.",
        "From vdi to qcow2.",
    ]


def test_it_says_that_the_new_file_is_verified(house, server, monkeypatch):
    server.files["/disk"] = web_server.File(disks.original())
    said, judge = [], arrival.Arrival._judge

    def judged(self, volume):
        (running,) = house.transfers.page(house.root).items
        said.append((step_of(running, "convert").status, step_of(running, "convert").message))
        judge(self, volume)

    monkeypatch.setattr(arrival.Arrival, "_judge", judged)

    transfer = done(house, server, "/disk", format="qcow2")

    assert said == [("running", "The new file is verified.")]
    assert step_of(transfer, "convert").message == "From raw to qcow2."
