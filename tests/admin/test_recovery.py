"""A process that is killed at any instant: the next one, on the same database and host, brings everything to its end."""

import pathlib

import pytest

from appliance import errors
from appliance.admin import models
from imaged import client
from tests.admin.house import disk

MIB = 1 << 20


class Killed(BaseException):
    """The process dies here."""


def die(*arguments, **words):
    raise Killed


def after(call):
    """Dies as soon as the call has done its work."""

    def called(*arguments, **words):
        call(*arguments, **words)
        raise Killed

    return called


CALLS = ["create_volume", "put_ticket", "ticket"]


@pytest.mark.parametrize("how", [after, lambda call: die])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("daemon_too", [False, True])
def test_killed_while_an_upload_is_started(house, call, how, daemon_too):
    setattr(house.control, call, how(getattr(house.control, call)))
    with pytest.raises(Killed):
        house.create()

    house.crash()
    if daemon_too:
        house.daemon.restart()
    transfer = house.transfers.page(house.ann).items[0]
    assert (transfer.phase, transfer.actions) == ("initializing", ("cancel",))
    with pytest.raises(errors.NotAllowed, match="initializing"):
        house.transfers.pause(house.ann, transfer.id)
    house.admin.monitor.tick()

    assert house.phase(transfer) == "transferring"
    assert house.send(transfer, b"x" * MIB) == 200


@pytest.mark.parametrize("call", CALLS)
def test_killed_while_an_upload_is_resumed(house, call):
    transfer = house.create()
    house.send(transfer, b"x" * MIB)
    house.transfers.pause(house.ann, transfer.id)
    setattr(house.control, call, die)
    with pytest.raises(Killed):
        house.transfers.resume(house.ann, transfer.id)

    house.crash()
    assert house.phase(transfer) == "resuming"
    house.admin.monitor.tick()

    found = house.transfers.get(house.ann, transfer.id)
    assert (found.phase, found.durable) == ("transferring", ((0, MIB),))


def test_killed_while_an_upload_is_started_on_a_host_that_stays_away(house):
    house.control.put_ticket = die
    with pytest.raises(Killed):
        house.create()
    house.daemon.stop()

    house.crash()
    house.admin.monitor.tick()
    house.clock.turn(10)
    house.admin.monitor.tick()

    found = house.transfers.page(house.ann).items[0]
    assert (found.phase, found.reason_code) == ("paused_system", "host-down")
    house.daemon.start()
    assert house.transfers.resume(house.ann, found.id).phase == "transferring"


@pytest.mark.parametrize("call", ["delete_ticket", "volume"])
def test_killed_while_an_upload_is_paused(house, call):
    transfer = house.create()
    url = house.transfers.ticket(house.ann, transfer.id).url
    setattr(house.control, call, die)
    with pytest.raises(Killed):
        house.transfers.pause(house.ann, transfer.id)

    house.crash()
    house.admin.monitor.tick()

    assert house.phase(transfer) == "paused_user"
    assert house.put(url, b"x") == 403


def test_running_uploads_go_on_after_a_crash(house):
    transfer = house.create()
    house.send(transfer, b"x" * MIB)
    house.clock.turn(3600)

    house.crash()
    house.admin.monitor.tick()

    found = house.transfers.get(house.ann, transfer.id)
    assert (found.phase, found.durable) == ("transferring", ((0, MIB),))


@pytest.mark.parametrize("daemon_too", [False, True])
@pytest.mark.parametrize("call", ["delete_ticket", "volume", "verify", "job", "complete_volume"])
@pytest.mark.parametrize("how", [after, lambda call: die])
def test_killed_while_an_upload_is_finalized(house, call, how, daemon_too):
    data = disk()
    transfer = house.create()
    house.send(transfer, data)
    # Also where the verification is over before it was asked for.
    verify = house.control.verify
    house.control.verify = lambda *arguments, **words: verify(*arguments, **words) | {"state": "running"}
    setattr(house.control, call, how(getattr(house.control, call)))
    with pytest.raises(Killed):
        house.transfers.finalize(house.ann, transfer.id)
        house.settle(transfer, "finished_success")

    house.crash()
    if daemon_too:
        house.daemon.restart()
    if call in ("delete_ticket", "volume"):
        # Not yet written down, and not answered: the client asks again.
        house.admin.monitor.tick()
        house.transfers.finalize(house.ann, transfer.id)
    assert house.phase(transfer) == "finalizing_success"

    done = house.settle(transfer, "finished_success", "finished_failure")
    assert (done.phase, done.reason) == ("finished_success", None)
    image = house.admin.images.get(transfer.image_id)
    assert image.status == "ok"
    assert pathlib.Path(image.path).read_bytes() == data
    assert house.codes().count("transfer-finished-success") == 1


def test_killed_before_the_end_is_written_down(house):
    """The file has its name already, the image is not ok yet."""
    transfer = house.create()
    house.send(transfer, disk())
    house.transfers.finalize(house.ann, transfer.id)
    control = house.control
    complete = control.complete_volume

    def completed(*arguments):
        complete(*arguments)
        house.daemon.restart()
        raise client.Unreachable("unix:", "reset")

    control.complete_volume = completed
    while any(name.startswith(".partial-") for name in house.files()):
        house.admin.monitor.tick()
    house.crash()

    assert house.admin.images.get(transfer.image_id).status == "locked"
    assert house.settle(transfer, "finished_success", "finished_failure").phase == "finished_success"


def test_a_verification_goes_on_when_the_host_is_back(house):
    transfer = house.create()
    house.send(transfer, disk())
    house.transfers.finalize(house.ann, transfer.id)
    house.daemon.stop()
    house.admin.monitor.tick()
    house.clock.turn(3600)
    house.admin.monitor.tick()
    assert house.phase(transfer) == "finalizing_success"

    house.daemon.start()

    assert house.settle(transfer, "finished_success").phase == "finished_success"


@pytest.mark.parametrize("call", ["delete_ticket", "delete_volume"])
@pytest.mark.parametrize("how", [after, lambda call: die])
def test_killed_while_an_upload_is_cancelled(house, call, how):
    transfer = house.create()
    house.send(transfer, b"x" * MIB)
    setattr(house.control, call, how(getattr(house.control, call)))
    with pytest.raises(Killed):
        house.transfers.cancel(house.ann, transfer.id)

    house.crash()
    house.admin.monitor.tick()

    assert house.phase(transfer) == "finished_cleanup"
    assert house.files() == []
    assert house.admin.images.page().items == ()


@pytest.mark.parametrize("how", [after, lambda call: die])
def test_killed_while_a_failed_upload_is_cleaned_up(house, how):
    transfer = house.create(sha256="0" * 64)
    house.send(transfer, disk())
    house.control.delete_volume = how(house.control.delete_volume)
    with pytest.raises(Killed):
        house.transfers.finalize(house.ann, transfer.id)
        house.settle(transfer, "finished_failure")

    house.crash()

    assert house.phase(transfer) == "finalizing_failure"
    assert house.admin.images.get(transfer.image_id).status == "illegal"
    assert house.settle(transfer, "finished_failure").reason_code == "sha256-mismatch"
    assert house.files() == []


@pytest.mark.parametrize("how", [after, lambda call: die])
def test_killed_while_an_image_is_deleted(house, how):
    transfer = house.upload()
    house.control.delete_volume = how(house.control.delete_volume)
    with pytest.raises(Killed):
        house.admin.images.delete(house.ann, transfer.image_id)

    house.crash()
    with house.database.reading() as session:
        assert session.get(models.Image, transfer.image_id).status == "locked"
    house.admin.monitor.tick()

    assert house.admin.images.page().items == ()
    assert house.files() == []
    assert house.codes().count("image-deleted") == 1
