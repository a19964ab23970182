"""Exports: who may open a volume at once, what is refused before QEMU sees it, and that no process outlives its reason."""

import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from imaged import errors as daemon_errors
from imaged import nbd
from imaged.volumes import errors, exports, qemu
from imaged.volumes.exports import Exports
from imaged.volumes.jobs import Jobs
from tests.imaged import nbd_servers
from tests.imaged.conftest import ended, wait

MIB = 1 << 20
NAME = "11111111-2222-3333-4444-555555555555.qcow2"
RAW = "11111111-2222-3333-4444-555555555555.img"


@pytest.fixture
def house(volumes):
    house = Exports(volumes, Jobs())
    yield house
    house.close()


@pytest.fixture
def disk(domain, qcow2):
    """The sound qcow2 of a 64 MiB disk as a volume."""
    return shutil.copy(qcow2, domain.path / NAME)


def connect(export):
    return nbd.Client(str(export.socket))


def read(export, offset, count):
    client = connect(export)
    data = bytearray(count)
    client.readinto(memoryview(data), offset)
    client.close()
    return bytes(data)


def write(export, offset, data):
    client = connect(export)
    client.write(memoryview(data), offset)
    client.flush()
    client.close()


def open_(house, key="one", *, read_only=True, name=NAME):
    return house.open("iso", name, key, read_only=read_only)[0]


def code(act, *words, **more):
    with pytest.raises(daemon_errors.DaemonError) as refused:
        act(*words, **more)
    return refused.value.code


def fake(tmp_path, monkeypatch, script):
    """A qemu-nbd that is this shell script."""
    program = tmp_path / "qemu-nbd"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))


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
    threads = [threading.Thread(target=lambda: found.append(open_(house, read_only=False))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8 and len(set(found)) == 1


def test_closing_ends_everything(volumes, disk):
    house = Exports(volumes, Jobs())
    both = [open_(house, "one"), open_(house, "two")]

    house.close()

    assert not any(export.alive for export in both)
    assert not house.directory.exists()


# What is refused


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


def test_without_qemu_nbd_the_package_is_named(house, disk, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(errors.NoProgram, match=r"qemu-nbd is missing.*qemu-utils"):
        open_(house)


def test_there_is_an_end_of_exports(house, disk, monkeypatch):
    monkeypatch.setattr(exports, "MAX_EXPORTS", 1)
    open_(house)

    assert code(open_, house, "two") == "conflict"


def test_a_qemu_nbd_that_says_no_is_quoted_in_one_line(house, disk, tmp_path, monkeypatch):
    fake(tmp_path, monkeypatch, "echo \"qemu-nbd: Failed to open 'json:{}': the moon is full\" >&2; exit 1")

    with pytest.raises(errors.Rejected, match="cannot open the volume as qcow2: the moon is full"):
        open_(house)


def test_a_qemu_nbd_that_never_serves_is_ended(house, disk, tmp_path, monkeypatch):
    fake(tmp_path, monkeypatch, f"echo $$ >{tmp_path}/pid; exec sleep 600")
    monkeypatch.setattr(exports, "START", 0.5)

    with pytest.raises(daemon_errors.Internal, match="did not open the volume"):
        open_(house, read_only=False)  # read-only it may not even write its number

    assert ended(int((tmp_path / "pid").read_text()))


def test_one_that_does_not_want_to_end_is_killed(house, disk, monkeypatch):
    monkeypatch.setattr(exports, "STOP", 0.1)
    export = open_(house)
    export.process.send_signal(signal.SIGSTOP)

    house.end("iso", NAME, "one")

    assert export.process.returncode == -signal.SIGKILL
    assert os.listdir(house.directory) == []


@pytest.mark.parametrize(("read_only", "files"), [(True, "0"), (False, "unlimited")])
def test_it_runs_under_limits_and_sees_no_secrets(house, disk, tmp_path, monkeypatch, read_only, files):
    monkeypatch.setenv("SECRET", "hunter2")
    ours = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(ours, True)
    fake(
        tmp_path,
        monkeypatch,
        f'echo "memory $(ulimit -v) cpu $(ulimit -t) files $(ulimit -f) secret [$SECRET] ours $(ls /proc/$$/fd/{ours})" >&2; exit 1',
    )

    with pytest.raises(errors.Rejected) as rejected:
        open_(house, read_only=read_only)

    os.close(ours)
    memory = exports.MEMORY // 1024
    assert rejected.value.message.endswith(f"memory {memory} cpu unlimited files {files} secret [] ours")


def test_an_image_is_named_by_descriptor_with_its_format_and_without_backing_file():
    assert qemu.described(7, "qcow2", read_only=True) == (
        'json:{"driver": "qcow2", "file": {"driver": "file", "filename": "/proc/self/fd/7"}, "read-only": true, "backing": null}'
    )


def test_the_process_dies_with_a_killed_parent(tmp_path, root, domain, disk):
    """In a process of its own, whose starting thread has ended long before."""
    life = f"""
import sys, threading, time
from pathlib import Path
from imaged.volumes.domains import Domains
from imaged.volumes.exports import Exports
from imaged.volumes.jobs import Jobs
from imaged.volumes.volumes import Volumes

exports = Exports(Volumes(Domains([Path({str(root)!r})])), Jobs())
def start():
    export, _ = exports.open("iso", {NAME!r}, "one", read_only=False)
    print(export.process.pid, export.socket, flush=True)
thread = threading.Thread(target=start)
thread.start()
thread.join()
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", life], stdout=subprocess.PIPE, text=True)
    pid, socket = parent.stdout.readline().split()
    nbd.Client(socket).close()
    parent.kill()
    parent.wait()
    parent.stdout.close()

    wait(lambda: ended(int(pid)))
