"""What an image may be called."""

import pytest

from appliance import errors
from appliance.admin import names


@pytest.mark.parametrize("name", ["debian.iso", "Über größe.qcow2", "磁盘 1", ".hidden", "a" * 255, "we're <b>bold & 'quoted'", "🐧"])
def test_what_people_call_things_is_fine(name):
    assert names.check(name) == name


def test_the_composed_form_is_kept():
    assert names.check("cafe\u0301") == "caf\u00e9"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("a" * 300, "300 characters"),
        ("../../etc/passwd", "path separator"),
        ("a\\b", "path separator"),
        ("a\0b", "control character.*U\\+0000"),
        ("a\nb", "control character"),
        ("a\x7fb", "control character"),
        ("a\x9bb", "control character"),
        ("gpj.\u202eexe", "reading direction.*U\\+202E"),
        ("a\u200fb", "reading direction"),
        ("a\u2066b", "reading direction"),
        ("a\u200bb", "invisible"),
        ("a\ufeffb", "invisible"),
        ("a\u2028b", "line break"),
        ("a\ud800b", "surrogate"),
        (".", "dots and spaces"),
        ("..", "dots and spaces"),
        ("   ", "dots and spaces"),
        (" a", "begins or ends with a space"),
        ("a ", "begins or ends with a space"),
    ],
)
def test_a_bad_name_is_refused_with_the_reason(name, reason):
    with pytest.raises(errors.BadName, match=reason):
        names.check(name)
