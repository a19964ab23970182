"""Sizes and times as a person would write them: one unit system (KiB, MiB, GiB), three significant digits. And what programs say."""

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def size(count: int) -> str:
    """`count` bytes in words: 0 B, 999 B, 1.00 KiB, 74.2 GiB, 612 GiB."""
    value = float(count)
    for unit in UNITS:
        # 999.5 would be written 1000 with three digits: the next unit reads better.
        if abs(value) < 999.5 or unit == UNITS[-1]:
            break
        value /= 1024
    if unit == "B":
        return f"{count} B"
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


def duration(seconds: float) -> str:
    """`seconds` in the largest unit of which there is at least one: 45 s, 1.5 h, 7 days."""
    for name, length in ((" days", 86400), (" h", 3600), (" min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g}{name}"
    return f"{seconds:.3g} s"


def sentence(text: str) -> str:
    """A program's line as a sentence."""
    text = text.strip()
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def clipped(text: str, most: int) -> str:
    """`text` with at most so many characters: what is longer ends with a whole word, and shows that there was more."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    return (head.rpartition(" ")[0].rstrip() or head) + "…"
