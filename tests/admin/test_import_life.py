"""Imports on their way: paused, resumed, cancelled, cut off by source, host and appliance; the image is right."""

import threading

import pytest

from appliance import errors
from appliance.admin import importing, live, views
from appliance.transfer import fetch, filling
from tests.admin.importer import DATA, MIB, begin, house_beside, idle, now, rows, settle, source, until
from tests.transfer.sources import web_server

SENT = MIB // 2


@pytest.fixture
def server():
    with source() as server:
        yield server


@pytest.fixture
def house(tmp_path, daemon, database, server, monkeypatch):
    # What has come is durable at once.
    monkeypatch.setattr(fetch, "PIECE", SENT // 2)
    monkeypatch.setattr(filling, "FLUSH_BYTES", 1)
    with house_beside(server, tmp_path, daemon, database, monkeypatch) as house:
        yield house


def halfway(house, server, **words) -> views.Transfer:
    """An import of which SENT bytes are durable, and whose source says nothing more."""
    transfer = begin(house, server, **words)
    server.scripts.append(web_server.stall(SENT))
    until(house, lambda: now(house, transfer).durable_bytes == SENT, lambda: now(house, transfer))
    return transfer


def image_bytes(house, transfer) -> bytes:
    return (house.daemon.root / "data" / f"{transfer.image_id}.img").read_bytes()


def assert_whole(house, transfer) -> None:
    transfer = settle(house, transfer, "finished_success", "finished_failure")
    assert transfer.phase == "finished_success", transfer.reason
    assert image_bytes(house, transfer) == DATA
    assert house.files() == [f"{transfer.image_id}.img"]


def test_it_is_shown_while_it_fetches(house, server):
    transfer = now(house, halfway(house, server, checksum="0" * 64))

    assert (transfer.phase, transfer.actions, transfer.imported.fetched_bytes) == ("transferring", ("pause", "cancel"), SENT)
    step = transfer.imported.steps[1]
    assert (step.name, step.status, step.done, step.total) == ("verify-checksum", "running", SENT, len(DATA))


def test_a_pause_stops_it_at_once_and_a_resume_goes_on_where_it_was(house, server):
    transfer = halfway(house, server)

    paused = house.transfers.pause(house.ann, transfer.id)

    assert (paused.phase, paused.durable_bytes) == ("paused_user", SENT)
    idle(house)
    asked = len(server.requests)
    house.admin.importing.tick()
    assert (house.phase(transfer), len(server.requests)) == ("paused_user", asked)
    house.transfers.resume(house.ann, transfer.id)
    assert_whole(house, transfer)
    assert (server.asked("Range")[-1], server.asked("If-Range")[-1]) == (f"bytes={SENT}-", '"one"')


def test_what_has_come_when_it_is_paused_is_kept(house, server, monkeypatch):
    monkeypatch.setattr(filling, "FLUSH_BYTES", 1 << 40)
    monkeypatch.setattr(filling, "FLUSH_SECONDS", 3600.0)
    monkeypatch.setattr(live, "WIND_UP", 60.0)
    transfer = begin(house, server)
    server.scripts.append(web_server.stall(SENT + 5))
    until(house, lambda: now(house, transfer).imported.fetched_bytes == SENT + 5, lambda: now(house, transfer))

    paused = house.transfers.pause(house.ann, transfer.id)

    assert (paused.phase, paused.durable_bytes) == ("paused_user", SENT + 5)
    house.transfers.resume(house.ann, transfer.id)
    assert_whole(house, transfer)
    assert server.asked("Range")[-1] == f"bytes={SENT + 5}-"


def test_a_cancel_leaves_nothing(house, server):
    transfer = halfway(house, server)

    house.transfers.cancel(house.ann, transfer.id)

    assert settle(house, transfer, "finished_cleanup").image_id is None
    idle(house)
    assert (house.files(), [row.sealed for row in rows(house)]) == ([], [None])


def test_only_its_owner_and_administrators_may_touch_it(house, server):
    transfer = halfway(house, server)

    for act in (house.transfers.pause, house.transfers.cancel, house.transfers.resume):
        with pytest.raises(errors.Forbidden):
            act(house.bob, transfer.id)


def test_no_client_has_anything_to_do_with_its_bytes(house, server):
    transfer = halfway(house, server)
    for act in (house.transfers.ticket, house.transfers.finalize):
        with pytest.raises(errors.WorksAlone):
            act(house.ann, transfer.id)
    house.transfers.pause(house.ann, transfer.id)
    with pytest.raises(errors.WorksAlone):
        house.transfers.pieces(house.ann, transfer.id)
    with pytest.raises(errors.WorksAlone):
        house.transfers.resume(house.ann, transfer.id, views.Proof(len(DATA)))

    assert house.phase(transfer) == "paused_user"


def test_its_image_cannot_be_deleted_meanwhile(house, server):
    transfer = halfway(house, server)

    with pytest.raises(errors.ImageLocked):
        house.admin.images.delete(house.ann, transfer.image_id)

    house.transfers.pause(house.ann, transfer.id)
    house.transfers.resume(house.ann, transfer.id)
    assert_whole(house, transfer)


def test_silence_is_no_missing_heartbeat(house, server):
    transfer = halfway(house, server)

    house.clock.turn(house.config.heartbeat_timeout * 2)
    house.admin.monitor.tick()

    assert house.phase(transfer) == "transferring"


def test_another_process_goes_on_where_the_one_before_died(house, server):
    transfer = halfway(house, server)
    dead = house.admin.importing
    house.crash()
    # The dead one's connections are gone, and so is its memory.
    dead.stop()
    house.admin.monitor.tick()

    assert_whole(house, transfer)
    assert server.asked("Range")[-1] == f"bytes={SENT}-"
    assert "transfer-paused-system" not in house.codes()


def test_a_stop_of_the_worker_keeps_what_has_come(house, server):
    transfer = begin(house, server)
    server.scripts.append(web_server.stall(SENT))
    house.admin.importing.start()
    until(house, lambda: now(house, transfer).durable_bytes == SENT, lambda: now(house, transfer))

    house.admin.importing.stop()

    assert (house.phase(transfer), house.admin.importing._running) == ("transferring", {})
    house.admin.importing.start()
    assert_whole(house, transfer)


def test_a_daemon_that_was_restarted_gets_its_ticket_back(house, server):
    go = threading.Event()

    def hesitate(handler):
        handler.give(SENT)
        handler.wfile.flush()
        go.wait(60)
        handler.wfile.write(DATA[SENT:])

    transfer = begin(house, server)
    server.scripts.append(hesitate)
    until(house, lambda: now(house, transfer).durable_bytes == SENT, lambda: now(house, transfer))
    house.daemon.restart()
    go.set()
    idle(house)
    house.clock.turn(importing.AGAIN)

    assert_whole(house, transfer)
    assert "transfer-paused-system" not in house.codes()


def test_a_host_that_is_away_pauses_it_and_is_gone_on_with_when_it_is_back(house, server):
    transfer = halfway(house, server)
    house.daemon.stop()
    house.admin.monitor.tick()
    house.clock.turn(7)
    house.admin.monitor.tick()
    paused = now(house, transfer)
    assert (paused.phase, paused.reason_code) == ("paused_system", "host-down")
    idle(house)

    house.daemon.start()

    assert_whole(house, transfer)


def test_maintenance_pauses_it_until_the_host_is_active_again(house, server):
    transfer = halfway(house, server)
    house.admin.hosts.maintain("local", True)
    assert settle(house, transfer, "paused_system").reason_code == "maintenance"
    idle(house)

    house.admin.hosts.maintain("local", False)
    house.clock.turn(11)

    assert_whole(house, transfer)


def test_one_that_waits_begins_when_a_host_is_there(house, server):
    transfer = begin(house, server)
    house.admin.hosts.maintain("local", True)
    until(house, lambda: now(house, transfer).imported.trouble, lambda: now(house, transfer))
    assert house.phase(transfer) == "initializing"

    house.admin.hosts.maintain("local", False)
    house.clock.turn(importing.AGAIN)

    assert_whole(house, transfer)


FAILING = {
    "source-failed": web_server.status(503),
    "source-reset": web_server.reset(0),
    "source-short": web_server.cut(0),
    "source-garbled": web_server.raw(b"SSH-2.0-OpenSSH\r\n"),
}


@pytest.mark.parametrize(("code", "script"), FAILING.items(), ids=FAILING)
def test_a_source_that_fails_is_asked_again_and_then_waited_for(house, server, code, script):
    transfer = begin(house, server)
    server.scripts += [script] * 3

    paused = settle(house, transfer, "paused_system", "finished_failure", "finished_success")

    assert (paused.phase, paused.reason_code) == ("paused_system", code)
    assert paused.reason.startswith("127.0.0.1") or "127.0.0.1" in paused.reason
    idle(house)
    house.transfers.resume(house.ann, transfer.id)
    assert_whole(house, transfer)


def test_a_source_that_breaks_off_once_pauses_nothing(house, server):
    transfer = begin(house, server)
    server.scripts += [web_server.reset(SENT), web_server.status(500)]

    assert_whole(house, transfer)
    assert "transfer-paused-system" not in house.codes()


LOST = {
    "source-missing": web_server.status(404),
    "source-forbidden": web_server.status(403),
    "not-an-image": web_server.status(200, b"<html>".ljust(len(DATA)), Content_Type="text/html", ETag='"one"'),
}


@pytest.mark.parametrize(("code", "script"), LOST.items(), ids=LOST)
def test_what_a_source_will_never_give_is_the_end(house, server, code, script):
    transfer = begin(house, server)
    server.scripts.append(script)

    transfer = settle(house, transfer, "paused_system", "finished_failure", "finished_success")

    assert (transfer.phase, transfer.reason_code) == ("finished_failure", code)
    assert (house.files(), house.admin.images.get(transfer.image_id).reason) == ([], transfer.reason)


def test_two_versions_are_never_mixed(house, server):
    transfer = halfway(house, server)
    house.transfers.pause(house.ann, transfer.id)
    server.files["/disk.img"] = web_server.File(DATA[::-1], etag='"two"')
    house.transfers.resume(house.ann, transfer.id)

    transfer = settle(house, transfer, "finished_failure", "finished_success")

    assert (transfer.phase, transfer.reason_code) == ("finished_failure", "source-changed")
    assert house.files() == []


def test_a_source_without_parts_begins_anew_and_says_so(house, server):
    server.files["/disk.img"] = web_server.File(DATA, ranges=False)
    transfer = begin(house, server)
    assert not transfer.imported.resumable
    server.scripts.append(web_server.reset(SENT))

    assert_whole(house, transfer)
    assert now(house, transfer).imported.fetched_bytes == len(DATA)


def test_a_domain_that_fills_up_pauses_it(house, server, monkeypatch):
    transfer = begin(house, server)
    with monkeypatch.context() as patched:
        patched.setattr(fetch.Fetch, "run", raising(fetch.Lost("no-space", "Storage domain data is full.")))
        paused = settle(house, transfer, "paused_system", "finished_failure")
    assert (paused.phase, paused.reason_code, paused.reason) == ("paused_system", "no-space", "Storage domain data is full.")
    idle(house)

    house.transfers.resume(house.ann, transfer.id)

    assert_whole(house, transfer)


def test_a_domain_that_is_full_when_its_turn_comes_pauses_it(house, server, monkeypatch):
    transfer = begin(house, server)
    with monkeypatch.context() as patched:
        patched.setattr(house.admin.importing._tools.live, "connect", raising(errors.NoSpace(domain="data", free=1, name="disk", needed=2)))
        assert settle(house, transfer, "paused_system", "finished_failure").reason_code == "no-space"
    idle(house)

    house.transfers.resume(house.ann, transfer.id)

    assert_whole(house, transfer)


def test_a_fault_of_ours_pauses_it_and_shows_no_traceback(house, server, monkeypatch):
    transfer = begin(house, server)
    with monkeypatch.context() as patched:
        patched.setattr(fetch.Fetch, "run", raising(RuntimeError("boom")))
        paused = settle(house, transfer, "paused_system", "finished_failure")

    assert (paused.reason_code, "boom" in paused.reason) == ("internal", False)


def test_only_so_many_fetch_at_once(house, server):
    transfers = []
    for number in range(4):
        transfers.append(begin(house, server, name=f"disk {number}"))
    server.scripts += [web_server.stall(SENT)] * 4
    until(house, lambda: [house.phase(each) for each in transfers].count("transferring") == 3, lambda: transfers)
    house.admin.importing.tick()
    assert [house.phase(each) for each in transfers] == ["transferring"] * 3 + ["initializing"]

    house.transfers.cancel(house.ann, transfers[0].id)

    settle(house, transfers[3], "transferring")


def raising(error):
    def act(*_):
        raise error

    return act
