"""What an image may be called. A name is shown and compared, and never part of a path on a host."""

import unicodedata

from appliance import errors

MAX_LENGTH = 255

# They turn the reading direction, or are invisible: what one reads is not what is stored.
_MARKS = {
    **dict.fromkeys(range(0x202A, 0x202F), "a mark that changes the reading direction"),
    **dict.fromkeys(range(0x2066, 0x206A), "a mark that changes the reading direction"),
    **dict.fromkeys((0x200E, 0x200F, 0x061C), "a mark that changes the reading direction"),
    **dict.fromkeys((0x200B, 0x2060, 0xFEFF), "an invisible character"),
    **dict.fromkeys((0x2028, 0x2029), "a line break"),
}


def check(name: str) -> str:
    """`name` in Unicode's composed form (NFC), so that what looks the same is the same. Raises errors.BadName with the reason."""
    name = unicodedata.normalize("NFC", name)
    if not name:
        raise errors.BadName(reason="it is empty")
    if len(name) > MAX_LENGTH:
        raise errors.BadName(reason=f"it has {len(name)} characters, and at most {MAX_LENGTH} are allowed")
    for character in name:
        reason = _reason(character)
        if reason:
            raise errors.BadName(reason=f"it contains {reason} (U+{ord(character):04X})")
    if not name.strip(". "):
        raise errors.BadName(reason="it consists of dots and spaces only")
    if name != name.strip():
        raise errors.BadName(reason="it begins or ends with a space")
    return name


def _reason(character: str) -> str | None:
    """Why `character` cannot be in a name; None if it can."""
    if character in "/\\":
        return "a path separator"
    if ord(character) in _MARKS:
        return _MARKS[ord(character)]
    category = unicodedata.category(character)
    if category == "Cc":
        return "a control character"
    return "half a character (a lone surrogate)" if category == "Cs" else None
