"""The p99, and who decides."""

import pytest

from bench import latency


@pytest.mark.parametrize(
    ("values", "part", "found"), [([5], 0.99, 5), (range(1, 101), 0.99, 99), (range(1, 1001), 0.99, 990), ([3, 1, 2], 0.5, 2)]
)
def test_a_percentile_is_one_of_the_values(values, part, found):
    assert latency.percentile(list(values), part) == found


def test_the_slowest_kind_of_answer_decides():
    answers = latency.Answers({"page": [0.001] * 100, "API": [0.030] * 100}, 0)

    assert answers.worst == pytest.approx(30)
