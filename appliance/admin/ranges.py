"""Half-open byte ranges `(start, end)` in sorted, merged lists."""

from collections.abc import Iterable, Sequence

Range = tuple[int, int]


def merged(ranges: Iterable[Sequence[int]]) -> list[Range]:
    """The same bytes, sorted, with what touches or overlaps joined; empty ranges dropped."""
    result: list[Range] = []
    for start, end in sorted((int(start), int(end)) for start, end in ranges):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        elif start < end:
            result.append((start, end))
    return result


def total(ranges: Iterable[Sequence[int]]) -> int:
    """How many bytes a merged list has."""
    return sum(end - start for start, end in ranges)


def missing(ranges: Iterable[Sequence[int]], size: int) -> list[Range]:
    """What a merged list lacks of `size` bytes."""
    result, position = [], 0
    for start, end in ranges:
        if position < start:
            result.append((position, min(start, size)))
        position = max(position, end)
    if position < size:
        result.append((position, size))
    return result
