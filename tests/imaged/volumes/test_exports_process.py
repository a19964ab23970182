"""Exports: the qemu-nbd of each, which may be missing, refuse, hang, and must not outlive us."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from imaged import errors as daemon_errors
from imaged import nbd
from imaged.volumes import errors, exports, qemu
from tests.imaged.conftest import ended, wait
from tests.imaged.volumes.exported import NAME, fake, open_


def test_without_qemu_nbd_the_package_is_named(house, disk, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(errors.NoProgram, match=r"qemu-nbd is missing.*qemu-utils"):
        open_(house)


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
