"""Sets of bytes, as sorted, merged, half-open ranges."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]


class Ranges:
    """A set of byte positions: `(start, end)` with start < end, sorted, never touching each other. Not thread-safe."""

    __hash__ = None  # type: ignore[assignment]  # It changes.

    def __init__(self, ranges: Iterable[Range] = ()):
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in ranges:
            self.add(start, end)

    def __iter__(self) -> Iterator[Range]:
        return zip(self._starts, self._ends, strict=True)

    def __len__(self) -> int:
        """How many ranges, not how many bytes: that is `total`."""
        return len(self._starts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and self._starts == other._starts and self._ends == other._ends

    def __repr__(self) -> str:
        return f"Ranges({list(self)})"

    @property
    def total(self) -> int:
        """Bytes in all."""
        return sum(self._ends) - sum(self._starts)

    def copy(self) -> "Ranges":
        twin = Ranges()
        twin._starts, twin._ends = self._starts[:], self._ends[:]
        return twin

    def as_lists(self) -> list[list[int]]:
        """`[[start, end], …]`, as JSON has it."""
        return [[start, end] for start, end in self]

    def add(self, start: int, end: int) -> None:
        """Adds the bytes from `start` up to, not including, `end`."""
        if start >= end:
            return
        # Everything that overlaps or touches melts into one.
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last], self._ends[first:last] = [start], [end]

    def subtract(self, start: int, end: int) -> None:
        """Takes the bytes from `start` up to `end` out."""
        first, last = self._overlapping(start, end)
        if first >= last:
            return
        head, tail = self._starts[first], self._ends[last - 1]
        rest = [(low, high) for low, high in ((head, start), (end, tail)) if low < high]
        self._starts[first:last], self._ends[first:last] = [low for low, _ in rest], [high for _, high in rest]

    def contains(self, start: int, end: int) -> bool:
        """Is every byte of it in the set? Nothing is in every set."""
        if start >= end:
            return True
        index = bisect_right(self._starts, start) - 1
        return index >= 0 and end <= self._ends[index]

    def common(self, start: int, end: int) -> list[Range]:
        """The parts of `start` to `end` that are in the set."""
        first, last = self._overlapping(start, end)
        return [(max(start, self._starts[i]), min(end, self._ends[i])) for i in range(first, last)]

    def missing(self, start: int, end: int) -> list[Range]:
        """The parts of `start` to `end` that are not in the set."""
        gaps = []
        for low, high in self.common(start, end):
            if start < low:
                gaps.append((start, low))
            start = high
        if start < end:
            gaps.append((start, end))
        return gaps

    def _overlapping(self, start: int, end: int) -> tuple[int, int]:
        if start >= end:
            return 0, 0
        return bisect_right(self._ends, start), bisect_left(self._starts, end)
