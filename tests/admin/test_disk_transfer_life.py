"""The life of an oVirt client's transfer: silence, pauses, cancels, and what survives a crash."""

import hashlib

import pytest

from appliance import errors
from appliance.admin import models
from tests import silence
from tests.admin.house import MIB, disk, path
from tests.admin.test_disk_transfers import flush, guest, read, stored


@pytest.fixture
def house(house, daemon):
    """Silence is told by the host: its tickets age by the same clock as everything here."""
    daemon.follow(house.clock)
    return house


def silent(house, seconds):
    """Nothing moves for so long, and the monitor looks now and then."""
    for _ in range(int(seconds) // 20):
        house.clock.turn(20)
        house.admin.monitor.tick()


@pytest.mark.parametrize(("direction", "policy", "ends"), silence.ENDINGS)
def test_what_silence_leads_to_is_the_clients_choice(house, direction, policy, ends):
    made = house.disk()
    transfer = house.start(made, direction=direction, timeout_policy=policy, inactivity_timeout=100)
    url = path(transfer)
    silent(house, 100)
    assert house.phase(transfer) == "transferring"

    silent(house, 20)

    found = house.settle(transfer, ends)
    assert (found.phase, found.reason_code) == (ends, "inactivity")
    assert "100 seconds" in found.reason
    assert house.ask("GET", url)[0] == 403
    if direction == "upload" and policy == "cancel":
        assert house.admin.images.page().items == ()
    else:
        assert house.image(made).status == ("locked" if ends == "paused_system" else "ok")


def test_without_a_timeout_silence_may_last(house):
    transfer = house.start(house.disk(), inactivity_timeout=0)

    silent(house, 4000)

    assert house.phase(transfer) == "transferring"
    assert house.put(path(transfer), b"x") == 200


def test_the_usual_timeout_is_the_settings(house):
    transfer = house.start(house.disk())

    assert transfer.inactivity_timeout == 60
    silent(house, 80)

    assert house.phase(transfer) == "paused_system"


@pytest.mark.parametrize("sign", ["read", "options", "extend"])
def test_every_sign_of_life_counts(house, sign):
    transfer = house.start(house.disk(), inactivity_timeout=60)
    for _ in range(4):
        silent(house, 40)
        if sign == "read":
            # The same bytes again: nothing that grows.
            assert house.ask("GET", path(transfer), Range="bytes=0-3")[0] == 206
        elif sign == "options":
            assert house.ask("OPTIONS", path(transfer))[0] == 200
        else:
            house.transfers.extend(house.ann, transfer.id)

    assert house.phase(transfer) == "transferring"


@pytest.mark.parametrize("prepare", ["pause", "finalize", "cancel"])
def test_a_transfer_that_does_not_run_is_not_extended(house, prepare):
    transfer = house.start(house.disk(allocation="preallocated"))
    if prepare == "finalize":
        house.put(path(transfer), bytes(MIB))
    getattr(house.transfers, prepare)(house.ann, transfer.id)

    with pytest.raises(errors.NotAllowed):
        house.transfers.extend(house.ann, transfer.id)


def test_anothers_transfer_is_not_touched(house):
    transfer = house.start(house.disk())

    for who in (house.bob, house.eve):
        for action in ("extend", "pause", "resume", "cancel", "finalize"):
            with pytest.raises(errors.Forbidden):
                getattr(house.transfers, action)(who, transfer.id)

    assert house.phase(transfer) == "transferring"


def test_a_pause_stops_the_bytes_at_once_and_a_resume_gives_a_new_ticket(house):
    made, data = house.disk(), disk(MIB)
    transfer = house.start(made)
    house.put(path(transfer), data[:1000])

    house.transfers.pause(house.ann, transfer.id)
    assert house.put(path(transfer), b"late") == 403

    resumed = house.transfers.resume(house.ann, transfer.id)
    assert resumed.transfer_url != transfer.transfer_url
    assert resumed.durable == ((0, 1000),)
    assert house.put(path(transfer), b"late") == 403
    house.put(path(resumed), data[1000:], 1000)
    house.transfers.finalize(house.ann, transfer.id)
    house.settle(transfer, "finished_success")
    assert stored(house, made) == data


def test_what_arrived_of_an_exported_disk_counts_over_pauses_and_restarts(house, tmp_path):
    made, data = house.disk(size=2 * MIB, format="qcow2", allocation="preallocated"), disk(2 * MIB)
    transfer = house.start(made)
    house.put(path(transfer), data[:MIB])
    house.transfers.pause(house.ann, transfer.id)
    house.daemon.restart()
    house.crash()
    house.admin.monitor.tick()

    resumed = house.transfers.resume(house.ann, transfer.id)
    assert resumed.durable == ((0, MIB),)
    house.put(path(resumed), data[MIB:], MIB)
    house.transfers.finalize(house.ann, transfer.id)

    house.settle(transfer, "finished_success")
    assert guest(house, made, tmp_path) == data


def test_a_download_is_not_paused_by_a_person(house):
    transfer = house.start(house.disk(), direction="download")

    with pytest.raises(errors.NoPause, match="download"):
        house.transfers.pause(house.ann, transfer.id)

    assert "pause" not in transfer.actions
    assert read(house, transfer)[0] == 200


def test_a_download_that_the_system_paused_goes_on(house):
    transfer = house.start(house.disk(), direction="download", timeout_policy="pause", inactivity_timeout=20)
    silent(house, 60)

    resumed = house.transfers.resume(house.ann, transfer.id)

    assert read(house, resumed)[0] == 200


def test_a_cancelled_upload_takes_the_disk_with_it(house):
    made = house.disk()
    transfer = house.start(made)
    house.put(path(transfer), b"x" * 1000)

    house.transfers.cancel(house.ann, transfer.id)

    assert house.settle(transfer, "finished_cleanup").image_id is None
    with pytest.raises(errors.NotFound):
        house.image(made)
    assert house.control.volumes(house.data.id) == []
    assert house.put(path(transfer), b"late") == 403


def test_a_cancelled_download_leaves_the_disk(house):
    made = house.disk(size=MIB, format="qcow2")
    transfer = house.start(made, direction="download")

    house.transfers.cancel(house.ann, transfer.id)

    house.settle(transfer, "finished_cleanup")
    assert house.image(made).status == "ok"
    assert house.ask("GET", path(transfer))[0] == 403


def test_a_disk_that_its_client_has_finalized_is_not_cancelled(house):
    made, data = house.disk(), disk(MIB)
    transfer = house.start(made)
    house.put(path(transfer), data)
    house.transfers.finalize(house.ann, transfer.id)

    with pytest.raises(errors.NotAllowed):
        house.transfers.cancel(house.ann, transfer.id)

    assert "cancel" not in house.transfers.get(house.ann, transfer.id).actions
    house.settle(transfer, "finished_success")
    assert stored(house, made) == data


def test_cancelling_what_is_cancelled_changes_nothing(house):
    transfer = house.start(house.disk(), timeout_policy="cancel", inactivity_timeout=20)
    silent(house, 60)
    ended = house.settle(transfer, "finished_failure")

    assert house.transfers.cancel(house.ann, transfer.id) == ended


@pytest.mark.parametrize("direction", ["upload", "download"])
def test_finalizing_once_more_is_no_error(house, direction):
    transfer = house.start(house.disk(), direction=direction)
    if direction == "upload":
        house.put(path(transfer), disk(MIB))
    first = house.transfers.finalize(house.ann, transfer.id)

    again = house.transfers.finalize(house.ann, transfer.id)

    assert first.phase == again.phase == "finalizing_success"
    ended = house.settle(transfer, "finished_success")
    assert house.transfers.finalize(house.ann, transfer.id) == ended


@pytest.mark.parametrize(
    ("first", "then"),
    [("pause", "pause"), ("pause", "finalize"), ("cancel", "resume"), ("cancel", "finalize"), ("extend", "resume")],
)
def test_an_action_in_a_wrong_phase_is_refused_and_names_the_phase(house, first, then):
    transfer = house.start(house.disk())
    before = getattr(house.transfers, first)(house.ann, transfer.id)

    with pytest.raises(errors.NotAllowed) as refused:
        getattr(house.transfers, then)(house.ann, transfer.id)

    assert refused.value.words["phase"] == before.phase


def test_it_takes_no_signed_ticket(house):
    transfer = house.start(house.disk())

    with pytest.raises(errors.NoSignedTicket):
        house.transfers.ticket(house.ann, transfer.id)


@pytest.mark.parametrize("format", ["raw", "qcow2"])
def test_a_daemon_that_was_restarted_gets_the_ticket_again(house, format):
    made, data = house.disk(format=format, allocation="preallocated"), disk(MIB)
    transfer = house.start(made)
    house.put(path(transfer), data[:1000])
    house.transfers.get(house.ann, transfer.id)

    house.daemon.restart()
    house.admin.monitor.tick()

    assert house.put(path(transfer), data[1000:], 1000) == 200
    house.transfers.finalize(house.ann, transfer.id)
    house.settle(transfer, "finished_success")


def test_what_was_said_by_a_flush_has_to_be_said_again_after_more_was_written(house):
    transfer = house.start(house.disk())
    flush(house, transfer)
    house.put(path(transfer), b"x")

    with pytest.raises(errors.Incomplete):
        house.transfers.finalize(house.ann, transfer.id)


def test_after_a_crash_the_transfer_goes_on_by_the_same_ticket_here_too(house):
    transfer = house.start(house.disk(), inactivity_timeout=60)
    silent(house, 40)

    house.crash()
    with pytest.raises(errors.NoSession):
        house.sessions.admitted(path(transfer).split("/")[-1])
    house.admin.monitor.tick()

    assert house.sessions.admitted(path(transfer).split("/")[-1]).ticket.ops == ("read", "write")
    assert house.transfers.get(house.ann, transfer.id).transfer_url == transfer.transfer_url
    silent(house, 40)
    # The host knows how long nothing has moved, whoever asked before.
    assert house.phase(transfer) == "paused_system"


@pytest.mark.parametrize("direction", ["upload", "download"])
def test_killed_while_it_starts_it_starts(house, direction):
    made = house.disk()

    def die(_ticket):
        raise KeyboardInterrupt

    house.control.put_ticket = die
    with pytest.raises(KeyboardInterrupt):
        house.start(made, direction=direction)
    house.crash()
    house.admin.monitor.tick()

    found = house.transfers.page(house.ann).items[0]
    assert (found.phase, found.direction) == ("transferring", direction)
    assert read(house, house.transfers.get(house.ann, found.id))[0] == 200


def test_killed_while_it_is_hashed_it_is_hashed_again(house):
    made, data = house.disk(), disk(MIB)
    transfer = house.start(made)
    house.put(path(transfer), data)
    house.transfers.finalize(house.ann, transfer.id)
    house.settle(transfer, "finished_success")

    house.daemon.restart()
    house.crash()

    for _ in range(1000):
        house.admin.monitor.tick()
        if house.image(made).sha256:
            break
    assert house.image(made).sha256 == hashlib.sha256(data).hexdigest()


def test_a_digest_of_what_was_written_over_meanwhile_is_not_believed(house):
    made = house.disk()
    house.fill(made, disk(MIB, seed=1))
    real = house.control.job
    house.control.job = lambda job: real(job) | {"state": "running"}
    house.admin.monitor.tick()
    house.control.job = real
    house.fill(made, disk(MIB, seed=2))

    for _ in range(1000):
        house.admin.monitor.tick()
        if house.image(made).sha256:
            break
    assert house.image(made).sha256 == hashlib.sha256(disk(MIB, seed=2)).hexdigest()


def test_a_full_domain_pauses_the_upload(house):
    transfer = house.start(house.disk())

    house.admin.monitor.stopped(transfer.id, "no-space", "full")
    house.admin.monitor.tick()

    assert house.transfers.get(house.ann, transfer.id).reason_code == "no-space"


def test_a_paused_upload_that_nobody_resumes_ends_with_its_disk(house):
    made = house.disk()
    transfer = house.start(made)
    house.transfers.pause(house.ann, transfer.id)
    house.clock.turn(house.config.paused_lifetime + 1)
    house.admin.monitor.tick()

    assert house.settle(transfer, "finished_failure").reason_code == "expired"
    assert house.admin.images.page().items == ()


def test_a_host_that_went_for_good_gives_the_disk_of_a_download_back(house):
    made = house.disk()
    transfer = house.start(made, direction="download")
    house.daemon.stop()
    house.transfers.cancel(house.ann, transfer.id)
    for _ in range(3):
        house.admin.monitor.tick()
        house.clock.turn(house.config.paused_lifetime + 1)

    with house.database.reading() as session:
        assert session.get(models.Transfer, transfer.id).phase == "finished_cleanup"
        assert session.get(models.Image, made.id).status == "ok"


def test_finished_transfers_stay_to_be_seen_and_are_forgotten_in_time(house):
    made = house.disk()
    transfer = house.start(made, direction="download")
    house.transfers.finalize(house.ann, transfer.id)
    house.settle(transfer, "finished_success")
    house.clock.turn(3600)
    house.admin.monitor.tick()
    assert house.transfers.get(house.ann, transfer.id).phase == "finished_success"

    house.clock.turn(house.config.finished_lifetime)
    house.admin.monitor.tick()

    with pytest.raises(errors.NotFound):
        house.transfers.get(house.ann, transfer.id)
