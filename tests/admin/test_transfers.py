"""The life of an upload, as its user sees it."""

import hashlib
import pathlib

import pytest

from appliance import errors
from appliance.admin import views
from imaged import client
from tests.admin.house import MIB, at_once, disk


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_an_upload_becomes_a_good_image(house):
    data = disk()

    transfer = house.upload(data=data, sha256=sha256(data))

    assert (transfer.phase, transfer.sha256, transfer.durable, transfer.actions) == ("finished_success", sha256(data), ((0, 3 * MIB),), ())
    image = house.admin.images.get(transfer.image_id)
    assert (image.status, image.name, image.sha256, image.virtual_size) == ("ok", "disk", sha256(data), 3 * MIB)
    assert (image.owner, image.transfer_id, image.domain.name) == ("ann", transfer.id, "data")
    assert pathlib.Path(image.path).read_bytes() == data
    assert house.codes()[-4:] == ["transfer-created", "transfer-transferring", "transfer-finalizing-success", "transfer-finished-success"]


def test_data_goes_with_a_signed_ticket(house):
    transfer = house.create()

    ticket = house.transfers.ticket(house.ann, transfer.id)

    signed = house.sessions.open(ticket.ticket).ticket
    assert (signed.user, signed.transfer, signed.host, signed.ops, signed.size) == (
        "ann",
        transfer.id,
        transfer.host.id,
        ("write",),
        3 * MIB,
    )
    assert ticket.url == f"/images/{signed.ticket}"
    assert house.put(ticket.url, b"x" * 100) == 200


def test_a_heartbeat_tells_what_is_durable(house):
    transfer = house.create()
    house.send(transfer, b"x" * MIB, offset=MIB)
    house.admin.monitor.tick()

    beat = house.transfers.heartbeat(house.ann, transfer.id)

    assert beat == views.Beat("transferring", None, ((MIB, 2 * MIB),), MIB)


def test_pause_really_stops_the_data(house):
    transfer = house.create()
    ticket = house.transfers.ticket(house.ann, transfer.id)
    session = house.sessions.open(ticket.ticket)
    house.put(ticket.url, b"x" * MIB)

    paused = house.transfers.pause(house.ann, transfer.id)

    assert (paused.phase, paused.durable_bytes, paused.actions) == ("paused_user", MIB, ("resume", "cancel"))
    assert house.put(ticket.url, b"x" * MIB, MIB) == 403
    with pytest.raises(errors.NoSession):
        session.check()
    house.admin.monitor.tick()
    assert house.put(ticket.url, b"x" * MIB, MIB) == 403


def test_a_pause_while_the_host_is_away_revokes_the_ticket_when_it_is_back(house):
    transfer = house.create()
    url = house.transfers.ticket(house.ann, transfer.id).url
    control = house.control
    revoke, control.delete_ticket = control.delete_ticket, unreachable

    assert house.transfers.pause(house.ann, transfer.id).phase == "paused_user"
    assert house.put(url, b"x") == 200

    control.delete_ticket = revoke
    house.admin.monitor.tick()
    assert house.put(url, b"x") == 403


def unreachable(*arguments, **words):
    raise client.Unreachable("unix:/gone", "timed out")


def test_an_api_upload_resumes_without_proof(house):
    data = disk()
    transfer = house.create()
    house.send(transfer, data[:MIB])
    house.transfers.pause(house.ann, transfer.id)

    resumed = house.transfers.resume(house.ann, transfer.id)

    assert (resumed.phase, resumed.durable) == ("transferring", ((0, MIB),))
    house.send(transfer, data[MIB:], MIB)
    house.transfers.finalize(house.ann, transfer.id)
    image = house.settle(transfer, "finished_success").image_id
    assert house.admin.images.get(image).sha256 == sha256(data)


def test_cancel_removes_bytes_and_record(house):
    transfer = house.create()
    house.send(transfer, b"x" * MIB)

    cancelled = house.transfers.cancel(house.ann, transfer.id)

    assert (cancelled.phase, cancelled.image_id) == ("finished_cleanup", None)
    assert house.files() == []
    with pytest.raises(errors.NotFound):
        house.admin.images.get(transfer.image_id)
    assert house.create().phase == "transferring"


def test_a_cancel_while_the_host_is_away_frees_the_name_and_cleans_up_later(house):
    transfer = house.create()
    house.daemon.stop()

    assert house.transfers.cancel(house.ann, transfer.id).phase == "cancelled_user"

    house.daemon.start()
    assert house.create().phase == "transferring"
    house.settle(transfer, "finished_cleanup")


def test_finalize_with_bytes_missing_is_refused_and_changes_nothing(house):
    transfer = house.create()
    ticket = house.transfers.ticket(house.ann, transfer.id)
    house.put(ticket.url, b"x" * MIB, MIB)

    with pytest.raises(errors.Incomplete, match=r"2\.00 MiB of the image have not arrived") as refused:
        house.transfers.finalize(house.ann, transfer.id)

    assert refused.value.details == {"missing": [[0, MIB], [2 * MIB, 3 * MIB]]}
    assert house.phase(transfer) == "transferring"
    assert house.put(ticket.url, b"x") == 200


def test_finalize_while_the_host_is_away_changes_nothing(house):
    transfer = house.create()
    house.send(transfer, disk())
    house.daemon.stop()

    with pytest.raises(errors.HostDown):
        house.transfers.finalize(house.ann, transfer.id)

    assert house.phase(transfer) == "transferring"


@pytest.mark.parametrize(
    ("changes", "data", "code"),
    [
        ({"sha256": "0" * 64}, disk(), "sha256-mismatch"),
        ({"format": "iso"}, b"This is a text file named .iso\n" * 1000, "format-mismatch"),
        ({"format": "qcow2"}, disk(), "format-mismatch"),
        ({}, b"QFI\xfb\0\0\0\3" + disk(), None),
    ],
)
def test_what_fails_verification_is_illegal_with_the_reason_and_its_bytes_are_gone(house, changes, data, code):
    transfer = house.upload(data=data, **changes)

    assert transfer.phase == "finished_failure"
    assert transfer.reason and transfer.reason_code == (code or transfer.reason_code)
    image = house.admin.images.get(transfer.image_id)
    assert (image.status, image.reason, image.path) == ("illegal", transfer.reason, None)
    assert house.files() == []
    failed = [event for event in house.admin.events.page(transfer=transfer.id).items if event.severity == "error"]
    assert transfer.reason in failed[0].message


def test_the_name_of_an_illegal_image_is_free(house):
    house.upload(sha256="0" * 64)

    assert house.upload().phase == "finished_success"


PHASES = {
    "transferring": lambda house, transfer: None,
    "paused_user": lambda house, transfer: house.transfers.pause(house.ann, transfer.id),
    "finished_cleanup": lambda house, transfer: house.transfers.cancel(house.ann, transfer.id),
}


@pytest.mark.parametrize(
    ("phase", "action"),
    [
        ("transferring", "resume"),
        ("transferring", "pieces"),
        ("paused_user", "pause"),
        ("paused_user", "finalize"),
        ("paused_user", "ticket"),
        *[("finished_cleanup", action) for action in ("pause", "resume", "cancel", "finalize", "ticket", "pieces")],
    ],
)
def test_an_action_that_the_phase_does_not_allow_is_refused_by_name(house, phase, action):
    transfer = house.create()
    PHASES[phase](house, transfer)

    with pytest.raises(errors.NotAllowed, match=f"The transfer is {phase}"):
        getattr(house.transfers, action)(house.ann, transfer.id)

    assert house.phase(transfer) == phase


@pytest.mark.parametrize("action", ["get", "ticket", "heartbeat", "pause", "resume", "cancel", "finalize", "pieces"])
def test_an_unknown_transfer_is_not_found(house, action):
    with pytest.raises(errors.NotFound, match="no such transfer"):
        getattr(house.transfers, action)(house.root, "no-such-id")


@pytest.mark.parametrize("action", ["ticket", "heartbeat", "pause", "resume", "cancel", "finalize", "pieces"])
def test_only_the_owner_and_admins_act_on_an_upload(house, action):
    transfer = house.create()

    with pytest.raises(errors.Forbidden, match="takes the role admin"):
        getattr(house.transfers, action)(house.bob, transfer.id)
    with pytest.raises(errors.Forbidden, match=r"role \(viewer\)"):
        getattr(house.transfers, action)(house.eve, transfer.id)

    assert house.phase(transfer) == "transferring"


def test_an_admin_acts_on_everybodys_uploads(house):
    transfer = house.create()

    assert house.transfers.pause(house.root, transfer.id).phase == "paused_user"


def test_a_viewer_may_not_upload_but_look(house):
    transfer = house.create()

    for act in (house.transfers.check, house.transfers.create):
        with pytest.raises(errors.Forbidden, match="takes the role uploader or admin"):
            act(house.eve, house.request(name="other"))

    seen = house.transfers.get(house.eve, transfer.id)
    assert (seen.phase, seen.actions) == ("transferring", ())


def test_of_two_moves_at_once_one_wins(house):
    """Both read the same phase; the database decides, not the order of the reading."""
    transfer = house.create()
    first, second = (house.transfers._load(transfer.id) for _ in range(2))
    house.transfers._moves.move(first, "pause")

    with pytest.raises(errors.NotAllowed, match="The transfer is paused_user: it cannot cancel"):
        house.transfers._moves.move(second, "cancel")

    assert house.phase(transfer) == "paused_user"


def test_of_many_pauses_at_once_one_pauses(house):
    transfer = house.create()

    outcomes = at_once(5, lambda: house.transfers.pause(house.ann, transfer.id).phase)

    assert outcomes == ["not-allowed"] * 4 + ["paused_user"]
    assert house.codes().count("transfer-paused-user") == 1


def test_transfers_are_listed_by_state_and_in_pages(house):
    running = house.create(name="running")
    house.clock.turn(1)
    paused = house.transfers.pause(house.ann, house.create(name="paused").id)
    house.clock.turn(1)
    done = house.transfers.cancel(house.ann, house.create(name="done").id)

    def ids(**words):
        return [transfer.id for transfer in house.transfers.page(house.ann, **words).items]

    assert ids() == [done.id, paused.id, running.id]
    assert (ids(state="running"), ids(state="unfinished"), ids(state="finished")) == ([running.id], [paused.id, running.id], [done.id])
    page = house.transfers.page(house.ann, limit=2)
    assert [transfer.id for transfer in page.items] == [done.id, paused.id]
    assert ids(limit=2, after=page.next) == [running.id]
    assert house.transfers.page(house.ann, limit=3).next is None


@pytest.mark.parametrize("after", ["", "x", "1", "-5_x", "9" * 18 + "_x", "9" * 30])
def test_a_cursor_that_no_page_gave_is_no_fault_of_ours(house, after):
    try:
        assert house.transfers.page(house.ann, after=after).items == ()
    except errors.Invalid as refused:
        assert refused.words["field"] == "after"


def test_what_was_acknowledged_is_shown_at_once_also_after_a_crash(house):
    """No byte that the host holds for good need be sent again."""
    transfer = house.create()
    url = house.transfers.ticket(house.ann, transfer.id).url
    house.put(url, b"x" * MIB)
    assert house.transfers.get(house.ann, transfer.id).durable == ((0, MIB),)
    house.put(url, b"x" * MIB, 2 * MIB)

    house.crash()
    house.admin.hosts.load()

    assert house.transfers.get(house.ann, transfer.id).durable == ((0, MIB), (2 * MIB, 3 * MIB))


def test_a_running_upload_is_shown_while_its_host_is_away(house):
    transfer = house.create()
    house.daemon.stop()

    assert house.transfers.get(house.ann, transfer.id).phase == "transferring"
