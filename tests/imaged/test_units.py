import pytest

from imaged import units


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.98 KiB"),
        (1 << 20, "1.00 MiB"),
        (79671054336, "74.2 GiB"),
        (612 << 30, "612 GiB"),
        (8 << 60, "8.00 EiB"),
    ],
)
def test_a_size_has_three_digits_and_a_unit(count, words):
    assert units.size(count) == words


@pytest.mark.parametrize(("seconds", "words"), [(0.5, "0.5 s"), (45, "45 s"), (90, "1.5 min"), (7200, "2 h"), (604800, "7 days")])
def test_a_duration_is_in_its_largest_unit(seconds, words):
    assert units.duration(seconds) == words


@pytest.mark.parametrize(("text", "said"), [("a word", "a word."), (" Is it? \n", "Is it?"), ("Cut…", "Cut…")])
def test_a_programs_line_is_a_sentence(text, said):
    assert units.sentence(text) == said


@pytest.mark.parametrize(
    ("text", "most", "kept"),
    [("one two", 7, "one two"), ("one two three", 12, "one two…"), ("one two three", 7, "one…"), ("x" * 9, 5, "xxxx…"), ("", 1, "")],
)
def test_a_long_text_ends_with_a_whole_word(text, most, kept):
    assert units.clipped(text, most) == kept
