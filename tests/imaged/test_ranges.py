"""Sets of ranges, compared with plain sets of numbers."""

from hypothesis import given
from hypothesis import strategies as st

from imaged.ranges import Ranges

SPAN = st.tuples(st.integers(0, 40), st.integers(0, 40))
CHANGES = st.lists(st.tuples(st.booleans(), SPAN), max_size=20)


def build(changes) -> tuple[Ranges, set[int]]:
    ranges, numbers = Ranges(), set()
    for add, (start, end) in changes:
        if add:
            ranges.add(start, end)
            numbers |= set(range(start, end))
        else:
            ranges.subtract(start, end)
            numbers -= set(range(start, end))
    return ranges, numbers


@given(CHANGES)
def test_ranges_hold_what_a_set_of_numbers_holds(changes):
    ranges, numbers = build(changes)

    assert {n for start, end in ranges for n in range(start, end)} == numbers
    assert ranges.total == len(numbers)


@given(CHANGES)
def test_ranges_are_sorted_merged_and_never_empty(changes):
    ranges, _ = build(changes)

    bounds = [bound for pair in ranges for bound in pair]

    assert bounds == sorted(set(bounds))


@given(CHANGES, SPAN)
def test_common_and_missing_share_a_span_between_them(changes, span):
    ranges, numbers = build(changes)
    wanted = set(range(*span))

    common = {n for start, end in ranges.common(*span) for n in range(start, end)}
    missing = {n for start, end in ranges.missing(*span) for n in range(start, end)}

    assert common == wanted & numbers
    assert missing == wanted - numbers
    assert ranges.contains(*span) == (not missing)


@given(CHANGES)
def test_a_copy_does_not_follow_its_original(changes):
    ranges, _ = build(changes)
    copy = ranges.copy()
    before = copy.as_lists()

    ranges.add(100, 200)

    assert copy.as_lists() == before
    assert copy != ranges
