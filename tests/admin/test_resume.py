"""Resuming a browser's upload: only with the same file."""

import hashlib

import pytest

from appliance import errors
from appliance.admin import views
from tests.admin.house import disk

MIB = 1 << 20
SIZE = 4 * MIB
DATA = disk(SIZE)


def hashed(data, ranges):
    return tuple(views.Piece(start, end, hashlib.sha256(data[start:end]).hexdigest()) for start, end in ranges)


@pytest.fixture
def paused(house):
    """A browser's upload with its second and third MiB on the host."""
    fingerprint = views.Fingerprint(1700000000.5, hashed(DATA, [(0, MIB), (SIZE - MIB, SIZE)]))
    transfer = house.create(size=SIZE, client="browser", fingerprint=fingerprint)
    house.send(transfer, DATA[MIB : 3 * MIB], MIB)
    return house.transfers.pause(house.ann, transfer.id)


def resume(house, transfer, data, size=None):
    """As a browser does it, with a file of these bytes."""
    asked = house.transfers.pieces(house.ann, transfer.id).pieces
    proof = views.Proof(len(data) if size is None else size, None, hashed(data, asked))
    return house.transfers.resume(house.ann, transfer.id, proof)


def test_the_same_file_goes_on(house, paused):
    resumed = resume(house, paused, DATA)

    assert (resumed.phase, resumed.durable) == ("transferring", ((MIB, 3 * MIB),))


def test_a_browser_must_show_the_file(house, paused):
    with pytest.raises(errors.Unproven, match="the file must be shown again"):
        house.transfers.resume(house.ann, paused.id)

    assert house.phase(paused) == "paused_user"


def test_a_file_of_another_size_is_refused_before_anything_is_compared(house, paused):
    with pytest.raises(errors.DifferentFile, match=r"has 5\.00 MiB, but the upload was started with 4\.00 MiB"):
        house.transfers.resume(house.ann, paused.id, views.Proof(5 * MIB))

    assert house.phase(paused) == "paused_user"


@pytest.mark.parametrize(("place", "where"), [(0, "at its beginning"), (SIZE - 1, "at 3.00 MiB")])
def test_a_file_that_differs_where_the_browser_had_hashed_is_refused(house, paused, place, where):
    other = bytearray(DATA)
    other[place] ^= 1

    with pytest.raises(errors.DifferentFile, match=f"differs {where}"):
        resume(house, paused, bytes(other))

    assert house.phase(paused) == "paused_user"


def test_a_file_that_differs_only_from_what_the_host_holds_is_refused(house, paused):
    other = DATA[:MIB] + disk(2 * MIB, seed=2) + DATA[3 * MIB :]

    with pytest.raises(errors.DifferentFile, match=r"differs at [12]\.\d\d MiB"):
        resume(house, paused, other)


def test_a_refused_file_does_not_spoil_the_right_one(house, paused):
    with pytest.raises(errors.DifferentFile):
        resume(house, paused, disk(SIZE, seed=2))

    assert resume(house, paused, DATA).phase == "transferring"


def test_a_proof_without_the_pieces_is_refused(house, paused):
    house.transfers.pieces(house.ann, paused.id)

    with pytest.raises(errors.Unproven, match="was asked for and is missing"):
        house.transfers.resume(house.ann, paused.id, views.Proof(SIZE, None, hashed(DATA, [(0, MIB)])))


def test_a_proof_that_nobody_asked_for_is_refused(house, paused):
    with pytest.raises(errors.Unproven, match="nobody has asked"):
        house.transfers.resume(house.ann, paused.id, views.Proof(SIZE, None, hashed(DATA, [(0, MIB)])))


def test_a_proof_of_nonsense_is_refused(house, paused):
    with pytest.raises(errors.Invalid, match="does not lie within"):
        house.transfers.resume(house.ann, paused.id, views.Proof(SIZE, None, (views.Piece(0, SIZE + 1, "0" * 64),)))


def test_what_is_asked_is_remembered_over_a_crash(house, paused):
    asked = house.transfers.pieces(house.ann, paused.id)

    house.crash()
    house.admin.monitor.tick()

    assert house.transfers.pieces(house.ann, paused.id) == asked
    assert resume(house, paused, DATA).phase == "transferring"


def test_the_next_resume_asks_for_other_pieces(house, paused):
    asked = house.transfers.pieces(house.ann, paused.id)
    resume(house, paused, DATA)
    house.transfers.pause(house.ann, paused.id)

    assert house.transfers.pieces(house.ann, paused.id) != asked


@pytest.mark.parametrize("act", ["pieces", "resume"])
def test_while_the_host_is_away_it_stays_paused(house, paused, act):
    pieces = house.transfers.pieces(house.ann, paused.id).pieces
    house.daemon.stop()

    with pytest.raises(errors.HostDown):
        if act == "resume":
            house.transfers.resume(house.ann, paused.id, views.Proof(SIZE, None, hashed(DATA, pieces)))
        else:
            house.crash()
            house.transfers._live.keep(house.transfers._load(paused.id), asked=None)
            house.transfers.pieces(house.ann, paused.id)

    assert house.phase(paused) == "paused_user"


def test_a_volume_that_is_gone_is_made_again_and_everything_sent_again(house, paused):
    transfer = house.transfers._load(paused.id)
    house.control.delete_volume(transfer.domain_id, transfer.volume)

    resumed = resume(house, paused, DATA)

    assert (resumed.phase, resumed.durable) == ("transferring", ())


def test_a_host_that_refuses_at_the_last_moment_leaves_it_paused_by_the_system(house, paused, monkeypatch):
    pieces = house.transfers.pieces(house.ann, paused.id).pieces
    control = house.control
    put = control.put_ticket
    control.put_ticket = lambda ticket: (house.daemon.stop(), put(ticket))

    with pytest.raises(errors.HostDown):
        house.transfers.resume(house.ann, paused.id, views.Proof(SIZE, None, hashed(DATA, pieces)))

    after = house.transfers.get(house.ann, paused.id)
    assert (after.phase, after.reason_code) == ("paused_system", "host-down")
    control.put_ticket = put
    house.daemon.start()
    assert resume(house, paused, DATA).phase == "transferring"
