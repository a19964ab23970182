"""Medians are of pairs: what slows both down at once slows neither in the table."""

import math

import pytest

from bench import load, measure, rows
from bench.contender import Run

ROW = rows.Row("one", "one path", "imaged", "nginx", load.Load("put"), 1 << 20, 1 << 20, 1.0, 2.0)


def test_the_ratio_is_the_median_of_the_pairs_own_ratios():
    pairs = [(Run(200, 1), Run(100, 1)), (Run(30, 1), Run(10, 1)), (Run(1000, 1), Run(1000, 1))]

    assert measure.result(ROW, pairs).ratio == 2


def test_the_speeds_are_medians_of_each_side():
    pairs = [(Run(200, 1), Run(100, 4)), (Run(30, 2), Run(10, 5)), (Run(1000, 3), Run(1000, 6))]

    found = measure.result(ROW, pairs)

    assert (found.ours, found.theirs) == (Run(200, 2), Run(100, 5))


def test_one_wild_pair_changes_little():
    calm = [(Run(100, 1), Run(100, 2))] * 4

    found = measure.result(ROW, [*calm, (Run(1, 50), Run(100, 1))])

    assert (found.ratio, found.cpu_ratio) == (1, 0.5)


def test_a_run_too_short_for_the_clock_says_nothing_of_cpu():
    found = measure.result(ROW, [(Run(1, 0.1), Run(1, 0.0)), (Run(1, 0.3), Run(1, 0.1))])

    assert found.cpu_ratio == pytest.approx(3)


def test_no_cpu_time_at_all_is_no_ratio():
    assert math.isnan(measure.result(ROW, [(Run(1, 0.1), Run(1, 0.0))]).cpu_ratio)


def test_a_short_look_takes_fewer_rounds_but_one_that_is_not_counted():
    assert measure.rounds(ROW, short=True) < measure.rounds(ROW, short=False)
    assert measure.rounds(ROW, short=True) > 1


@pytest.mark.parametrize(
    ("number", "seconds", "short", "said"),
    [(7, 30, False, False), (3, 41, False, True), (2, 500, False, False), (0, 500, True, False), (1, 5, True, True), (1, 3, True, False)],
)
def test_a_slow_machine_takes_fewer_rounds_but_not_none(number, seconds, short, said):
    assert measure.enough(number, seconds, short=short) is said


def test_the_pairs_that_others_disturbed_most_are_left_out():
    quiet, loud = (Run(2, 1, 0.01), Run(1, 1, 0.0)), (Run(1, 1, 0.0), Run(4, 1, 0.5))

    assert measure.result(ROW, [loud, quiet, loud, quiet, loud, quiet]).ratio == 2


def test_of_few_pairs_none_is_left_out():
    pairs = [(Run(1, 1, 0.9), Run(1, 1)), (Run(2, 1), Run(1, 1)), (Run(3, 1), Run(1, 1))]

    assert len(measure.quieter(pairs)) == 3
