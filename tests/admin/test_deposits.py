"""Bytes that come in one piece: what becomes of them when the client, the appliance or the host goes away."""

import pytest
import sqlalchemy as sa

from appliance import errors
from appliance.admin import models, views
from appliance.transfer import receiving
from tests.admin import importer
from tests.admin.house import disk

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


def stage(house, made, size=SIZE):
    deposit = begin(house, made, size, staged=True)
    house.admin.deposits.stage(house.ann, deposit, send(house, deposit))
    return deposit


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
    importer.until(house, lambda: status(house, made) == "queued", lambda: "the upload to be given up")

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

    importer.until(house, lambda: status(house, made) == "queued", lambda: "its end")
    importer.until(house, lambda: house.files() == [], lambda: "its bytes to be gone")


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
    assert (task.status, task.message) == ("failure", "It was cancelled.")
    assert status(house, made) == "queued"


def test_an_upload_is_given_up_when_its_host_goes_into_maintenance(house):
    made = entry(house)
    begin(house, made)

    house.admin.hosts.maintain(house.host.id, True)

    importer.until(house, lambda: status(house, made) == "queued", lambda: "the upload to be given up")


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


def test_two_uploads_of_one_image_at_once_are_one(house):
    made = entry(house)
    begin(house, made)

    with pytest.raises(errors.WrongStatus):
        begin(house, made)
