"""Imports of disks that are to be another file: converted on the host, verified, and the original gone only then."""

import pytest

from tests.admin.importer import done
from tests.admin.pipeline import disks
from tests.transfer.sources import web_server


def states(transfer):
    return {step.name: step.status for step in transfer.imported.steps}


def message(transfer, name):
    return next(step.message for step in transfer.imported.steps if step.name == name)


def image_of(house, transfer):
    return house.admin.images.get(transfer.image_id)


def file_of(house, transfer):
    image = image_of(house, transfer)
    assert image.status == "ok", image.reason
    return house.daemon.root / "data" / image.path.rpartition("/")[2]


@pytest.mark.parametrize("format", ["raw", "qcow2"])
@pytest.mark.parametrize("kind", disks.FORMATS)
def test_a_disk_of_any_format_becomes_what_is_wanted(house, server, kind, format):
    server.files["/disk"] = web_server.File(disks.disk(kind))

    transfer = done(house, server, "/disk", format=format)

    assert (transfer.phase, transfer.reason) == ("finished_success", None)
    assert (transfer.format, image_of(house, transfer).format, image_of(house, transfer).virtual_size) == (format, format, disks.SIZE)
    assert disks.contents(file_of(house, transfer), format) == disks.original()
    assert house.files() == [file_of(house, transfer).name]
    assert states(transfer)["convert"] == ("skipped" if kind == format else "done")
    assert states(transfer)["register"] == "done"
