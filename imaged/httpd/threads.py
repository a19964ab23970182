"""Who of the idle threads is woken up: the one that has just been at work."""

import queue
import threading


class Newest(threading.Condition):
    """Wakes whoever began to wait last."""

    def notify(self, n: int = 1) -> None:
        # Those who wait stand in a row, the newest at its end, and Python's own way begins at the front.
        self._waiters.rotate(n)  # type: ignore[attr-defined]
        super().notify(n)


def wake_newest(work: queue.Queue) -> None:
    """Of the threads that wait for `work` (nobody does yet), the newest gets what comes.

    In turn, as Python has it, each of a thousand threads would come to hold what a request needs once, and none would be warm.
    """
    work.not_empty = Newest(work.mutex)
