"""Conversions that are cut off: by people, by the host and its daemon, by the appliance, at every instant. It ends with one right image."""

import shutil
import threading

import pytest
import sqlalchemy

from appliance import errors
from appliance.admin import entries, live
from appliance.admin.pipeline import line, work
from imaged import client
from imaged.volumes import conversions
from tests.admin.importer import (
    assert_refused,
    begin,
    done,
    file_of,
    idle,
    image_of,
    now,
    settle,
    states,
    step_of,
    until,
)
from tests.admin.pipeline import disks
from tests.imaged.conftest import ended, wait
from tests.imaged.volumes.arrived import qemu_img_that
from tests.transfer.sources import web_server

#: A qemu-img that says that it is half done, and goes on when it may.
WAITS = """
printf "    (50.00/100%%)\\r"
echo $$ > {place}/pid.new; mv {place}/pid.new {place}/pid
while [ ! -e {place}/go ]; do sleep 0.05; done
exec {program} "$@"
"""


@pytest.fixture
def server(server):
    server.files["/disk"] = web_server.File(disks.original())
    return server


@pytest.fixture
def halfway(house, server, tmp_path, monkeypatch):
    """An import at the middle of its conversion, which goes on when there is a file `go`."""
    qemu_img_that(tmp_path, monkeypatch, WAITS.format(place=tmp_path, program=shutil.which("qemu-img")))
    transfer = begin(house, server, "/disk", format="qcow2", tags=["blue"])
    until(house, (tmp_path / "pid").exists, lambda: now(house, transfer))
    return transfer


@pytest.fixture
def process(tmp_path):
    """The number of the qemu-img that converts."""
    return lambda: int((tmp_path / "pid").read_text())


@pytest.fixture
def go_on(tmp_path):
    return (tmp_path / "go").touch


def conversions_of(house):
    """Those that the daemon knows of."""
    return [job for job in house.daemon.context.jobs._jobs.values() if job.key[2] == "convert"]


def assert_right(house, transfer):
    """It is there once, and nothing else is."""
    transfer = settle(house, transfer, "finished_success", "finished_failure")
    assert transfer.phase == "finished_success", transfer.reason
    assert set(states(transfer).values()) == {"done", "skipped"}
    assert (image_of(house, transfer).format, image_of(house, transfer).tags) == ("qcow2", ("blue",))
    assert disks.contents(file_of(house, transfer), "qcow2") == disks.original()
    assert house.files() == [file_of(house, transfer).name]
    assert house.codes().count("transfer-finished-success") == 1


def test_how_far_it_is_is_shown(house, halfway, go_on):
    def half():
        step = step_of(now(house, halfway), "convert")
        return (step.status, step.done, step.total) == ("running", disks.SIZE // 2, disks.SIZE)

    until(house, half, lambda: now(house, halfway))
    assert house.admin.monitor.tick() is False, "the monitor hurries"

    go_on()
    assert_right(house, halfway)


def test_a_cancel_ends_it_at_once_and_leaves_nothing(house, halfway, process):
    running = process()

    cancelled = house.transfers.cancel(house.ann, halfway.id)

    assert (cancelled.phase, cancelled.image_id, house.files()) == ("finished_cleanup", None, [])
    assert ended(running)
    idle(house)
    assert [job.state for job in conversions_of(house)] == ["canceled"]


def test_the_image_cannot_be_deleted_and_its_name_is_taken(house, server, halfway, go_on):
    with pytest.raises(errors.ImageLocked):
        house.admin.images.delete(house.ann, halfway.image_id)
    with pytest.raises(errors.NameTaken):
        begin(house, server, "/disk", format="qcow2")
    with pytest.raises(errors.Forbidden):
        house.transfers.cancel(house.bob, halfway.id)

    go_on()
    assert_right(house, halfway)


def test_a_glance_client_that_deletes_it_ends_it(house, halfway, process):
    running = process()

    house.admin.entries.delete(house.ann, halfway.image_id)

    assert (now(house, halfway).phase, house.files()) == ("finished_cleanup", [])
    assert ended(running)


def test_a_host_that_is_away_for_a_while_is_asked_again_for_the_same_job(house, halfway, monkeypatch, go_on):
    away, asked = client.Control.job, threading.Event()

    def lost(control, job):
        asked.set()
        raise client.Unreachable("local", "no route")

    monkeypatch.setattr(client.Control, "job", lost)
    until(house, asked.is_set, lambda: now(house, halfway))
    until(house, lambda: now(house, halfway).imported.trouble == "Host local does not answer.", lambda: now(house, halfway))
    assert now(house, halfway).phase == "finalizing_success"

    monkeypatch.setattr(client.Control, "job", away)
    go_on()

    assert_right(house, halfway)
    assert len(conversions_of(house)) == 1


def test_another_process_of_the_appliance_finds_the_job_again(house, halfway, go_on):
    dead = house.admin.importing
    house.crash()
    dead.stop()
    until(house, lambda: house.admin.importing._running, lambda: now(house, halfway))
    go_on()

    assert_right(house, halfway)
    assert len(conversions_of(house)) == 1


def test_a_daemon_that_was_restarted_begins_anew(house, halfway, process, go_on):
    before = process()
    house.daemon.stop()
    wait(lambda: ended(before))
    go_on()
    house.daemon.start()

    assert_right(house, halfway)


def test_a_host_that_never_comes_back_is_not_waited_for_for_ever(house, halfway):
    house.daemon.stop()
    house.clock.turn(house.config.paused_lifetime + 1)
    failed = settle(house, halfway, "finalizing_failure")

    assert failed.reason_code == "expired"
    assert failed.reason.startswith("It was not ready after 7 days.")
    assert (step_of(failed, "convert").status, step_of(failed, "convert").message) == ("failed", failed.reason)
    house.clock.turn(house.config.paused_lifetime + 1)
    assert settle(house, halfway, "finished_failure").reason_code == "expired"
    assert "bytes-left" in house.codes()


def test_a_conversion_that_takes_too_long_is_the_end(house, server, tmp_path, monkeypatch):
    qemu_img_that(tmp_path, monkeypatch, "exec sleep 600")
    monkeypatch.setattr(conversions, "SECONDS", 0.2)
    monkeypatch.setattr(conversions, "RATE", 1 << 60)

    assert_refused(house, done(house, server, "/disk", format="qcow2"), "convert", "convert-timeout")


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_conversion_without_room_is_the_end_with_both_numbers(house, server, tmp_path, monkeypatch, when):
    if when == "meanwhile":
        qemu_img_that(tmp_path, monkeypatch, 'echo "qemu-img: error while writing: No space left on device" >&2; exit 1')
    else:
        monkeypatch.setattr(conversions, "_measure", lambda *words: conversions.Measure(1 << 60, 1 << 60))

    transfer = done(house, server, "/disk", format="qcow2")

    assert_refused(house, transfer, "convert", "no-space")
    assert transfer.reason.count("iB") == (2 if when == "before" else 1), transfer.reason


def test_what_qemu_img_complains_of_is_told(house, server, tmp_path, monkeypatch):
    qemu_img_that(tmp_path, monkeypatch, 'echo "qemu-img: the moon is full" >&2; exit 1')

    transfer = done(house, server, "/disk", format="qcow2")

    assert_refused(house, transfer, "convert", "convert-failed")
    assert transfer.reason == "qemu-img could not convert the image: the moon is full."


def test_a_host_that_will_not_have_it_at_the_very_end_is_the_end(house, server, monkeypatch):
    def refused(control, domain, name):
        raise client.Refused(409, "exists", "There is a volume of that name")

    monkeypatch.setattr(client.Control, "complete_volume", refused)

    assert_refused(house, done(house, server, "/disk"), "register", "exists")


def test_a_database_that_is_away_for_a_moment_is_no_fault_of_the_image(house, server, monkeypatch):
    keep, fails = work.Work.keep, [sqlalchemy.exc.OperationalError("UPDATE", {}, OSError("no route"))]

    def lost(self, **columns):
        if fails:
            raise fails.pop()
        keep(self, **columns)

    monkeypatch.setattr(work.Work, "keep", lost)

    assert_right(house, done(house, server, "/disk", format="qcow2", tags=["blue"]))
    assert fails == []


class Died(BaseException):
    """A process of the appliance ends here."""


#: All by which anything changes, on the host or in the database, with what tells two of its calls apart.
CHANGES = [
    *((client.Control, name) for name in ("shrink_volume", "inspect", "convert", "verify", "delete_volume", "complete_volume")),
    (live.Live, "keep"),
    (line.Line, "_mark"),
    (work.Work, "keep"),
    (entries, "describe"),
]


@pytest.fixture
def deaths(monkeypatch):
    """The appliance's import threads die before each thing that they change, once. Gives where they have died, in order."""
    died = []

    def dying(name, change):
        def act(*words, **more):
            step = more.get("steps", ())
            jobs = [(one["status"], *one["jobs"]) for one in step]
            key = (name, *(word for word in words if isinstance(word, str) and len(word) < 20), *sorted(more), *jobs, more.get("status"))
            if threading.current_thread().name.startswith("import ") and key not in died:
                died.append(key)
                raise Died
            return change(*words, **more)

        return act

    for place, name in CHANGES:
        monkeypatch.setattr(place, name, dying(name, getattr(place, name)))
    return died


def settle_with_deaths(house, transfer, deaths):
    """Wherever a process dies, another one takes its place."""
    known = len(deaths)

    def look():
        nonlocal known
        if len(deaths) > known:
            known = len(deaths)
            idle(house)
            house.crash()
        return now(house, transfer).phase.startswith("finished")

    until(house, look, lambda: (now(house, transfer), deaths[-3:]))
    return now(house, transfer)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_wherever_the_appliance_dies_it_ends_with_one_right_image(house, server, deaths):
    settle_with_deaths(house, begin(house, server, "/disk", format="qcow2", tags=["blue"]), deaths)

    assert {name for name, *_ in deaths} == {name for _, name in CHANGES}
    assert len(deaths) > 15, deaths
    assert_right(house, house.transfers.page(house.root).items[0])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_wherever_the_appliance_dies_a_plain_image_is_there_once(house, server, deaths):
    transfer = settle_with_deaths(house, begin(house, server, "/disk"), deaths)

    assert transfer.phase == "finished_success", transfer.reason
    assert file_of(house, transfer).read_bytes() == disks.original()
    assert house.files() == [file_of(house, transfer).name]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_wherever_the_appliance_dies_what_is_refused_is_gone(house, server, deaths):
    server.files["/disk"] = web_server.File(b"LUKS\xba\xbe\0\1" + bytes(1 << 20))

    transfer = settle_with_deaths(house, begin(house, server, "/disk"), deaths)

    assert_refused(house, transfer, "validate", "encrypted")
