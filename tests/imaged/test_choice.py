"""The way that costs least is found, and found again."""

from imaged import choice


def walk(between: choice.Choice, costs: dict[str, float], steps: int) -> list[str]:
    """Which ways are picked, each of which costs so many seconds a byte."""
    picked = []
    for _ in range(steps):
        way = between.pick()
        between.note(way, 1000, costs[way] * 1000)
        picked.append(way)
    return picked


def test_each_is_tried_and_then_the_cheapest_is_taken():
    picked = walk(choice.Choice("a", "b"), {"a": 2, "b": 1}, choice.AGAIN - 1)

    assert picked == ["a"] + ["b"] * (choice.AGAIN - 2)


def test_now_and_then_the_others_have_their_turn():
    picked = walk(choice.Choice("a", "b", "c"), {"a": 1, "b": 2, "c": 3}, 10 * choice.AGAIN)

    assert 4 <= picked.count("b") <= 7
    assert 4 <= picked.count("c") <= 7


def test_what_becomes_cheaper_is_found():
    between = choice.Choice("a", "b")
    walk(between, {"a": 1, "b": 2}, 10 * choice.AGAIN)

    picked = walk(between, {"a": 1, "b": 0.5}, 10 * choice.AGAIN)

    assert picked[-choice.AGAIN :].count("b") >= choice.AGAIN - 1


def test_one_bad_sample_changes_nothing():
    between = choice.Choice("a", "b")
    walk(between, {"a": 1, "b": 2}, 5 * choice.AGAIN)
    between.note("a", 1, 100)

    picked = walk(between, {"a": 1, "b": 2}, choice.AGAIN)

    assert picked.count("a") >= choice.AGAIN - 1


def test_nobody_pays_for_what_is_not_known_yet():
    between = choice.Choice("a", "b")

    assert {between.pick() for _ in range(3 * choice.AGAIN)} == {"a"}
