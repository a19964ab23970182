"""The chart is well-formed, and shows what was measured where it belongs."""

from xml.etree import ElementTree

import pytest

from bench import chart

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*bars):
    return ElementTree.fromstring(chart.draw(bars))


@pytest.mark.parametrize(("ratio", "kind"), [(2.0, "goal-held"), (1.5, "floor-held"), (1.0, "floor-held"), (0.9, "missed")])
def test_the_colour_says_what_holds(ratio, kind):
    assert chart.Bar("a", "b", ratio, 1.0, 2.0).kind == kind


def test_a_row_without_promise_is_grey():
    bar = chart.Bar("a", "b", 0.1, None, None)

    assert bar.kind == "free"
    assert not [mark for mark in drawn(bar).iter(f"{SVG}line") if mark.get("class").startswith("mark") and mark.get("y1") != "9"]


def test_a_bar_reaches_from_one_to_its_ratio():
    [bar] = [rect for rect in drawn(chart.Bar("a", "b", 2.0, 1.2, 2.5)).iter(f"{SVG}rect") if rect.get("y") != "12"]

    assert float(bar.get("x")) == pytest.approx(chart.place(1), abs=0.1)
    assert float(bar.get("x")) + float(bar.get("width")) == pytest.approx(chart.place(2), abs=0.2)


def test_a_slower_one_reaches_to_the_left():
    [bar] = [rect for rect in drawn(chart.Bar("a", "b", 0.5, 1.2, 2.5)).iter(f"{SVG}rect") if rect.get("y") != "12"]

    assert float(bar.get("x")) == pytest.approx(chart.place(0.5), abs=0.1)


def test_floor_and_goal_stand_at_their_places():
    marks = [line for line in drawn(chart.Bar("a", "b", 1.0, 1.2, 2.5)).iter(f"{SVG}line") if line.get("class").startswith("mark")]

    assert [mark.get("x1") for mark in marks[2:]] == [f"{chart.place(1.2):.1f}", f"{chart.place(2.5):.1f}"]


@pytest.mark.parametrize("ratio", [0.0001, 1000.0])
def test_what_is_beyond_the_scale_stays_in_the_picture(ratio):
    assert chart.LABELS <= chart.place(ratio) <= chart.WIDTH - chart.RIGHT


def test_words_with_signs_of_markup_are_words():
    texts = [text.text for text in drawn(chart.Bar("a < b & c", "d", 1.0, 0.5, 2.0)).iter(f"{SVG}text")]

    assert "a < b & c" in texts


def test_it_is_legible_on_a_dark_page():
    assert "prefers-color-scheme: dark" in chart.draw([])
