"""Verification from end to end, and qemu-img as the one that is not trusted."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from imaged import errors as daemon_errors
from imaged.volumes import errors, qemu, verify
from imaged.volumes.jobs import Canceled, Job

GRUB = Path("/usr/lib/grub-rescue/grub-rescue-cdrom.iso")
TIB = 1 << 40
MIB = 1 << 20


@pytest.fixture
def job():
    return Job(("key",), 0)


def check(job, path, format, sha256=None, **more):
    file = os.open(path, os.O_RDONLY)
    try:
        return verify.verify(job, file, format=format, sha256=sha256, max_virtual_size=TIB, **more)
    finally:
        os.close(file)


def code(job, path, format, sha256=None):
    with pytest.raises(errors.Rejected) as rejected:
        check(job, path, format, sha256)
    return rejected.value.code


def test_a_sound_iso_gets_its_facts_and_digest(job):
    digest = hashlib.sha256(GRUB.read_bytes()).hexdigest()

    result = check(job, GRUB, "iso", digest)

    assert result["sha256"] == digest
    assert result["label"] == "ISOIMAGE"
    assert job.done == GRUB.stat().st_size


def test_a_sound_qcow2_passes_qemu_img(job, qcow2):
    assert check(job, qcow2, "qcow2")["virtual_size"] == 64 * MIB


@pytest.mark.parametrize("digest", [True, False])
def test_digests_are_taken_in_the_same_read(job, monkeypatch, digest):
    data, read, preadv = GRUB.read_bytes(), [], os.preadv
    monkeypatch.setattr(os, "preadv", lambda *words: read.append(preadv(*words)) or read[-1])

    result = check(job, GRUB, "iso", digest=digest, digests=("md5", "sha512"))

    assert result["digests"] == {"md5": hashlib.md5(data).hexdigest(), "sha512": hashlib.sha512(data).hexdigest()}
    assert result["sha256"] == (hashlib.sha256(data).hexdigest() if digest else None)
    assert sum(read) == len(data)


def test_no_digests_are_none(job):
    assert check(job, GRUB, "iso", digest=False)["digests"] == {}


def test_an_expected_digest_counts_whatever_others_are_asked_for(job):
    with pytest.raises(errors.Rejected, match="expected"):
        check(job, GRUB, "iso", "0" * 64, digest=False, digests=("sha1",))


def test_another_digest_than_expected_is_refused(job):
    assert code(job, GRUB, "iso", "0" * 64) == "sha256-mismatch"


def test_a_qcow2_without_its_last_data_is_truncated(job, qcow2):
    os.truncate(qcow2, qcow2.stat().st_size - MIB)

    assert code(job, qcow2, "qcow2") == "truncated"


def test_a_qcow2_with_damaged_tables_is_refused(job, qcow2):
    with qcow2.open("r+b") as file:
        file.seek(0x20000)  # the first block of reference counts
        file.write(os.urandom(65536))

    assert code(job, qcow2, "qcow2") == "check-failed"


def test_a_virtual_size_that_the_tables_cannot_have_is_refused(job, qcow2):
    with qcow2.open("r+b") as file:
        file.seek(24)
        file.write((TIB // 2).to_bytes(8, "big"))

    assert code(job, qcow2, "qcow2") == "check-failed"


def test_the_descriptor_is_judged_whatever_takes_its_name_meanwhile(job, tmp_path, qcow2):
    file = os.open(qcow2, os.O_RDONLY)
    qcow2.unlink()
    qcow2.write_text("somebody else's")
    try:
        assert verify.verify(job, file, format="qcow2", sha256=None, max_virtual_size=TIB)["format"] == "qcow2"
    finally:
        os.close(file)


def test_without_qemu_img_the_package_is_named(job, qcow2, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(daemon_errors.Internal, match="qemu-utils"):
        check(job, qcow2, "qcow2")


def test_a_qemu_img_that_stalls_is_stopped(job, qcow2, tmp_path, monkeypatch):
    stalling = tmp_path / "qemu-img"
    stalling.write_text("#!/bin/sh\nexec sleep 60\n")
    stalling.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda name: str(stalling))
    monkeypatch.setattr(qemu, "WALL_SECONDS", 0.1)

    assert code(job, qcow2, "qcow2") == "check-failed"


def test_a_qemu_img_that_never_stops_talking_is_not_listened_to(job, qcow2, tmp_path, monkeypatch):
    babbling = tmp_path / "qemu-img"
    babbling.write_text("#!/bin/sh\nyes 'a damaged cluster' | head -c 50000000 >&2\nexit 1\n")
    babbling.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda name: str(babbling))

    with pytest.raises(errors.Rejected) as rejected:
        check(job, qcow2, "qcow2")

    assert len(rejected.value.message) < 1000


def test_qemu_img_runs_under_limits_and_sees_no_secrets(job, qcow2, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    ours = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(ours, True)
    spy = tmp_path / "qemu-img"
    spy.write_text(
        '#!/bin/sh\necho "memory $(ulimit -v) cpu $(ulimit -t) files $(ulimit -f) secret [$SECRET] ours $(ls /proc/$$/fd/'
        f'{ours})" >&2\nexit 1\n'
    )
    spy.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda name: str(spy))

    with pytest.raises(errors.Rejected) as rejected:
        check(job, qcow2, "qcow2")

    os.close(ours)
    assert rejected.value.message.endswith("memory 1048576 cpu 60 files 0 secret [] ours")


def test_a_canceled_job_stops_reading(job):
    job.cancel()

    with pytest.raises(Canceled):
        check(job, GRUB, "iso")


def test_canceling_stops_qemu_img(qcow2, tmp_path, monkeypatch):
    stalling = tmp_path / "qemu-img"
    stalling.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\nexec sleep 60\n")
    stalling.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda name: str(stalling))
    asked = []

    def canceled():
        asked.append(True)
        return len(asked) > 1

    file = os.open(qcow2, os.O_RDONLY)
    try:
        with pytest.raises(errors.Rejected):
            qemu.info(file, "qcow2", canceled)
    finally:
        os.close(file)


@pytest.mark.parametrize("layout", ["data", "hole", "hole data", "data hole", "data hole data", "hole data hole"])
def test_holes_are_hashed_as_the_zeros_they_are(tmp_path, layout):
    path = tmp_path / "sparse"
    expected, another = hashlib.sha256(), hashlib.sha1()
    with path.open("wb") as file:
        for part in layout.split():
            data = os.urandom(5 * MIB + 4096 + 1) if part == "data" else bytes(9 * MIB + 3)
            expected.update(data)
            another.update(data)
            if part == "data":
                file.write(data)
            else:
                file.seek(len(data), os.SEEK_CUR)
        file.truncate(file.tell())
    seen = []
    file = os.open(path, os.O_RDONLY)
    try:
        found = verify.digests_of(file, path.stat().st_size, ["sha1", "sha256"], seen.append)
    finally:
        os.close(file)

    assert found == {"sha1": another.hexdigest(), "sha256": expected.hexdigest()}
    assert seen == sorted(seen) and seen[-1] == path.stat().st_size


def test_a_file_that_shrinks_is_noticed(tmp_path):
    path = tmp_path / "shrinking"
    path.write_bytes(os.urandom(9 * MIB))
    file = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(daemon_errors.Conflict, match="changed its size"):
            verify.digests_of(file, 9 * MIB, ["sha256"], lambda done: os.truncate(path, 5 * MIB))
    finally:
        os.close(file)
