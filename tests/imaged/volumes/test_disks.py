"""Empty disks that are ready at once, and complete volumes that another file is uploaded into."""

import os
import shutil
import signal
import stat
import subprocess
import sys

import pytest

from imaged import journal
from imaged.volumes import errors, formats, qemu
from imaged.volumes.files import MAX_SIZE
from tests.imaged.conftest import at_once, ended, wait
from tests.imaged.volumes.exported import code

RAW, QCOW2 = "disk.img", "disk.qcow2"
MIB, TIB = 1 << 20, 1 << 40


def make(volumes, name=RAW, size=MIB, allocation="sparse", initial_size=0, format=None):
    return volumes.create_disk("iso", name, size, allocation, initial_size, format or name.rpartition(".")[2].replace("img", "raw"))


def write_journal(path, start, end):
    durability = journal.open_for(str(path), end)
    durability.finish(durability.begin(start, end), end)
    durability.flush(lambda: None)
    return durability


@pytest.mark.parametrize(("name", "format"), [(RAW, "raw"), (QCOW2, "qcow2"), ("disc.iso", "raw")])
def test_an_empty_disk_is_complete_at_once_and_takes_no_space(volumes, domain, name, format):
    volume, new = make(volumes, name, TIB, format=format)

    assert new
    assert (volume.state, volume.format, volume.virtual_size) == ("complete", format, TIB)
    assert volume.allocated < MIB
    assert sorted(os.listdir(domain.path)) == [".image-domain", name]
    assert stat.S_IMODE(os.stat(volume.path).st_mode) == 0o600


@pytest.mark.parametrize("name", [RAW, QCOW2])
def test_a_preallocated_disk_has_its_space(volumes, name):
    assert make(volumes, name, 8 * MIB, "preallocated", None)[0].allocated >= 8 * MIB


def test_an_empty_qcow2_is_sound_and_of_the_new_kind(volumes, qemu_img):
    volume, _ = make(volumes, QCOW2, 10 * MIB)

    qemu_img("check", "-f", "qcow2", volume.path)
    file = os.open(volume.path, os.O_RDONLY)
    assert formats.inspect(file, "qcow2", TIB).virtual_size == 10 * MIB
    assert os.pread(file, 4, 4) == b"\0\0\0\3"  # version 3: compat=1.1
    os.close(file)


def test_a_qcow2s_size_is_rounded_up_to_sectors(volumes):
    assert make(volumes, QCOW2, 1000)[0].virtual_size == 1024
    assert make(volumes, QCOW2, 1000)[1] is False


@pytest.mark.parametrize("name", [RAW, QCOW2])
def test_asking_again_keeps_the_disk_and_what_is_in_it(volumes, name):
    volume, _ = make(volumes, name, MIB)
    with open(volume.path, "r+b") as file:
        file.seek(300_000)
        file.write(b"written")
    before = open(volume.path, "rb").read()

    again, new = make(volumes, name, MIB)

    assert not new
    assert open(again.path, "rb").read() == before


@pytest.mark.parametrize("name", [RAW, QCOW2])
def test_a_disk_of_another_size_is_in_the_way(volumes, name):
    make(volumes, name, MIB)

    assert code(make, volumes, name, 2 * MIB) == "exists"


@pytest.mark.parametrize("name", [RAW, QCOW2])
def test_an_upload_that_goes_on_is_in_the_way(volumes, name):
    partial = volumes.create("iso", name, MIB, "sparse")[0]
    write_journal(partial.path, 0, 10)

    assert code(make, volumes, name, MIB) == "exists"
    assert volumes.get("iso", name).durable == [[0, 10]]


@pytest.mark.parametrize("name", [RAW, QCOW2])
@pytest.mark.parametrize("left", [b"", b"half of something"])
def test_what_a_crash_left_is_made_anew(volumes, domain, name, left):
    (domain.path / f".partial-{name}").write_bytes(left)

    volume, new = make(volumes, name, MIB)

    assert new and volume.virtual_size == MIB
    assert sorted(os.listdir(domain.path)) == [".image-domain", name]
    if name == RAW:
        assert open(volume.path, "rb").read() == bytes(MIB)


def test_many_that_ask_at_once_get_one_disk(volumes):
    found = []
    at_once(lambda _: found.append(make(volumes, QCOW2, 8 * MIB, "preallocated", None)), range(8))

    assert sorted(new for _, new in found) == [False] * 7 + [True]
    assert len({volume.path for volume, _ in found}) == 1


@pytest.mark.parametrize("size", [0, -1, MAX_SIZE + 1, 1 << 64])
@pytest.mark.parametrize("name", [RAW, QCOW2])
def test_a_size_that_no_disk_can_have_is_refused(volumes, name, size):
    assert code(make, volumes, name, size) == "bad-request"


def test_a_qcow2_that_qemu_cannot_make_is_refused_and_leaves_nothing(volumes, domain):
    assert code(make, volumes, QCOW2, (2 << 50) + 1) == "virtual-size"
    assert os.listdir(domain.path) == [".image-domain"]


@pytest.mark.parametrize(("name", "format"), [(RAW, "qcow2"), (QCOW2, "raw"), (RAW, "vmdk"), (RAW, "iso"), (RAW, "")])
def test_a_format_that_the_name_does_not_say_is_refused(volumes, domain, name, format):
    assert code(volumes.create_disk, "iso", name, MIB, "sparse", 0, format) == "bad-request"
    assert os.listdir(domain.path) == [".image-domain"]


@pytest.mark.parametrize("name", [RAW, QCOW2])
@pytest.mark.parametrize(("allocation", "initial_size"), [("preallocated", None), ("sparse", None), ("sparse", 1 << 61)])
def test_a_disk_that_needs_more_than_there_is_is_refused(volumes, domain, name, allocation, initial_size):
    assert code(make, volumes, name, 1 << 61, allocation, initial_size) == "no-space"
    assert os.listdir(domain.path) == [".image-domain"]


def test_space_that_ends_while_the_disk_is_made_is_said_and_nothing_is_left(volumes, domain, monkeypatch):
    def create(file, size, preallocated):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(qemu, "create", create)

    assert code(make, volumes, QCOW2) == "no-space"
    assert os.listdir(domain.path) == [".image-domain"]


def test_qemu_imgs_no_is_told_apart(tmp_path, monkeypatch):
    program = tmp_path / "qemu-img"
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    file = os.open(tmp_path / "disk", os.O_RDWR | os.O_CREAT)

    def saying(text):
        program.write_text(f'#!/bin/sh\necho "qemu-img: disk: {text}" >&2\nexit 1\n')
        program.chmod(0o700)

    saying("Could not resize image: No space left on device")
    with pytest.raises(OSError, match="No space"):
        qemu.create(file, MIB, False)
    saying("something new")
    with pytest.raises(errors.Rejected, match="something new") as refused:
        qemu.create(file, MIB, False)
    os.close(file)
    assert refused.value.code == "check-failed"


def test_without_qemu_img_no_qcow2_is_made_and_the_package_is_named(volumes, domain, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(errors.NoProgram, match="qemu-utils"):
        make(volumes, QCOW2)
    assert os.listdir(domain.path) == [".image-domain"]


def test_a_kill_while_a_disk_is_made_leaves_nothing_that_counts(volumes, domain, root, tmp_path):
    """qemu-img hangs in the middle of it, the process is killed, and the next one makes the disk."""
    program = tmp_path / "bin"
    program.mkdir()
    script = f"echo half >>{domain.path}/.partial-{QCOW2}\necho $$ >{tmp_path}/new\nmv {tmp_path}/new {tmp_path}/pid\nexec sleep 600"
    (program / "qemu-img").write_text(f"#!/bin/sh\n{script}\n")
    (program / "qemu-img").chmod(0o700)
    life = (
        f"from pathlib import Path; from imaged.volumes.domains import Domains; from imaged.volumes.volumes import Volumes; "
        f"Volumes(Domains([Path({str(root)!r})])).create_disk('iso', {QCOW2!r}, {MIB}, 'sparse', 0, 'qcow2')"
    )
    process = subprocess.Popen([sys.executable, "-c", life], env={**os.environ, "PATH": f"{program}:{os.environ['PATH']}"})
    wait((tmp_path / "pid").exists)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert sorted(os.listdir(domain.path)) == [".image-domain", f".partial-{QCOW2}"]
    wait(lambda: ended(int((tmp_path / "pid").read_text())))

    assert make(volumes, QCOW2)[1] is True
    assert sorted(os.listdir(domain.path)) == [".image-domain", QCOW2]


# Volumes' formats


def test_the_format_is_what_the_name_says_whatever_a_guest_wrote(volumes, domain, qcow2):
    shutil.copy(qcow2, domain.path / RAW)

    volume = volumes.get("iso", RAW)

    assert (volume.format, volume.virtual_size) == ("raw", qcow2.stat().st_size)


@pytest.mark.parametrize("content", [b"", b"QFI\xfb", os.urandom(MIB)])
def test_a_qcow2_without_a_header_has_no_virtual_size(volumes, domain, content):
    (domain.path / QCOW2).write_bytes(content)

    assert volumes.get("iso", QCOW2).virtual_size is None


# Another file in its place


def test_reset_drops_every_byte_and_the_journal(volumes, domain):
    path = domain.path / QCOW2
    path.write_bytes(os.urandom(2 * MIB))
    write_journal(path, 0, MIB)

    volume = volumes.reset("iso", QCOW2, 0)

    assert (volume.size, volume.allocated, volume.state) == (0, 0, "complete")
    assert sorted(os.listdir(domain.path)) == [".image-domain", QCOW2]


def test_reset_may_leave_zeros_of_a_size_and_be_repeated(volumes, domain):
    (domain.path / RAW).write_bytes(os.urandom(2 * MIB))

    for _ in range(2):
        volume = volumes.reset("iso", RAW, MIB)

    assert (volume.size, volume.allocated) == (MIB, 0)
    assert (domain.path / RAW).read_bytes() == bytes(MIB)


def test_a_journal_that_was_open_does_not_speak_for_what_was_reset(volumes, domain):
    path = domain.path / RAW
    path.write_bytes(bytes(MIB))
    before = write_journal(path, 0, MIB)

    volumes.reset("iso", RAW, MIB)

    assert not before.current
    assert journal.open_for(str(path), MIB).durable.as_lists() == []


@pytest.mark.parametrize("size", [-1, MAX_SIZE + 1])
def test_reset_to_no_size_is_refused(volumes, size):
    make(volumes)

    assert code(volumes.reset, "iso", RAW, size) == "bad-request"


def test_a_volume_that_is_being_filled_is_not_reset(volumes):
    partial = volumes.create("iso", RAW, MIB, "sparse")[0]
    write_journal(partial.path, 0, 10)

    assert code(volumes.reset, "iso", RAW, 0) == "conflict"
    assert volumes.get("iso", RAW).durable == [[0, 10]]


def test_what_is_not_there_is_not_reset(volumes):
    assert code(volumes.reset, "iso", RAW, 0) == "no-volume"


def test_completing_a_complete_volume_forgets_the_journal_of_writing_in_its_place(volumes, domain):
    make(volumes)
    write_journal(domain.path / RAW, 0, 10)

    assert volumes.complete("iso", RAW).durable == [[0, MIB]]
    assert sorted(os.listdir(domain.path)) == [".image-domain", RAW]


def test_deleting_takes_that_journal_too(volumes, domain):
    make(volumes)
    write_journal(domain.path / RAW, 0, 10)

    volumes.delete("iso", RAW)

    assert os.listdir(domain.path) == [".image-domain"]
