"""Disks of other programs that come packed, from sources that fail: unpacked and converted all the same, or nothing of them is left."""

import gzip
import hashlib

import pytest

from tests.admin.importer import assert_refused, begin, done, file_of, settle, states
from tests.admin.pipeline import disks
from tests.transfer.sources import web_server


@pytest.mark.parametrize(("broken", "ranges"), [(web_server.reset, True), (web_server.cut, False)])
def test_one_whose_source_breaks_off_goes_on(house, server, broken, ranges):
    packed = gzip.compress(disks.disk("vhdx"))
    server.files["/disk"] = web_server.File(packed, ranges=ranges)

    transfer = begin(house, server, "/disk", format="raw", checksum=hashlib.sha256(packed).hexdigest())
    looked = len(server.asked("Range"))
    server.scripts += [broken(len(packed) // 2)]
    transfer = settle(house, transfer, "finished_success", "finished_failure", "paused_system")

    assert (transfer.phase, transfer.reason) == ("finished_success", None)
    first, again = server.asked("Range")[looked:]
    assert first is None and (again or "").startswith("bytes=") and again != "bytes=0-"
    assert states(transfer) == dict.fromkeys(states(transfer), "done")
    assert disks.contents(file_of(house, transfer), "raw") == disks.original()
    assert house.files() == [file_of(house, transfer).name]


def test_one_with_another_checksum_is_refused_before_it_is_converted(house, server):
    server.files["/disk"] = web_server.File(gzip.compress(disks.disk("vmdk")))

    transfer = done(house, server, "/disk", format="raw", checksum="0" * 64)

    assert_refused(house, transfer, "verify-checksum", "wrong-checksum")
    assert (states(transfer)["validate"], states(transfer)["convert"]) == ("waiting", "waiting")


@pytest.mark.parametrize("kind", ["vmdk", "vhd"])
def test_one_that_ends_too_early_is_refused(house, server, kind):
    packed = gzip.compress(disks.disk(kind))
    server.files["/disk"] = web_server.File(packed[: len(packed) // 2])

    transfer = done(house, server, "/disk", format="qcow2")

    assert_refused(house, transfer, "decompress", "archive-truncated")
    assert states(transfer)["convert"] == "waiting"
