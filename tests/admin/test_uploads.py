"""What a new upload needs, and how it is refused: by its words, by its name, by its room and by its host."""

import pathlib

import pytest

from appliance import errors
from appliance.admin import views
from tests.admin.house import MIB, at_once


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


def test_a_check_refuses_what_no_host_would_take(house):
    house.admin.hosts.maintain(house.host.id, True)

    with pytest.raises(errors.NoHost):
        house.transfers.check(house.ann, house.request())


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
    assert house.files() == []


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
    outcomes = at_once(6, lambda: house.create().phase)

    assert outcomes == ["name-taken"] * 5 + ["transferring"]
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
    assert house.files() == []
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
