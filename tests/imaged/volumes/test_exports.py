"""Exports: a volume as the disk that its guest sees, for as long as it is wanted."""

import os
import shutil
import threading

import pytest

from imaged.volumes import errors
from imaged.volumes.exports import Exports
from imaged.volumes.jobs import Jobs
from tests.imaged.conftest import at_once
from tests.imaged.volumes.exported import MIB, NAME, RAW, code, open_, read, write


def test_the_bytes_are_the_guests_whatever_the_file_is(house, disk, tmp_path):
    export = open_(house)

    assert export.size == 64 * MIB
    assert read(export, MIB, 2 * MIB) == (tmp_path / "source.raw").read_bytes()[MIB : 3 * MIB]
    assert export.as_json() == {"id": "one", "url": f"nbd:unix:{export.socket}", "size": 64 * MIB}


def test_what_is_written_is_in_the_image_when_the_export_has_ended(house, disk, qemu_img, tmp_path):
    export = open_(house, read_only=False)
    data = os.urandom(MIB)
    write(export, 40 * MIB + 7, data)

    house.end("iso", NAME, "one")

    qemu_img("check", "-f", "qcow2", disk)
    qemu_img("convert", "-f", "qcow2", "-O", "raw", disk, tmp_path / "after.raw")
    after = (tmp_path / "after.raw").read_bytes()
    assert after[40 * MIB + 7 : 41 * MIB + 7] == data
    assert after[: 40 * MIB] == (tmp_path / "source.raw").read_bytes()[: 40 * MIB]


def test_zeros_that_come_as_data_take_no_space(house, volumes):
    volumes.create_disk("iso", NAME, 64 * MIB, "sparse", 0, "qcow2")
    before = volumes.get("iso", NAME).allocated
    write(open_(house, read_only=False), 0, bytes(8 * MIB))

    house.end("iso", NAME)

    assert volumes.get("iso", NAME).allocated < before + MIB


def test_zeros_do_not_free_what_was_allocated_beforehand(house, volumes):
    volumes.create_disk("iso", NAME, 8 * MIB, "preallocated", None, "qcow2")
    write(open_(house, read_only=False), 0, bytes(8 * MIB))

    house.end("iso", NAME)

    assert volumes.get("iso", NAME).allocated >= 8 * MIB


def test_a_raw_disk_that_looks_like_a_qcow2_is_a_raw_disk(house, domain, qcow2):
    shutil.copy(qcow2, domain.path / RAW)

    export = open_(house, name=RAW)

    assert export.size == qcow2.stat().st_size
    assert read(export, 0, 4096) == qcow2.read_bytes()[:4096]


def test_asking_again_gives_the_same_export(house, disk):
    first, new = house.open("iso", NAME, "one", read_only=False)
    second, again = house.open("iso", NAME, "one", read_only=False)

    assert (new, again) == (True, False)
    assert first is second


def test_who_may_not_write_ends_nobodys_job(volumes, disk, monkeypatch):
    canceled = []
    jobs = Jobs()
    monkeypatch.setattr(jobs, "cancel_all", lambda *key: canceled.append(key))
    house = Exports(volumes, jobs)
    open_(house, "reader", read_only=True)

    assert code(open_, house, "writer", read_only=False) == "exported"
    assert canceled == []

    house.end("iso", NAME)
    open_(house, "writer", read_only=False)
    open_(house, "writer", read_only=False)
    assert canceled == [("iso", NAME)]
    house.close()


def test_many_read_at_once(house, disk):
    one, two = open_(house, "one"), open_(house, "two")

    house.end("iso", NAME, "one")

    assert not one.alive
    assert read(two, MIB, 512) != bytes(512)


@pytest.mark.parametrize(
    ("first", "key", "second"), [(True, "two", False), (False, "two", True), (False, "two", False), (True, "one", False)]
)
def test_who_writes_is_alone(house, disk, first, key, second):
    open_(house, "one", read_only=first)

    assert code(open_, house, key, read_only=second) == "exported"


def test_a_volume_that_is_written_is_neither_verified_nor_reset(house, disk):
    open_(house, read_only=False)

    assert code(house.require_unwritten, "iso", NAME) == "exported"
    with pytest.raises(errors.Exported), house.none("iso", NAME):
        pass

    house.end("iso", NAME, "one")
    house.require_unwritten("iso", NAME)
    with house.none("iso", NAME):
        pass


def test_a_volume_that_is_read_may_be_verified_and_not_reset(house, disk):
    open_(house, read_only=True)

    house.require_unwritten("iso", NAME)
    with pytest.raises(errors.Exported), house.none("iso", NAME):
        pass


def test_ending_takes_the_process_and_the_socket_and_may_be_repeated(house, disk):
    export = open_(house)
    house.end("iso", NAME, "another")
    assert export.alive

    house.end("iso", NAME, "one")
    house.end("iso", NAME, "one")
    house.end("iso", "no-such-volume", "one")

    assert export.process.returncode == 0
    assert os.listdir(house.directory) == []


def test_ending_without_a_name_ends_all_of_the_volume(house, disk):
    both = [open_(house, "one"), open_(house, "two")]

    house.end("iso", NAME)

    assert not any(export.alive for export in both)


def test_a_reader_that_died_is_started_again(house, disk):
    first = open_(house)
    first.process.kill()
    first.process.wait()

    second, new = house.open("iso", NAME, "one", read_only=True)

    assert new and second.process.pid != first.process.pid
    assert read(second, 0, 512) == bytes(512)


def test_a_writer_that_died_is_not_started_again_behind_its_clients_back(house, disk):
    export = open_(house, read_only=False)
    export.process.kill()
    export.process.wait()

    assert code(open_, house, read_only=False) == "export-lost"
    assert code(open_, house, "two", read_only=True) == "exported"
    assert code(house.require_unwritten, "iso", NAME) == "exported"

    house.end("iso", NAME, "one")
    assert open_(house, read_only=False).alive


def test_a_writer_that_ended_in_order_lost_nothing_and_is_started_again(house, disk):
    export = open_(house, read_only=False)
    export.process.terminate()
    export.process.wait()

    assert open_(house, read_only=False).alive


def test_it_lives_on_when_the_thread_that_asked_for_it_has_ended(house, disk):
    found = []
    thread = threading.Thread(target=lambda: found.append(open_(house)))
    thread.start()
    thread.join()

    assert read(found[0], 0, 512) == bytes(512)
    assert found[0].alive


def test_many_at_the_same_time_get_one_export(house, disk):
    found = []
    at_once(lambda _: found.append(open_(house, read_only=False)), range(8))

    assert len(found) == 8 and len(set(found)) == 1


def test_closing_ends_everything(volumes, disk):
    house = Exports(volumes, Jobs())
    both = [open_(house, "one"), open_(house, "two")]

    house.close()

    assert not any(export.alive for export in both)
    assert not house.directory.exists()
