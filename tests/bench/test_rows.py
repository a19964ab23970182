"""The table of rows is sound, and what is printed of it says whether floors hold."""

import pytest

from bench import report, rows
from bench.contender import Run
from bench.measure import Result


@pytest.mark.parametrize("row", rows.ROWS, ids=lambda row: row.name)
def test_a_goal_is_beyond_its_floor(row):
    assert (row.floor is None) == (row.goal is None)
    assert row.floor is None or row.floor < row.goal


def test_names_are_all_different():
    assert len({row.name for row in rows.ROWS}) == len(rows.ROWS)
    assert len({row.path for row in rows.ROWS}) == len(rows.ROWS)


@pytest.mark.parametrize(
    ("value", "less", "said"),
    [
        (2.0, False, "goal"),
        (1.99, False, "floor"),
        (1.0, False, "floor"),
        (0.99, False, "**missed**"),
        (1.0, True, "goal"),
        (1.01, True, "floor"),
        (2.0, True, "floor"),
        (2.01, True, "**missed**"),
    ],
)
def test_the_verdict(value, less, said):
    floor, goal = (2.0, 1.0) if less else (1.0, 2.0)

    assert report.verdict(value, floor, goal, less=less) == said


def test_where_nothing_was_promised_nothing_is_said():
    assert report.verdict(0.1, None, None) == ""


def cells(name, ratio, cpu_ratio):
    row = next(row for row in rows.ROWS if row.name == name)
    return dict(zip(report.TRANSFER_HEAD[:8], report.line(Result(row, Run(120, 0.5), Run(100, 1), ratio, cpu_ratio))[:8], strict=True))


def test_a_line_has_floor_goal_and_verdict():
    assert cells("plain", 1.3, 0.5) == {
        "path": "PUT through both",
        "against": "nginx → nginx",
        "ours": "120 MiB/s",
        "theirs": "100 MiB/s",
        "ratio": "1.30",
        "floor": "1.2",
        "goal": "2",
        "holds": "floor",
    }


def test_requests_have_their_own_unit():
    assert cells("chunks", 0.1, 0.5)["ours"] == "120 /s"


@pytest.mark.parametrize(("ratio", "said"), [(0.6, "yes"), (0.61, "**no**")])
def test_too_much_cpu_is_said(ratio, said):
    row = next(row for row in rows.ROWS if row.name == "put")

    assert report.line(Result(row, Run(1, 1), Run(1, 1), 1, ratio))[-2] == said


def test_a_table_is_markdown():
    assert report.table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_every_line_is_as_long_as_its_head():
    row = rows.ROWS[0]

    assert len(report.line(Result(row, Run(1, 1), Run(1, 1), 1, float("nan")))) == len(report.TRANSFER_HEAD)


def test_what_a_person_wrote_below_is_kept():
    assert report.notes("# Fast\n\n| 1 |\n\n## Notes\n\nWhy so.\n") == "## Notes\n\nWhy so.\n"


def test_a_document_without_notes_has_none():
    assert report.notes("# Fast\n\nSee ## Notes\n") == ""
