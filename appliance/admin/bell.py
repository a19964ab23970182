"""The monitor's bell: rung by whoever has something for it to do."""

import threading


class Bell:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        #: How often it was rung: what `wait` is told has been heard already.
        self.rung = 0

    def ring(self) -> None:
        with self._changed:
            self.rung += 1
            self._changed.notify_all()

    def wait(self, heard: int, seconds: float | None = None) -> None:
        """Returns when it has been rung again since `heard`, or after as many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.rung != heard, seconds)
