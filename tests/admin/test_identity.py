"""The same file, or another one?"""

import pytest

from appliance import errors
from appliance.admin import identity, views

GIB, MIB = 1 << 30, 1 << 20
HEAD, TAIL = [0, MIB, "aa"], [9 * MIB, 10 * MIB, "bb"]


def test_recorded_pieces_and_samples_of_what_is_durable_are_asked_for():
    asked = identity.to_hash([HEAD, TAIL], [(2 * MIB, 8 * MIB)])

    assert [0, MIB] in asked and [9 * MIB, 10 * MIB] in asked
    samples = [pair for pair in asked if pair not in ([0, MIB], [9 * MIB, 10 * MIB])]
    assert 1 <= len(samples) <= identity.SAMPLES
    assert all(2 * MIB <= start < end <= 8 * MIB and end - start == identity.SAMPLE for start, end in samples)


def test_nothing_durable_means_no_samples():
    assert identity.samples([]) == []


def test_a_short_durable_range_is_sampled_whole():
    assert identity.samples([(5, 12)]) == [(5, 12)]


def test_samples_cannot_be_foretold():
    assert len({tuple(identity.samples([(0, GIB)])) for _ in range(4)}) == 4


def test_only_what_the_host_holds_as_a_whole_is_compared_with_it():
    assert identity.within([[0, 10], [5, 20], [30, 40]], [(0, 15), (30, 40)]) == [(0, 10), (30, 40)]


def test_another_size_is_named_in_words():
    with pytest.raises(errors.DifferentFile, match=r"has 3\.36 GiB, but the upload was started with 3\.30 GiB"):
        identity.same_size(round(3.30 * GIB), round(3.36 * GIB))


def test_sizes_that_read_alike_are_named_in_bytes():
    with pytest.raises(errors.DifferentFile, match="has 1073741825 bytes, but the upload was started with 1073741824 bytes"):
        identity.same_size(GIB, GIB + 1)


@pytest.mark.parametrize(("start", "where"), [(0, "differs at its beginning"), (round(1.2 * GIB), "differs at 1.20 GiB")])
def test_the_first_difference_is_named(start, where):
    with pytest.raises(errors.DifferentFile, match=where):
        identity.same_bytes({(start, start + 5): "aa", (2 * GIB, 2 * GIB + 1): "cc"}, {(start, start + 5): "bb"})


def test_the_same_bytes_pass():
    assert identity.same_bytes({(0, 5): "aa"}, {(0, 5): "aa", (7, 9): "cc"}) is None


def test_a_proof_without_a_piece_that_was_asked_for_is_refused():
    with pytest.raises(errors.Unproven, match="bytes 5 to 7") as refused:
        identity.answered([[0, 5], [5, 7]], views.Proof(10, pieces=(views.Piece(0, 5, "aa"),)))

    assert refused.value.details == {"missing": [[5, 7]]}


def test_a_proof_that_nobody_asked_for_is_refused():
    with pytest.raises(errors.Unproven, match="nobody has asked"):
        identity.answered(None, views.Proof(10))
