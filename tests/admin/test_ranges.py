import itertools

from hypothesis import given
from hypothesis import strategies as st

from appliance.admin import ranges

pairs = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted).map(tuple), max_size=8)


def covered(given):
    return {byte for start, end in given for byte in range(start, end)}


@given(pairs)
def test_merging_keeps_the_bytes_and_leaves_gaps_between(given):
    merged = ranges.merged(given)

    assert covered(merged) == covered(given)
    assert all(first[1] < second[0] for first, second in itertools.pairwise(merged))
    assert ranges.total(merged) == len(covered(given))


@given(pairs, st.integers(0, 40))
def test_missing_is_what_is_not_there(given, size):
    assert covered(ranges.missing(ranges.merged(given), size)) == set(range(size)) - covered(given)
