"""What has arrived is judged on the host: what is refused, and in which words."""

import gzip
import struct
import types

import pytest

from appliance.admin.pipeline import installed
from imaged.volumes import qemu
from tests.admin.house import Daemon
from tests.admin.importer import DATA, MIB, assert_refused, begin, done, file_of, image_of, settle, states, step_of, until
from tests.admin.pipeline import disks
from tests.e2e import images
from tests.transfer.sources import web_server

#: A disk of which nobody knows what is on it.
UNKNOWN = DATA
PARTITIONED = (
    bytes(446) + struct.pack("<B3sB3sII", 0x80, b"\0\2\0", 0x83, b"\xff" * 3, 2048, 2048) + bytes(48) + b"\x55\xaa" + bytes(2 * MIB)
)
ISO = bytes(0x8000) + b"\1CD001\1" + bytes(2 * MIB)


def served(server, data):
    server.files["/disk.img"] = web_server.File(data)


@pytest.mark.parametrize(
    ("make", "code", "pack"),
    [
        (images.qcow2_with_backing_file, "backing-file", bytes),
        (images.qcow2_with_data_file, "data-file", lambda data: gzip.compress(data, 1)),
    ],
    ids=["backing file", "data file, packed"],
)
def test_a_qcow2_that_needs_another_file_is_refused(house, server, tmp_path, make, code, pack):
    served(server, pack(make(tmp_path / "disk")))

    assert_refused(house, done(house, server), "validate", code)


def test_a_vmdk_that_names_a_file_of_the_host_is_refused_unseen_by_qemu(house, server, tmp_path, monkeypatch):
    (tmp_path / "secret").write_bytes(b"hunter2" * 1000)
    extent = f'RW 8 FLAT "{tmp_path / "secret"}" 0'
    served(server, f'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\n{extent}\n'.encode())
    asked = []
    monkeypatch.setattr(qemu, "shutil", types.SimpleNamespace(which=asked.append))

    transfer = done(house, server, format="raw")

    assert_refused(house, transfer, "validate", "unsafe-image")
    assert asked == [] and "hunter2" not in str(transfer)


def test_an_encrypted_disk_is_refused(house, server):
    served(server, b"LUKS\xba\xbe\0\1" + bytes(MIB))

    assert_refused(house, done(house, server), "validate", "encrypted")


def test_a_fixed_vhd_is_not_taken_for_a_plain_disk_where_nothing_is_converted(house, server):
    served(server, disks.disk("vhd-fixed"))
    house.admin.domains.arrange("data", [name for name in installed.DEFAULT if name != "convert"])

    transfer = done(house, server)

    assert_refused(house, transfer, "validate", "format-refused")
    assert "it is vhd, and nothing is converted here" in transfer.reason


class TestWithLimits:
    @pytest.fixture
    def settings(self):
        return {"max_virtual_size": disks.SIZE - 512, "import_any_content": False}

    def test_a_disk_that_is_too_large_is_refused(self, house, server):
        served(server, disks.original())

        assert_refused(house, done(house, server), "validate", "virtual-size")

    def test_what_has_nothing_in_it_is_refused(self, house, server):
        served(server, UNKNOWN)

        transfer = done(house, server)

        assert_refused(house, transfer, "validate", "no-content")
        assert "import_any_content" in transfer.reason

    def test_what_is_here_already_is_copied_whatever_is_in_it(self, house):
        house.admin.domains.ensure("more", "data", house.host, str(house.daemon.root / "more"))
        image = image_of(house, house.upload(data=UNKNOWN))

        house.admin.arrivals.copy(house.ann, image.id, ["more"], {})

        def stores():
            return house.admin.entries.get(house.ann, image.id).stores

        until(house, lambda: len(stores()) > 1, lambda: house.transfers.page(house.ann))
        assert stores() == ("data", "more")

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (PARTITIONED, "A plain disk of 2.00 MiB with an MBR partition table, which a machine can start from."),
            (disks.original()[: 2 * MIB], "A plain disk of 2.00 MiB with the file system ext."),
            (ISO, "An ISO image of 2.03 MiB."),
        ],
        ids=["partition table", "file system", "iso"],
    )
    def test_what_has_something_in_it_is_taken(self, house, server, data, says):
        served(server, data)

        transfer = done(house, server)

        assert (transfer.phase, step_of(transfer, "validate").message) == ("finished_success", says), transfer.reason


def test_what_nobody_knows_is_taken_with_a_remark(house, server):
    transfer = done(house, server)

    assert step_of(transfer, "validate").message == ("A plain disk of 2.00 MiB, without a partition table or a file system that is known.")
    assert file_of(house, transfer).read_bytes() == UNKNOWN


class TestWithAScanner:
    @pytest.fixture
    def scanner(self, tmp_path):
        """A program that is to be written."""
        return tmp_path / "scanner"

    @pytest.fixture
    def daemon(self, tmp_path, scanner):
        daemon = Daemon(tmp_path, scan_command=["/bin/sh", str(scanner)])
        yield daemon
        daemon.stop(wait=False)

    def test_what_is_clean_is_taken_with_what_the_scanner_says(self, house, server, scanner):
        scanner.write_text("wc -c")

        transfer = done(house, server)

        assert transfer.phase == "finished_success"
        assert step_of(transfer, "validate").message.endswith(f"The scanner found nothing ({len(DATA)}).")

    @pytest.mark.parametrize(
        ("script", "code", "says"),
        [
            ("echo Eicar FOUND; exit 1", "infected", "Eicar FOUND"),
            ("echo no signatures >&2; exit 2", "scan-failed", "no signatures"),
            (None, "scan-failed", "The scanner failed"),
        ],
        ids=["infected", "broken", "not there"],
    )
    def test_what_is_not_clean_is_refused(self, house, server, scanner, script, code, says):
        if script:
            scanner.write_text(script)

        transfer = done(house, server)

        assert_refused(house, transfer, "validate", code)
        assert says in transfer.reason

    def test_a_cancel_ends_a_scanner_that_hangs(self, house, server, scanner):
        scanner.write_text(f"touch {scanner}.there; exec sleep 600")
        transfer = begin(house, server)
        until(house, scanner.with_suffix(".there").exists, lambda: "the scanner")

        house.transfers.cancel(house.ann, transfer.id)

        assert settle(house, transfer, "finished_cleanup").image_id is None
        assert house.files() == []
        assert {job.state for job in house.daemon.context.jobs._jobs.values()} == {"done", "canceled"}
        assert states(settle(house, transfer, "finished_cleanup"))["register"] == "waiting"
