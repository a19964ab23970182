"""Conversions: the qemu-img of each, one end for each thing that can go wrong on the way, and what a crash leaves."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from imaged.volumes import conversions, errors, files
from imaged.volumes.conversions import Conversions, Wanted
from imaged.volumes.jobs import Canceled, Job
from tests.imaged import qemu
from tests.imaged.conftest import ended, wait
from tests.imaged.volumes.arrived import MIB, SIZE, qemu_img_that
from tests.imaged.volumes.converted import QCOW2, RAW, SOURCE, nothing_is_left, refusal

#: A conversion that tells its number, says that it is half done, and then does nothing more.
STALLS = 'printf "    (50.00/100%%)\\r"; echo $$ > {directory}/pid.new; mv {directory}/pid.new {directory}/pid; exec sleep 600'


@pytest.fixture
def stalls(tmp_path, monkeypatch):
    """qemu-img stops half way; `stalls()` is the number of its process, as soon as there is one."""
    qemu_img_that(tmp_path, monkeypatch, STALLS.format(directory=tmp_path))

    def process():
        wait((tmp_path / "pid").exists)
        return int((tmp_path / "pid").read_text())

    return process


def test_while_it_runs_its_space_is_reserved(volumes, domain, original, convert, stalls):
    job = Job(("key",), 0)
    before = volumes.space(domain).reserved
    running = threading.Thread(target=lambda: refusal_of_cancel(convert, job))
    running.start()
    stalls()

    assert volumes.space(domain).reserved >= before + 3 * MIB
    assert refusal(volumes.complete, "iso", QCOW2).code == "conflict"

    job.cancel()
    running.join()
    assert volumes.space(domain).reserved == before


def refusal_of_cancel(convert, job):
    with pytest.raises(Canceled):
        convert("qcow2", job)


def test_canceling_kills_it_at_once_and_leaves_nothing(domain, original, convert, stalls):
    job = Job(("key",), 0)
    running = threading.Thread(target=lambda: refusal_of_cancel(convert, job))
    running.start()
    process = stalls()
    wait(lambda: job.done == SIZE // 2)
    assert job.step == "convert"

    job.cancel()
    running.join(30)

    assert ended(process) and not running.is_alive()
    assert nothing_is_left(domain)


def test_a_storage_that_fills_up_is_told(domain, original, convert, tmp_path, monkeypatch):
    qemu_img_that(tmp_path, monkeypatch, 'echo "qemu-img: error while writing at byte 8: No space left on device" >&2; exit 1')

    refused = refusal(convert, "raw")

    assert refused.code == "no-space"
    assert set(refused.details) == {"available", "needed"}
    assert nothing_is_left(domain)


def test_what_takes_too_long_is_stopped(domain, original, convert, stalls, monkeypatch):
    monkeypatch.setattr(conversions, "SECONDS", 0.5)
    monkeypatch.setattr(conversions, "RATE", 1 << 60)

    assert refusal(convert, "raw").code == "convert-timeout"
    assert nothing_is_left(domain)


def test_what_takes_too_much_of_the_processor_is_stopped(domain, original, convert, tmp_path, monkeypatch):
    qemu_img_that(tmp_path, monkeypatch, "kill -XCPU $$")

    refused = refusal(convert, "raw")

    assert refused.code == "convert-timeout" and "processor" in refused.message
    assert nothing_is_left(domain)


def test_what_qemu_img_complains_of_is_told_without_paths(domain, original, convert, tmp_path, monkeypatch):
    qemu_img_that(tmp_path, monkeypatch, "echo \"qemu-img: Could not open '$8': Image is odd\" >&2; exit 1")

    refused = refusal(convert, "raw")

    assert (refused.code, refused.message) == ("convert-failed", "qemu-img could not convert the image: Image is odd")
    assert nothing_is_left(domain)


@pytest.mark.parametrize("script", ["exit 1", "kill -SEGV $$", "echo '(101/100%)(x/100%)'; exit 3"])
def test_a_qemu_img_that_dies_is_an_error_like_any_other(domain, original, convert, tmp_path, monkeypatch, script):
    qemu_img_that(tmp_path, monkeypatch, script)

    assert refusal(convert, "raw").code == "convert-failed"
    assert nothing_is_left(domain)


def test_it_runs_under_limits(original, convert, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    qemu_img_that(
        tmp_path, monkeypatch, 'echo "memory $(ulimit -v) files $(ulimit -n) core $(ulimit -c) nice $(nice) secret [$SECRET]" >&2; exit 1'
    )

    assert refusal(convert, "raw").message.endswith("memory 2097152 files 64 core 0 nice 10 secret []")


def test_a_target_that_is_deleted_meanwhile_is_not_made_again(volumes, domain, original, convert, stalls, tmp_path):
    outcome = []
    running = threading.Thread(target=lambda: outcome.append(refusal(convert, "qcow2").code))
    running.start()
    process = stalls()

    volumes.delete("iso", QCOW2)
    os.kill(process, signal.SIGKILL)
    running.join(30)

    assert outcome == ["convert-failed"]
    assert nothing_is_left(domain)


def test_a_target_that_is_deleted_at_the_end_is_not_told_to_be_there(volumes, domain, original):
    with pytest.raises(errors.NoVolume), volumes.converting("iso", RAW, MIB):
        volumes.delete("iso", RAW)

    assert nothing_is_left(domain)


def test_two_for_one_target_come_one_after_the_other(volumes, kinds, original):
    house, wanted = Conversions(volumes), Wanted(QCOW2, "qcow2")
    both = [threading.Thread(target=house.run, args=(Job(("key",), 0), "iso", SOURCE, wanted)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert qemu.same(kinds / "vdi", volumes.get("iso", QCOW2).path, ("vdi", "qcow2"))


DAEMON = f"""
import sys
from pathlib import Path
from imaged.volumes.conversions import Conversions, Wanted
from imaged.volumes.domains import Domains
from imaged.volumes.jobs import Job
from imaged.volumes.volumes import Volumes

Conversions(Volumes(Domains([Path(sys.argv[1])]))).run(Job(("key",), 0), "iso", {SOURCE!r}, Wanted({QCOW2!r}, "qcow2"))
"""


def test_a_daemon_that_is_killed_takes_it_along_and_the_next_begins_anew(
    volumes, domain, root, kinds, original, convert, stalls, monkeypatch
):
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, str(root)])
    process = stalls()
    daemon.kill()
    daemon.wait()

    wait(lambda: ended(process))
    left = volumes.get("iso", QCOW2)
    assert left.state == "partial" and left.durable == []
    assert refusal(volumes.complete, "iso", QCOW2).code == "conflict"

    monkeypatch.undo()
    convert("qcow2")

    assert qemu.same(kinds / "vdi", volumes.get("iso", QCOW2).path, ("vdi", "qcow2"))
    assert volumes.complete("iso", QCOW2).state == "complete"


@pytest.mark.parametrize("moment", ["begun", "number half written"])
def test_what_a_crash_leaves_before_there_is_a_file_is_no_harm(volumes, domain, original, convert, moment):
    with domain.directory() as directory:
        files.write_converted(directory, QCOW2, MIB)
        if moment == "number half written":
            (domain.path / f".partial-{QCOW2}{files.CONVERTED}.new").write_text("12")

    convert("qcow2")

    assert volumes.complete("iso", QCOW2).state == "complete"
    assert sorted(os.listdir(domain.path)) == [".image-domain", f".partial-{SOURCE}", QCOW2]
