"""The two clocks of the administration: one for people and the database, one for what is measured."""

import datetime
import time


class Clock:
    """What time it is. Tests give services another one, so that no test waits."""

    def now(self) -> datetime.datetime:
        """The date and time, aware, in UTC."""
        return datetime.datetime.now(datetime.UTC)

    def steady(self) -> float:
        """Seconds that only ever grow: the clock of `transfer.sessions`, whose activity is compared with it."""
        return time.monotonic()
