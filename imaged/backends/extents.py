"""What parts an image is made of: extents, each with what is true of all of its bytes."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Extent(NamedTuple):
    """Bytes `start` up to, not including, `end`. `about` is {"zero", "hole"}, {"dirty", "zero"} or {"durable"}, each a bool."""

    start: int
    end: int
    about: dict[str, bool]


DATA = {"zero": False, "hole": False}
HOLE = {"zero": True, "hole": True}


def merged(extents: Iterable[Extent]) -> Iterator[Extent]:
    """The same map with as few extents as possible: neighbours of which the same is true are one."""
    last: Extent | None = None
    for extent in extents:
        if extent.start == extent.end:
            continue
        if last and last.about == extent.about:
            last = last._replace(end=extent.end)
            continue
        if last:
            yield last
        last = extent
    if last:
        yield last


def clipped(extents: Iterable[Extent], start: int, end: int) -> Iterator[Extent]:
    """What of them lies between `start` and `end`."""
    for extent in extents:
        if extent.start < end and extent.end > start:
            yield extent._replace(start=max(start, extent.start), end=min(end, extent.end))
