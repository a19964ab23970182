"""Conversions: the same disk afterwards, whatever it was; one end for each thing that can go wrong on the way, and the original stays."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from imaged import errors as daemon_errors
from imaged.volumes import conversions, errors, files, volume
from imaged.volumes.conversions import Conversions, Wanted
from imaged.volumes.jobs import Canceled, Job
from tests.imaged import qemu
from tests.imaged.conftest import ended, wait
from tests.imaged.volumes.arrived import KINDS, MIB, SIZE, described, opened, patched, qemu_img_that, stored
from tests.imaged.volumes.made import available_is, spans, write_journal

SOURCE, QCOW2, RAW = "original", "result.qcow2", "result.img"
#: A conversion that tells its number, says that it is half done, and then does nothing more.
STALLS = 'printf "    (50.00/100%%)\\r"; echo $$ > {directory}/pid.new; mv {directory}/pid.new {directory}/pid; exec sleep 600'


@pytest.fixture
def convert(volumes):
    """Converts the original: `convert(kind or file, "qcow2")`."""
    conversions = Conversions(volumes)

    def convert(format, job=None, name=SOURCE, **more):
        wanted = Wanted(more.pop("target", QCOW2 if format == "qcow2" else RAW), format, **more)
        conversions.check("iso", name, wanted)
        return conversions.run(job or Job(("key",), 0), "iso", name, wanted)

    return convert


@pytest.fixture
def original(volumes, kinds):
    """A volume that is a sound VDI."""
    return stored(volumes, kinds / "vdi", SOURCE)


@pytest.fixture
def stalls(tmp_path, monkeypatch):
    """qemu-img stops half way; `stalls()` is the number of its process, as soon as there is one."""
    qemu_img_that(tmp_path, monkeypatch, STALLS.format(directory=tmp_path))

    def process():
        wait((tmp_path / "pid").exists)
        return int((tmp_path / "pid").read_text())

    return process


def nothing_is_left(domain):
    return sorted(os.listdir(domain.path)) == [".image-domain", f".partial-{SOURCE}"]


def refusal(act, *words, **more):
    with pytest.raises(daemon_errors.DaemonError) as refused:
        act(*words, **more)
    return refused.value


@pytest.mark.parametrize("format, compressed", [("raw", False), ("qcow2", False), ("qcow2", True)])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_disk_is_the_same_disk_afterwards(volumes, kinds, convert, kind, format, compressed):
    stored(volumes, kinds / kind, SOURCE)
    job = Job(("key",), 0)

    result = convert(format, job, compressed=compressed, source_format=KINDS[kind][0])

    made = volumes.get("iso", result["target"])
    assert qemu.same(kinds / kind, made.path, (KINDS[kind][1], format))
    assert result == {
        "target": made.name,
        "format": format,
        "compressed": compressed,
        "virtual_size": made.virtual_size,
        "size": os.stat(made.path).st_size,
        "allocated": made.allocated,
        "source_format": KINDS[kind][0],
    }
    assert job.done == job.total == made.virtual_size >= SIZE


def test_the_original_stays_as_it_is(volumes, kinds, original, convert):
    convert("raw")

    volume = volumes.get("iso", original)
    assert (volume.state, Path(volume.path).read_bytes()) == ("partial", (kinds / "vdi").read_bytes())


@pytest.mark.parametrize("format", ["raw", "qcow2"])
def test_the_result_counts_as_arrived_and_is_completed_like_any_other(volumes, domain, original, convert, format):
    name = convert(format)["target"]

    made = volumes.get("iso", name)
    assert (made.state, made.durable, spans(made.path, made.size)) == ("partial", [[0, made.size]], [[0, made.size]])
    assert os.stat(made.path).st_mode & 0o777 == 0o600
    assert volumes.complete("iso", name).state == "complete"
    assert sorted(os.listdir(domain.path)) == sorted([".image-domain", f".partial-{SOURCE}", name])


def test_compressed_is_smaller(volumes, tmp_path, convert):
    (tmp_path / "source").write_bytes(b"the same again " * (2 * MIB // 15))
    stored(volumes, tmp_path / "source", SOURCE)

    assert convert("qcow2", compressed=True)["size"] < MIB < convert("qcow2", target="plain.qcow2")["size"]


def test_a_raw_disk_of_odd_length_is_filled_up(volumes, tmp_path, convert):
    (tmp_path / "source").write_bytes(os.urandom(100_001))
    stored(volumes, tmp_path / "source", SOURCE)

    assert convert("qcow2")["virtual_size"] == 100_352
    assert qemu.same(tmp_path / "source", volumes.get("iso", QCOW2).path, ("raw", "qcow2"))


@pytest.mark.parametrize("driver", ["vmdk", "vpc", "vhdx"])
def test_a_sparse_disk_needs_the_space_of_its_data_alone(volumes, tmp_path, convert, qemu_img, monkeypatch, driver):
    qemu_img("create", "-f", driver, *(["-o", "force_size=on"] if driver == "vpc" else []), "disk", "2G")
    stored(volumes, tmp_path / "disk", SOURCE)
    available_is(monkeypatch, 40 * MIB)

    made = convert("raw")

    assert (made["size"], made["allocated"] < MIB) == (2 << 30, True)


@pytest.mark.parametrize("again", ["the same", "another"])
def test_asking_again_begins_anew(volumes, kinds, original, convert, again):
    convert("qcow2")
    if again == "another":
        stored(volumes, kinds / "streamOptimized", "other")

    convert("qcow2", name=original if again == "the same" else "other", compressed=True)

    assert qemu.same(kinds / "source", volumes.get("iso", QCOW2).path, ("raw", "qcow2"))
    assert volumes.complete("iso", QCOW2).state == "complete"


def test_without_direct_access_the_page_cache_is_used(volumes, kinds, original, convert, monkeypatch):
    real = os.open

    def no_direct(path, flags, *more, **words):
        if flags & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return real(path, flags, *more, **words)

    monkeypatch.setattr(os, "open", no_direct)
    convert("raw")

    assert qemu.same(kinds / "vdi", volumes.get("iso", RAW).path, ("vdi", "raw"))


# What is refused before anything happens


@pytest.mark.parametrize(
    "target, format, more",
    [
        ("result.vmdk", "vmdk", {}),
        (QCOW2, "raw", {}),
        (RAW, "qcow2", {}),
        ("result.vhdx", "raw", {}),
        (RAW, "raw", {"compressed": True}),
        (RAW, "raw", {"source_format": "iso"}),
        (RAW, "raw", {"source_format": "vpc"}),
        (SOURCE, "raw", {}),
    ],
)
def test_what_makes_no_sense_is_refused(domain, original, convert, target, format, more):
    assert refusal(convert, format, target=target, **more).code == "bad-request"
    assert nothing_is_left(domain)


@pytest.mark.parametrize("target", ["../escape.img", ".hidden.img", "a.durable.img", "x" * 125 + ".img"])
def test_a_target_that_can_be_no_volume_is_refused(domain, original, convert, target):
    assert refusal(convert, "raw", target=target).code == "invalid-name"
    assert nothing_is_left(domain)


def test_a_volume_that_is_not_there_is_named(volumes, convert):
    assert refusal(convert, "raw").code == "no-volume"


def test_a_complete_volume_is_never_replaced(volumes, original, convert):
    convert("qcow2")
    before = Path(volumes.complete("iso", QCOW2).path).read_bytes()

    assert refusal(convert, "qcow2").code == "exists"
    assert Path(volumes.get("iso", QCOW2).path).read_bytes() == before


def test_what_somebody_uploads_is_never_replaced(volumes, original, convert):
    upload, _ = volumes.create("iso", RAW, MIB, "sparse")
    write_journal(upload, 0, 1000)

    assert refusal(convert, "raw").code == "exists"
    assert volumes.get("iso", RAW).durable == [[0, 1000]]


def test_another_format_than_declared_is_refused(domain, original, convert):
    refused = refusal(convert, "raw", source_format="vmdk")

    assert (refused.code, "declared to be a VMDK disk, but it looks like a VDI disk" in refused.message) == ("format-mismatch", True)
    assert nothing_is_left(domain)


def test_an_iso_is_not_converted(volumes, domain, convert):
    stored(volumes, Path("/usr/lib/ipxe/ipxe.iso"), SOURCE)

    assert refusal(convert, "raw").code == "format-mismatch"
    assert nothing_is_left(domain)


def test_a_hostile_disk_is_refused_and_none_of_the_host_is_copied(volumes, domain, vmdk, tmp_path, convert):
    (tmp_path / "secret").write_bytes(b"hunter2 " * MIB)
    described(vmdk, lambda text: text.replace("createType", f'parentFileNameHint="{tmp_path}/secret"\ncreateType'))
    stored(volumes, vmdk, SOURCE)

    assert refusal(convert, "raw").code == "backing-file"
    assert nothing_is_left(domain)


def test_even_unseen_a_parent_is_not_opened(vmdk, tmp_path):
    """What if it were not found? QEMU is told, too, that there is none."""
    (tmp_path / "secret").write_bytes(b"hunter2 " * MIB)
    qemu.qemu_img("create", "-f", "vmdk", "empty", "6M", cwd=tmp_path)
    described(tmp_path / "empty", lambda text: text.replace("createType", f'parentFileNameHint="{tmp_path}/secret"\ncreateType'))
    facts = conversions.inspection.Facts("vmdk", SIZE, MIB)

    with opened(tmp_path / "empty") as (job, file), (tmp_path / "result").open("w+b") as result:
        conversions._convert(job, file, result.fileno(), facts, Wanted(RAW, "raw"), conversions.Measure(SIZE, SIZE))

    assert not any((tmp_path / "result").read_bytes())


@pytest.mark.parametrize("kind, offset, form, value", [("vdi", 0x170, "<Q", 8 << 60), ("qcow2", 24, ">Q", 8 << 60)])
def test_a_disk_of_8_eib_is_not_begun_with(volumes, domain, kinds, tmp_path, convert, kind, offset, form, value):
    stored(volumes, patched(Path(shutil.copy(kinds / kind, tmp_path)), offset, form, value), SOURCE)

    assert refusal(convert, "raw").code == "virtual-size"
    assert nothing_is_left(domain)


def test_a_truncated_disk_is_not_begun_with(volumes, domain, kinds, tmp_path, convert):
    path = Path(shutil.copy(kinds / "vhdx", tmp_path))
    os.truncate(path, path.stat().st_size - 4 * MIB)
    stored(volumes, path, SOURCE)

    assert refusal(convert, "raw").code == "truncated"
    assert nothing_is_left(domain)


# What goes wrong on the way


def test_without_room_nothing_is_begun_and_both_numbers_are_told(domain, original, convert, monkeypatch):
    # The original has a journal's worth of blocks less than its size: nothing is reserved for it.
    available_is(monkeypatch, 3 * MIB)

    refused = refusal(convert, "raw")

    assert (refused.code, refused.status) == ("no-space", 507)
    assert refused.details["available"] <= 3 * MIB < refused.details["needed"] <= SIZE
    assert nothing_is_left(domain)


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


# Volumes of foreign formats


@pytest.mark.parametrize("suffix", ["vmdk", "vdi", "vhd", "vhdx"])
def test_a_foreign_disk_is_a_volume_that_is_only_converted(volumes, kinds, convert, suffix):
    kind = {"vmdk": "streamOptimized"}.get(suffix, suffix)
    name = stored(volumes, kinds / kind, f"disk.{suffix}")
    found = volumes.get("iso", name)

    assert (found.format, found.virtual_size, volume.disk_format(name)) == (suffix, None, suffix)
    assert refusal(volumes.complete, "iso", name).code == "conflict"
    assert refusal(volumes.create_disk, "iso", f"empty.{suffix}", MIB, "sparse", None, suffix).code == "bad-request"
    assert convert("qcow2", name=name)["source_format"] == suffix


def test_a_foreign_disk_is_not_opened_as_one(volumes, house, kinds):
    name = stored(volumes, kinds / "vdi", "disk.vdi")

    assert refusal(house.open, "iso", name, "transfer", read_only=True).code == "format-mismatch"
