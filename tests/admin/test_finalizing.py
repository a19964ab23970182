"""The end of an upload: what may go wrong between the last byte and the verdict."""

import threading
import time
import types

import pytest

from appliance import errors
from appliance.admin import models
from imaged.volumes import qemu, verify
from tests.admin.house import disk
from tests.e2e import images
from tests.waiting import wait_for


def test_a_host_that_cannot_verify_keeps_the_bytes_and_is_asked_again(house, tmp_path, monkeypatch):
    data = images.qcow2(tmp_path / "sound.qcow2", "8M")
    transfer = house.create(size=len(data), format="qcow2")
    house.send(transfer, data)
    with monkeypatch.context() as without:
        without.setattr(qemu, "shutil", types.SimpleNamespace(which=lambda _name: None))
        house.transfers.finalize(house.root, transfer.id)
        for _ in range(500):
            house.admin.monitor.tick()
            waiting = house.transfers.get(house.root, transfer.id)
            if waiting.reason:
                break
    assert waiting.phase == "finalizing_success"
    assert "qemu-img" in waiting.reason

    house.clock.turn(60)
    finished = house.settle(transfer, "finished_success")

    assert finished.reason is None


def test_a_ticket_tells_what_the_host_holds_as_it_is_issued(house):
    transfer = house.create()
    house.send(transfer, b"x" * 1000, 500)

    assert house.transfers.ticket(house.ann, transfer.id).durable == ((500, 1500),)


def test_a_chunk_that_overwrites_while_the_upload_is_finalized_keeps_it_from_being_called_complete(house):
    transfer = house.create()
    data = disk()
    house.send(transfer, data)
    url = house.transfers.ticket(house.root, transfer.id).url
    delete = house.control.delete_ticket

    def overwriting(ticket):
        """Between the look and the end of the ticket, a chunk comes once more, and breaks off."""
        with house.hosts.images(house.host.id).connection() as connection:
            connection.start("PUT", url, [("Content-Length", "1000"), ("Content-Range", "bytes 0-999/*")])
            connection.send(b"y" * 10)
            while house.control.volume(house.data.id, f"{transfer.image_id}.img")["durable"] == [[0, len(data)]]:
                pass
            connection.discard()
        delete(ticket)

    house.control.delete_ticket = overwriting
    with pytest.raises(errors.Incomplete):
        house.transfers.finalize(house.root, transfer.id)
    house.control.delete_ticket = delete

    assert house.phase(transfer) == "transferring"
    assert house.send(transfer, data[:1000]) == 200
    house.transfers.finalize(house.root, transfer.id)
    house.settle(transfer, "finished_success")


def test_a_crash_between_the_end_of_the_ticket_and_the_move_is_mended(house):
    transfer = house.create()
    house.send(transfer, disk())
    house.control.delete_ticket(house.transfers.ticket(house.root, transfer.id).url.removeprefix("/images/"))
    with house.database.session() as session:
        session.get(models.Transfer, transfer.id).ticket = None
    house.crash()
    house.admin.monitor.tick()

    house.transfers.finalize(house.root, transfer.id)

    assert house.settle(transfer, "finished_success", "finished_failure").phase == "finished_success"


@pytest.fixture
def endless(monkeypatch):
    """The host hashes without end. Gives what is set when it does."""
    begun = threading.Event()

    def hashing(file, size, names, advance):
        while True:
            begun.set()
            advance(0)
            time.sleep(0.01)

    monkeypatch.setattr(verify, "digests_of", hashing)
    return begun


def verified(house, transfer, begun):
    """The transfer, while the host verifies what came."""
    wait_for(lambda: house.admin.monitor.tick() or begun.is_set(), "the host to hash")
    return house.transfers.get(house.root, transfer.id)


def test_an_upload_is_cancelled_while_it_is_verified_and_the_host_stops(house, endless):
    transfer = house.create()
    house.send(transfer, disk())
    house.transfers.finalize(house.ann, transfer.id)
    assert (verified(house, transfer, endless).phase, house.phase(transfer)) == ("finalizing_success", "finalizing_success")

    cancelled = house.transfers.cancel(house.ann, transfer.id)

    assert (cancelled.phase, cancelled.image_id, house.files()) == ("finished_cleanup", None, [])
    assert [job.state for job in house.daemon.context.jobs._jobs.values()] == ["canceled"]
    assert house.create().phase == "transferring"


def test_a_cancel_while_the_verifying_host_is_away_is_done_when_it_is_back(house, endless):
    transfer = house.create()
    house.send(transfer, disk())
    house.transfers.finalize(house.ann, transfer.id)
    verified(house, transfer, endless)
    house.daemon.stop()

    assert house.transfers.cancel(house.ann, transfer.id).phase == "finalizing_cleanup"
    house.daemon.start()

    assert house.settle(transfer, "finished_cleanup").image_id is None
    assert house.files() == []
