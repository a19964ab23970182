"""The watch: heartbeats, tickets, hosts, expiry. The clock is turned, nobody waits."""

import itertools
import threading

import pytest

from appliance import errors
from appliance.admin import hosts
from imaged import client
from tests.admin.house import disk
from tests.e2e.product import wait_for

MIB = 1 << 20
DAY = 86400


def look(house, seconds=0):
    house.clock.turn(seconds)
    return house.admin.monitor.tick()


def shown(house, transfer):
    return house.transfers.get(house.root, transfer.id)


def ticket_of(house, transfer):
    return house.transfers._load(transfer.id).ticket


def timed_out(house):
    raise client.Unreachable(house.daemon.control, "timed out")


def test_without_a_sign_of_life_an_upload_is_paused_with_the_reason(house):
    transfer = house.create()

    look(house, 60)
    assert house.phase(transfer) == "transferring"
    look(house, 1)

    paused = shown(house, transfer)
    assert (paused.phase, paused.reason_code, paused.actions) == ("paused_system", "heartbeat", ("pause", "resume", "cancel"))
    assert "No heartbeat for 60 seconds" in paused.reason
    assert house.codes()[-1] == "transfer-paused-system"
    assert house.transfers.resume(house.ann, transfer.id).phase == "transferring"


def test_a_heartbeat_keeps_an_upload_alive(house):
    transfer = house.create()

    for _ in range(4):
        look(house, 50)
        assert house.transfers.heartbeat(house.ann, transfer.id).phase == "transferring"


def test_bytes_keep_an_upload_alive(house):
    transfer = house.create()
    session = house.sessions.open(house.transfers.ticket(house.ann, transfer.id).ticket)
    look(house, 50)
    session.last_activity = house.clock.steady()

    look(house, 50)

    assert house.phase(transfer) == "transferring"


def test_a_heartbeat_does_not_wake_a_paused_upload(house):
    transfer = house.create()
    look(house, 61)

    beat = house.transfers.heartbeat(house.ann, transfer.id)

    assert beat.phase == "paused_system" and "No heartbeat" in beat.reason


def test_what_has_arrived_is_written_down(house):
    transfer = house.create()
    house.send(transfer, b"x" * MIB)

    look(house, 2)

    house.crash()
    assert shown(house, transfer).durable == ((0, MIB),)


def test_a_ticket_that_the_host_lost_is_put_back(house):
    transfer = house.create()
    data = disk()
    url = house.transfers.ticket(house.ann, transfer.id).url
    house.put(url, data[:MIB])
    house.daemon.restart()
    assert house.put(url, data[MIB:], MIB) == 403

    look(house)

    assert house.put(url, data[MIB:], MIB) == 200
    look(house)
    assert shown(house, transfer).durable == ((0, 3 * MIB),)


def test_tickets_are_renewed_in_time(house):
    transfer = house.create()
    before = house.control.ticket(ticket_of(house, transfer))["expires"]
    house.control.renew_ticket(ticket_of(house, transfer), 1)

    look(house, 50)
    house.transfers.heartbeat(house.ann, transfer.id)
    look(house, 50)

    assert house.control.ticket(ticket_of(house, transfer))["expires"] >= before


def test_a_restart_of_the_daemon_pauses_nothing(house):
    transfer = house.create()
    house.daemon.stop()
    look(house)
    look(house, hosts.GRACE - 1)
    assert (house.phase(transfer), house.host.status) == ("transferring", "up")

    house.daemon.start()
    look(house)

    assert (house.phase(transfer), house.host.status) == ("transferring", "up")
    assert house.control.ticket(ticket_of(house, transfer))["canceled"] is False
    assert "host-down" not in house.codes()


def test_a_host_that_stays_away_pauses_its_uploads_and_they_go_on_when_it_is_back(house):
    transfer = house.create()
    house.daemon.stop()
    look(house)
    look(house, hosts.GRACE)

    paused = shown(house, transfer)
    assert (paused.phase, paused.reason_code, paused.reason) == ("paused_system", "host-down", "Host local does not answer.")
    assert (house.host.status, house.admin.domains.get("data").status) == ("down", "unreachable")
    with pytest.raises(errors.HostDown):
        house.transfers.resume(house.ann, transfer.id)
    house.daemon.start()
    look(house)
    assert (house.host.status, house.phase(transfer)) == ("up", "transferring")
    assert house.send(transfer, disk()) == 200
    assert [code for code in house.codes() if code.startswith("host-")] == ["host-added", "host-down", "host-up"]


def test_a_host_that_hangs_is_down_after_two_looks(house):
    transfer = house.create()

    def hang(timeout):
        house.clock.turn(timeout)
        timed_out(house)

    house.control.info = hang
    look(house)
    assert (house.phase(transfer), house.host.status) == ("transferring", "up")
    look(house)

    assert (house.phase(transfer), house.host.status) == ("paused_system", "down")
    assert house.clock.gone <= 6


def test_a_busy_host_that_answers_every_other_look_is_up(house):
    transfer = house.create()
    answer = house.control.info
    busy = itertools.cycle([True, False])

    def late(timeout):
        house.clock.turn(timeout)
        if next(busy):
            timed_out(house)
        return answer(timeout)

    house.control.info = late
    for _ in range(8):
        look(house)
        house.transfers.heartbeat(house.ann, transfer.id)

    assert (house.phase(transfer), house.host.status) == ("transferring", "up")
    assert "host-down" not in house.codes()


def test_what_waits_for_a_host_keeps_nobody_from_noticing_that_it_is_dead(house):
    transfer = house.create()
    waits, release = threading.Event(), threading.Event()

    def wait(ticket_id):
        waits.set()
        release.wait(60)
        raise client.Unreachable(house.daemon.control, "it hung")

    house.control.ticket = wait
    house.admin.monitor.start()
    try:
        assert waits.wait(30)
        house.control.info = lambda timeout: timed_out(house)
        wait_for(lambda: house.admin.hosts.silent(house.host.id), "a look to fail")
        house.clock.turn(hosts.GRACE)
        house.admin.monitor.wake()
        wait_for(lambda: house.host.status == "down", "the host to be down while it is waited for")
        release.set()
        wait_for(lambda: house.phase(transfer) == "paused_system", "the transfer to be paused")
    finally:
        release.set()
        house.admin.monitor.stop()


def test_who_waits_for_a_host_that_is_found_dead_is_told(house):
    told = threading.Event()

    def ask():
        with pytest.raises(errors.HostDown), house.admin.hosts.asking(house.host) as control:
            control.complete_volume(house.data.id, "disk")
        told.set()

    with house.daemon.deaf() as asked:
        threading.Thread(target=ask, daemon=True).start()
        assert asked.wait(30)
        house.control.info = lambda timeout: timed_out(house)
        look(house)
        look(house, hosts.GRACE)

        assert told.wait(30)


def test_what_a_person_paused_stays_paused_when_its_host_is_back(house):
    transfer = house.create()
    house.daemon.stop()
    look(house)
    look(house, hosts.GRACE)
    house.transfers.pause(house.ann, transfer.id)

    house.daemon.start()
    look(house)

    assert (house.host.status, house.phase(transfer)) == ("up", "paused_user")


def test_a_full_domain_pauses_the_upload(house):
    transfer = house.create()
    url = house.transfers.ticket(house.ann, transfer.id).url

    house.sessions.on_stopped(transfer.id, "no-space", "No space left on device")
    look(house)

    paused = shown(house, transfer)
    assert (paused.phase, paused.reason_code) == ("paused_system", "no-space")
    assert "data is full" in paused.reason
    assert house.put(url, b"x") == 403


@pytest.mark.parametrize("code", ["ticket-gone", "host-down"])
def test_a_stop_that_mends_itself_pauses_nothing(house, code):
    transfer = house.create()
    house.control.delete_ticket(ticket_of(house, transfer))

    house.sessions.on_stopped(transfer.id, code, "gone")
    look(house)

    assert house.phase(transfer) == "transferring"
    assert house.control.ticket(ticket_of(house, transfer))["canceled"] is False


@pytest.mark.parametrize("transfer_id", ["unknown", ""])
def test_a_stop_of_nobodys_transfer_is_no_fault(house, transfer_id):
    house.sessions.on_stopped(transfer_id, "no-space", "full")

    assert look(house) is False


def test_a_paused_upload_expires_and_frees_its_place(house):
    transfer = house.create()
    house.transfers.pause(house.ann, transfer.id)
    look(house, 7 * DAY - 1)
    assert house.phase(transfer) == "paused_user"

    look(house, 1)

    ended = shown(house, transfer)
    assert (ended.phase, ended.reason_code) == ("finished_failure", "expired")
    assert "paused for 7 days" in ended.reason
    assert house.admin.images.get(transfer.image_id).status == "illegal"
    assert house.control.volumes(house.data.id) == []
    assert house.create().phase == "transferring"


def test_an_expired_upload_of_a_host_that_never_comes_back_is_let_go(house):
    transfer = house.create()
    house.transfers.pause(house.ann, transfer.id)
    house.daemon.stop()
    for _ in range(3):
        look(house, 7 * DAY)

    ended = shown(house, transfer)
    assert ended.phase == "finished_failure"
    assert any(event.code == "bytes-left" and str(house.daemon.root) in event.message for event in house.admin.events.page().items)


def test_a_verification_on_a_host_that_never_comes_back_does_not_lock_for_ever(house):
    transfer = house.create()
    house.send(transfer, disk())
    house.transfers.finalize(house.ann, transfer.id)
    house.daemon.stop()
    look(house)
    assert house.phase(transfer) == "finalizing_success"

    for _ in range(4):
        look(house, 7 * DAY)

    assert house.phase(transfer) == "finished_failure"
    house.admin.images.delete(house.ann, transfer.image_id)


def test_finished_uploads_and_old_events_are_forgotten_in_time(house):
    transfer = house.upload()

    look(house, 31 * DAY)

    with pytest.raises(errors.NotFound):
        shown(house, transfer)
    image = house.admin.images.get(transfer.image_id)
    assert (image.status, image.transfer_id) == ("ok", None)
    assert house.codes() == []


def test_one_broken_transfer_does_not_keep_the_others_from_being_looked_at(house):
    broken, other = house.create(name="broken"), house.create(name="other")
    control = house.control
    read = control.ticket
    bad = ticket_of(house, broken)
    control.ticket = lambda ticket_id: 1 // 0 if ticket_id == bad else read(ticket_id)
    house.put(house.transfers.ticket(house.ann, other.id).url, b"x" * MIB)

    look(house, 2)

    assert shown(house, other).durable == ((0, MIB),)


def test_a_host_that_refuses_pauses_with_its_reason(house):
    transfer = house.create()

    def refuse(ticket_id):
        raise client.Refused(500, "internal", "Server failed to perform the request, check logs")

    house.control.ticket = refuse
    look(house)

    paused = shown(house, transfer)
    assert (paused.phase, paused.reason_code) == ("paused_system", "host-refused")
    assert "check logs" in paused.reason


def test_the_watch_runs_by_itself_and_stops(house):
    transfer = house.create()
    house.send(transfer, disk())
    finished = []
    record = house.admin.events.record
    done = threading.Event()

    def recorded(session, code, *rest, **words):
        record(session, code, *rest, **words)
        finished.append(code)
        if code == "transfer-finished-success":
            done.set()

    house.admin.events.record = recorded
    house.admin.monitor.start()
    house.transfers.finalize(house.ann, transfer.id)

    assert done.wait(10)
    house.admin.monitor.stop()
    assert house.phase(transfer) == "finished_success"


def test_no_ticket_reaches_the_log(house, caplog):
    caplog.set_level("DEBUG")
    transfer = house.create()
    ticket = ticket_of(house, transfer)
    token = house.transfers.ticket(house.ann, transfer.id).ticket

    house.sessions.on_stopped(transfer.id, "ticket-gone", f"No such ticket {ticket}")
    house.control.delete_ticket(ticket)
    look(house)
    house.daemon.stop()
    look(house)
    look(house, hosts.GRACE)

    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("appliance"))
    assert "was stopped: ticket-gone" in logged
    assert ticket not in logged and token not in logged
