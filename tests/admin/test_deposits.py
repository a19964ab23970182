"""Bytes that come in one piece: what becomes of them when the client, the appliance or the host goes away."""

import contextlib
import threading

import pytest
import sqlalchemy as sa

from appliance import errors
from appliance.admin import advice, deposits, models, views
from appliance.admin.pipeline import builtin, installed
from appliance.transfer import receiving
from tests.admin import importer
from tests.admin.house import disk
from tests.admin.pipeline import disks
from tests.waiting import wait_for

DATA = disk(1 << 20)
SIZE = len(DATA)


class Body:
    """A request's body that has come."""

    def __init__(self, data):
        self._rest = memoryview(data)

    def readinto(self, view):
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def entry(house, user=None, **facts):
    said = {"name": "an image", "disk_format": "raw", "container_format": "bare"} | facts
    return house.admin.entries.create(user or house.ann, views.NewEntry(views.Facts(**said)))


def begin(house, made, size=SIZE, **options):
    return house.admin.deposits.begin(house.ann, made.id, size, **options)


def send(house, deposit, data=DATA):
    images = house.hosts.images(deposit.host.id)
    return views.Arrived(*receiving.receive(Body(data), images, deposit.ticket, host="local", limit=deposit.size, digests=("md5",)))


def stage(house, made, size=SIZE, data=DATA):
    deposit = begin(house, made, size, staged=True)
    house.admin.deposits.stage(house.ann, deposit, send(house, deposit, data))
    return deposit


def stage_foreign(house, made):
    return stage(house, made, None, disks.disk("vmdk"))


def status(house, made):
    return house.admin.entries.get(house.ann, made.id).status


def tasks(house, made):
    return house.admin.tasks.all(house.root, made.id)


def take(house, made):
    house.admin.arrivals.staged(house.ann, made.id, {})


def test_an_upload_whose_appliance_was_killed_is_given_up_and_can_be_sent_again(house):
    made = entry(house)
    send(house, begin(house, made))

    house.crash()
    house.admin.monitor.tick()
    assert status(house, made) == "saving"
    house.clock.turn(house.config.heartbeat_timeout + 1)
    importer.until(house, lambda: status(house, made) != "saving", lambda: "the upload to be given up")
    assert status(house, made) == "queued"

    deposit = begin(house, made)
    assert send(house, deposit).size == len(DATA)
    house.admin.deposits.abort(house.ann, deposit)
    assert (status(house, made), house.files()) == ("queued", [])


def test_what_was_staged_survives_the_appliance_and_the_daemon(house):
    made = entry(house)
    stage(house, made)

    house.daemon.restart()
    house.crash()
    house.clock.turn(3600)
    house.admin.monitor.tick()
    assert status(house, made) == "uploading"
    take(house, made)

    importer.until(house, lambda: status(house, made) == "active", lambda: "the import")
    assert [task.status for task in tasks(house, made)] == ["success"]


def test_what_was_staged_without_a_size_takes_no_more_room_than_it_has(house):
    made = entry(house)

    deposit = stage(house, made, None)

    transfer = house.transfers.get(house.root, deposit.transfer)
    assert transfer.size == len(DATA)
    take(house, made)
    importer.until(house, lambda: status(house, made) == "active", lambda: "the import")
    assert house.admin.entries.get(house.ann, made.id).size == len(DATA)


def test_what_nobody_imports_is_removed_in_time(house):
    made = entry(house)
    stage(house, made)

    house.clock.turn(house.config.paused_lifetime + 1)

    importer.until(house, lambda: house.files() == [], lambda: "its bytes to be gone")
    assert status(house, made) == "queued"


def test_a_task_ends_with_its_import_though_the_appliance_was_killed_in_between(house):
    made = entry(house)
    stage(house, made)
    take(house, made)

    house.crash()

    importer.until(house, lambda: tasks(house, made)[0].status == "success", lambda: "the task to end")
    [task] = tasks(house, made)
    assert task.result == {"image_id": made.id}
    assert (task.expires_at - task.updated_at).total_seconds() == house.config.task_lifetime
    house.clock.turn(house.config.task_lifetime)
    assert tasks(house, made) == []
    house.admin.monitor.tick()
    with house.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(models.Task)) == 0


def test_a_task_of_an_import_that_was_cancelled_on_the_page_fails(house):
    made = entry(house)
    deposit = stage(house, made)
    house.admin.tasks.add(house.ann, "api_image_import", {}, image_id=made.id, transfer_id=deposit.transfer)

    house.transfers.cancel(house.ann, deposit.transfer)

    [task] = tasks(house, made)
    assert (task.status, task.message) == ("failure", advice.CANCELLED)
    assert status(house, made) == "queued"


def test_an_upload_is_given_up_when_its_host_goes_into_maintenance(house):
    made = entry(house)
    begin(house, made)

    house.admin.hosts.maintain(house.host.id, True)

    importer.until(house, lambda: status(house, made) != "saving", lambda: "the upload to be given up")
    assert status(house, made) == "queued"


def test_an_image_that_failed_elsewhere_is_no_image_here(house):
    house.upload(data=b"no qcow2", format="qcow2")

    assert house.admin.entries.all(house.root) == []


def test_a_copy_ends_though_the_appliance_was_killed_in_between(house):
    made = entry(house)
    stage(house, made)
    take(house, made)
    importer.until(house, lambda: status(house, made) == "active", lambda: "the import")
    host = house.host
    house.admin.domains.ensure("more", "data", host, str(house.daemon.root / "more"))

    house.admin.arrivals.copy(house.ann, made.id, ["more"], {})
    house.crash()
    house.admin.monitor.tick()

    importer.until(house, lambda: house.admin.entries.get(house.ann, made.id).stores == ("data", "more"), lambda: "the copy")
    house.admin.importing.stop()
    assert {task.status for task in tasks(house, made)} == {"success"}


def test_a_copy_of_an_image_that_was_deleted_fails(house):
    made = entry(house)
    stage(house, made)
    take(house, made)
    importer.until(house, lambda: status(house, made) == "active", lambda: "the import")
    house.admin.domains.ensure("more", "data", house.host, str(house.daemon.root / "more"))
    house.admin.arrivals.copy(house.ann, made.id, ["more"], {})

    house.admin.images.delete(house.ann, made.id)

    importer.until(house, lambda: "failure" in {task.status for task in tasks(house, made)}, lambda: "the copy to fail")
    house.admin.importing.stop()
    importer.until(house, lambda: house.files() == [], lambda: "its bytes to be gone")
    assert house.admin.entries.all(house.root) == []


@pytest.fixture
def stuck(monkeypatch):
    """Set when an import is about to convert, which then takes until somebody ends it; what is done in vain."""
    begun, never = threading.Event(), threading.Event()

    def convert(arrival):
        begun.set()
        while not never.wait(0.01):
            arrival.check()

    monkeypatch.setattr(builtin, "convert", convert)
    return begun


def ended(house, deposit):
    """The import's thread is over."""
    house.admin.importing.stop()
    name = f"import {deposit.transfer}"
    return wait_for(lambda: name not in [thread.name for thread in threading.enumerate()], "its thread to end")


def test_a_disk_that_is_converted_shows_how_far_it_is_and_is_no_import_from_a_url(house, stuck):
    made = entry(house, disk_format="vmdk")
    deposit = stage_foreign(house, made)
    take(house, made)

    importer.until(house, stuck.is_set, lambda: "the conversion")

    found = house.transfers.get(house.root, deposit.transfer)
    assert (found.phase, found.format, found.client) == ("finalizing_success", "qcow2", "glance")
    assert (found.imported, found.verify) == (None, {"step": "convert", "done": 0, "total": 0})
    assert "finalize" not in found.actions
    assert (status(house, made), house.admin.images.get(made.id).format) == ("importing", "qcow2")
    house.admin.entries.delete(house.ann, made.id)
    assert ended(house, deposit)


def test_an_image_that_is_deleted_while_it_is_converted_leaves_nothing(house, stuck):
    made = entry(house, disk_format="vmdk")
    deposit = stage_foreign(house, made)
    take(house, made)
    importer.until(house, stuck.is_set, lambda: "the conversion")

    house.admin.entries.delete(house.ann, made.id)

    importer.until(house, lambda: house.files() == [], lambda: "its bytes to be gone")
    assert (house.transfers.get(house.root, deposit.transfer).phase, [task.status for task in tasks(house, made)]) == (
        "finished_cleanup",
        ["failure"],
    )
    with pytest.raises(errors.NotFound):
        house.admin.entries.get(house.ann, made.id)
    assert ended(house, deposit)


def test_an_import_that_is_cancelled_on_the_page_while_it_converts_leaves_the_image_queued(house, stuck):
    made = entry(house, disk_format="vmdk")
    deposit = stage_foreign(house, made)
    take(house, made)
    importer.until(house, stuck.is_set, lambda: "the conversion")

    house.transfers.cancel(house.ann, deposit.transfer)

    importer.until(house, lambda: house.files() == [], lambda: "its bytes to be gone")
    assert (status(house, made), tasks(house, made)[0].message) == ("queued", advice.CANCELLED)
    assert ended(house, deposit)


@pytest.mark.parametrize("killed", ["before it is looked at", "as it converts"])
def test_a_disk_that_was_staged_is_converted_though_the_appliance_was_killed(house, monkeypatch, killed):
    made = entry(house, disk_format="vmdk")
    deposit = stage_foreign(house, made)
    take(house, made)

    if killed == "as it converts":
        with monkeypatch.context() as patched:
            begun = threading.Event()

            def convert(arrival):
                begun.set()
                raise errors.HostDown(host="local")

            patched.setattr(builtin, "convert", convert)
            importer.until(house, begun.is_set, lambda: "the conversion")
            house.admin.importing.stop()
    house.crash()

    importer.until(house, lambda: status(house, made) == "active", lambda: "the import")
    found = house.admin.entries.get(house.ann, made.id)
    assert (found.facts.disk_format, found.virtual_size) == ("qcow2", disks.SIZE)
    assert disks.contents(house.daemon.root / "data" / f"{made.id}.qcow2", "qcow2") == disks.original()
    assert (house.files(), tasks(house, made)[0].status) == ([f"{made.id}.qcow2"], "success")
    assert ended(house, deposit)


def test_a_store_that_does_not_convert_takes_no_disk_that_must_be(house):
    made = entry(house, disk_format="vmdk")
    house.admin.domains.arrange("data", [name for name in installed.DEFAULT if name != installed.CONVERT])

    with pytest.raises(errors.Invalid, match="data takes no vmdk disks: it does not convert"):
        begin(house, made, staged=True)
    assert (status(house, made), house.files()) == ("queued", [])


def test_a_store_that_does_not_unpack_takes_nothing_that_is_packed(house):
    made = entry(house)
    house.admin.domains.arrange("data", [name for name in installed.DEFAULT if name != installed.DECOMPRESS])

    with pytest.raises(errors.Invalid, match="data takes nothing that is packed: it does not unpack"):
        begin(house, made, staged=True, packed="gzip")
    assert (status(house, made), house.files()) == ("queued", [])


def test_only_the_packed_size_is_asked_room_for(house):
    deposit = begin(house, entry(house), 1000, staged=True, packed="xz")

    with house.database.reading() as session:
        transfer = session.get_one(models.Transfer, deposit.transfer)
    assert (deposit.sized, transfer.initial_size, transfer.size > SIZE, transfer.size == deposit.size) == (False, 1000, True, True)


def test_only_so_many_are_unpacked_at_once(house, monkeypatch):
    monkeypatch.setattr(deposits, "TURN", 0.0)
    with contextlib.ExitStack() as running:
        for _ in range(deposits.UNPACKING):
            running.enter_context(house.admin.deposits.unpacking("xz"))

        with pytest.raises(errors.Busy), house.admin.deposits.unpacking("gzip"):
            pass
        with house.admin.deposits.unpacking(None):
            pass

    with house.admin.deposits.unpacking("gzip"):
        pass


def test_what_will_be_converted_is_not_hashed_as_it_comes(house):
    assert begin(house, entry(house, disk_format="vmdk"), staged=True).digests == ()
    assert begin(house, entry(house), staged=True).digests == ("md5", "sha512")


def test_a_store_that_converts_no_more_refuses_what_was_staged(house):
    made = entry(house, disk_format="vmdk")
    deposit = stage_foreign(house, made)
    house.admin.domains.arrange("data", [name for name in installed.DEFAULT if name != installed.CONVERT])

    take(house, made)

    importer.until(house, lambda: status(house, made) == "queued" and house.files() == [], lambda: "its end")
    assert "it is vmdk" in tasks(house, made)[0].message
    assert ended(house, deposit)


def test_two_uploads_of_one_image_at_once_are_one(house):
    made = entry(house)
    begin(house, made)

    with pytest.raises(errors.WrongStatus):
        begin(house, made)
