"""The life of an upload, as its user sees it."""

import hashlib
import pathlib
import threading

import pytest

from appliance import errors
from appliance.admin import views
from imaged import client
from tests.admin.house import disk

MIB = 1 << 20


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def files(house):
    """Everything that lies in the storage domains."""
    return [path.name for path in pathlib.Path(house.daemon.root).rglob("*") if path.is_file() and path.name != ".image-domain"]


def test_an_upload_becomes_a_good_image(house):
    data = disk()

    transfer = house.upload(data=data, sha256=sha256(data))

    assert (transfer.phase, transfer.sha256, transfer.durable, transfer.actions) == ("finished_success", sha256(data), ((0, 3 * MIB),), ())
    image = house.admin.images.get(transfer.image_id)
    assert (image.status, image.name, image.sha256, image.virtual_size) == ("ok", "disk", sha256(data), 3 * MIB)
    assert (image.owner, image.transfer_id, image.domain.name) == ("ann", transfer.id, "data")
    assert pathlib.Path(image.path).read_bytes() == data
    assert house.codes()[-4:] == ["transfer-created", "transfer-transferring", "transfer-finalizing-success", "transfer-finished-success"]


def test_a_new_upload_is_ready_for_data_and_its_image_locked(house):
    transfer = house.create()

    assert transfer.phase == "transferring"
    assert transfer.actions == ("pause", "cancel", "finalize")
    image = house.admin.images.get(transfer.image_id)
    assert (image.status, image.path) == ("locked", None)


def test_a_check_promises_what_create_does(house):
    checked = house.transfers.check(house.ann, house.request())

    # Others write to this disk too: nearly the same is the same.
    available = house.control.domain(house.data.id)["available"]
    assert checked.ok and abs(checked.available - available) < available // 10
    assert house.transfers.page(house.ann).items == ()


@pytest.mark.parametrize("domain", ["name", "id"])
def test_a_domain_is_named_by_id_or_name(house, domain):
    assert house.create(domain=getattr(house.data, domain)).domain == views.Ref(house.data.id, "data")


BAD = [
    ({"name": "a/b"}, errors.BadName, "path separator"),
    ({"name": "a" * 300}, errors.BadName, "300 characters"),
    ({"size": 0}, errors.Invalid, "size: an empty file is no image"),
    ({"size": -1}, errors.Invalid, "size: it must be from 1"),
    ({"size": (64 << 40) + 1}, errors.Invalid, "size: it must be from 1"),
    ({"format": "vmdk"}, errors.Invalid, "format: it must be one of iso, qcow2, raw"),
    ({"allocation": "thick"}, errors.Invalid, "allocation"),
    ({"client": "tool"}, errors.Invalid, "client"),
    ({"sha256": "abc"}, errors.Invalid, "sha256: a SHA-256 has 64"),
    ({"sha256": "g" * 64}, errors.Invalid, "sha256"),
    ({"initial_size": -1}, errors.Invalid, "initial_size: it must be from 0"),
    ({"initial_size": 1 << 40}, errors.Invalid, "initial_size: it must be from 0"),
    ({"domain": "nowhere"}, errors.NotFound, "no such storage domain"),
    ({"domain": "iso"}, errors.WrongDomain, "iso takes ISO images only, and this one is raw"),
    ({"domain": "iso", "format": "qcow2"}, errors.WrongDomain, "qcow2"),
    ({"fingerprint": views.Fingerprint(None, (views.Piece(5, 5, "0" * 64),))}, errors.Invalid, "does not lie within"),
    ({"fingerprint": views.Fingerprint(None, (views.Piece(0, 4 * MIB, "0" * 64),))}, errors.Invalid, "does not lie within"),
    ({"fingerprint": views.Fingerprint(None, (views.Piece(0, MIB + 1, "0" * 64),))}, errors.Invalid, "at most 1048576 bytes"),
    ({"fingerprint": views.Fingerprint(None, (views.Piece(0, 1, "0" * 64),) * 49)}, errors.Invalid, "at most 48 pieces"),
    ({"fingerprint": views.Fingerprint(None, (views.Piece(0, 1, "x"),))}, errors.Invalid, "64 hexadecimal"),
]


@pytest.mark.parametrize(("changes", "error", "reason"), BAD)
def test_a_bad_request_is_refused_and_leaves_nothing(house, changes, error, reason):
    for act in (house.transfers.check, house.transfers.create):
        with pytest.raises(error, match=reason):
            act(house.ann, house.request(**changes))

    assert house.transfers.page(house.ann).items == house.admin.images.page().items == ()
    assert files(house) == []


def test_a_name_is_unique_among_good_images_and_running_uploads(house):
    house.create(name="one")
    house.upload(name="two")

    for name in ("one", "two"):
        with pytest.raises(errors.NameTaken, match=f"data already has an image named {name}"):
            house.create(house.bob, name=name)
    house.create(name="one", domain="iso", format="iso")


def test_names_that_look_the_same_are_the_same(house):
    house.create(name="caf\u00e9")

    with pytest.raises(errors.NameTaken):
        house.create(name="cafe\u0301")


def test_of_many_uploads_of_one_name_at_once_one_is_started(house):
    outcomes = []

    def start():
        try:
            outcomes.append(house.create().phase)
        except errors.NameTaken as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["name-taken"] * 5 + ["transferring"]
    assert len(house.admin.images.page().items) == 1


def test_a_domain_without_room_refuses_with_both_numbers(house):
    available = house.control.domain(house.data.id)["available"]

    with pytest.raises(errors.NoSpace) as refused:
        house.create(size=available + (1 << 40))

    assert refused.value.details["needed"] == available + (1 << 40)
    assert abs(refused.value.details["available"] - available) < 64 * MIB
    assert house.transfers.page(house.ann).items == ()


def test_room_promised_to_running_uploads_counts(house):
    available = house.control.domain(house.data.id)["available"]
    house.create(name="one", size=available * 2 // 3)

    with pytest.raises(errors.NoSpace):
        house.create(name="two", size=available * 2 // 3)


def test_a_host_that_is_down_is_named_and_nothing_is_left(house):
    house.daemon.stop()

    with pytest.raises(errors.HostDown, match="Host local does not answer"):
        house.create()

    assert house.transfers.page(house.ann).items == house.admin.images.page().items == ()


def test_what_is_refused_by_the_host_leaves_nothing(house, monkeypatch):
    """The domain filled up between the check and the creation."""
    monkeypatch.setattr(house.admin.domains, "ask", lambda domain: {"available": 1 << 60})
    size = 1 << 45

    with pytest.raises(errors.NoSpace) as refused:
        house.create(size=size)

    assert refused.value.details["needed"] == size
    assert house.transfers.page(house.ann).items == house.admin.images.page().items == ()
    assert files(house) == []
    assert house.codes()[-1] == "transfer-refused"


def test_a_host_that_goes_while_an_upload_is_started_is_cleaned_up_later(house, monkeypatch):
    numbers = house.admin.domains.ask
    monkeypatch.setattr(house.admin.domains, "ask", lambda domain: (numbers(domain), house.daemon.stop())[0])

    with pytest.raises(errors.HostDown):
        house.create()

    transfer = house.transfers.page(house.ann).items[0]
    assert (transfer.phase, transfer.reason_code) == ("cancelled_system", "host-down")
    house.daemon.start()
    monkeypatch.undo()
    house.settle(transfer, "finished_failure")
    assert house.create().phase == "transferring"


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
    assert files(house) == []
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
    assert files(house) == []
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
    outcomes = []

    def pause():
        try:
            outcomes.append(house.transfers.pause(house.ann, transfer.id).phase)
        except errors.NotAllowed as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=pause) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["not-allowed"] * 4 + ["paused_user"]
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


def test_a_huge_sparse_upload_needs_room_for_its_data_alone(house):
    size = 8 << 40  # less than the largest file of common file systems, more than a test machine has
    with pytest.raises(errors.NoSpace):
        house.create(size=size)

    transfer = house.create(size=size, initial_size=MIB)

    assert house.send(transfer, b"x" * 4096, offset=size - 4096) == 200
    assert house.transfers.pause(house.ann, transfer.id).durable == ((size - 4096, size),)
    assert house.transfers.resume(house.ann, transfer.id).durable_bytes == 4096
    stored = next(pathlib.Path(house.daemon.root).rglob(".partial-*.img"))
    assert stored.stat().st_blocks * 512 < MIB


def test_a_preallocated_upload_needs_room_for_all_of_it(house):
    with pytest.raises(errors.NoSpace):
        house.create(size=8 << 40, initial_size=MIB, allocation="preallocated")


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
