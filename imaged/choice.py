"""Which of some ways to do the same takes the least processor time on this machine: found by going them.

Whether one copy that the kernel makes page by page is cheaper than two of a whole buffer depends on the processor's caches, and on how
dear page faults are, which under a hypervisor may be several times as much. Sending a file out of a map, against reading it into a buffer
first, took half the processor time on one machine, and 1.25 times as much on another.
"""

import collections
import itertools
import statistics

#: So often one that is not the cheapest has its turn: machines change, and a sample may have been a bad one.
AGAIN = 64
#: Samples that are kept of each way; their median counts.
KEPT = 8


class Choice:
    """Between `ways`. Of two threads that note something at once, one may be forgotten."""

    def __init__(self, *ways: str):
        #: CPU seconds a byte, of the last times.
        self._costs = {way: collections.deque[float](maxlen=KEPT) for way in ways}
        self._turns = itertools.count(1)

    def pick(self) -> str:
        """The cheapest, as far as it is known."""
        cheapest = min(self._costs, key=self._cost)
        turn, now = divmod(next(self._turns), AGAIN)
        if now or not all(self._costs.values()):
            return cheapest
        others = [way for way in self._costs if way != cheapest]
        return others[turn % len(others)]

    def note(self, way: str, count: int, seconds: float) -> None:
        """So many CPU `seconds` it took for `count` bytes."""
        self._costs[way].append(seconds / count)

    def _cost(self, way: str) -> float:
        """0 until it has been tried."""
        return statistics.median(self._costs[way]) if self._costs[way] else 0
