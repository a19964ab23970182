"""What a verification that fails by the host's fault does to an image: nothing."""

import types

from imaged.volumes import qemu
from tests.e2e import images


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
