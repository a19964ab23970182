"""One host, watched: whether it answers, and what there is to do on it.

What is asked of a host may take minutes, and one that hangs never answers. So there are two threads: one looks whether it answers, and
nothing that the other one waits for keeps it from noticing that it does not.
"""

import logging
import threading
import time

from appliance.admin import models, rounds
from appliance.admin.bell import Bell
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground

log = logging.getLogger(__name__)

#: While a host verifies, the next round comes sooner than the next look, in seconds: small images are done at once.
HURRY = 0.2


class Watch:
    """Looks at the host each `monitor_interval`, or when the `bell` is rung; and makes a round on it after each look."""

    def __init__(self, ground: Ground, fleet: Fleet, rounds: rounds.Rounds, bell: Bell, host_id: str):
        self._ground = ground
        self._fleet = fleet
        self._rounds = rounds
        self._bell = bell
        self._host_id = host_id
        self._ended = False
        self._looked = Bell()
        #: What the last look has found: the host, and whether it answers.
        self._seen: tuple[models.Host, bool] | None = None
        self._threads = [
            threading.Thread(target=run, name=f"{name} {host_id}", daemon=True)
            for run, name in ((self._look_on, "look at"), (self._go_round, "round on"))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def end(self) -> None:
        """Nothing new is begun. Whoever rests is waked by the monitor's bell."""
        self._ended = True
        self._looked.ring()

    def join(self, until: float) -> None:
        """Returns when its threads have ended, or it is `until` (`time.monotonic`): they wait for a host that hangs."""
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _look_on(self) -> None:
        interval = self._ground.config.monitor_interval
        heard = self._bell.rung
        while not self._ended:
            rest, began = interval, self._ground.clock.steady()
            try:
                with self._ground.database.reading() as session:
                    host = session.get(models.Host, self._host_id)
                if host is None:
                    return self.end()
                up = self._fleet.hosts.look(host)
                if not up:
                    # It has been waited for already.
                    rest -= self._ground.clock.steady() - began
                self._seen = host, up
                self._looked.ring()
            except Exception:
                # The watch outlives every fault: the next look may see it mended.
                log.exception("The monitor could not finish its look at host %s", self._host_id)
            self._bell.wait(heard, max(0.0, rest))
            heard = self._bell.rung

    def _go_round(self) -> None:
        heard, soon = 0, False
        while True:
            self._looked.wait(heard, min(HURRY, self._ground.config.monitor_interval) if soon else None)
            heard, soon = self._looked.rung, False
            if self._ended or self._seen is None:
                return
            try:
                soon = self._rounds.make(*self._seen)
            except Exception:
                log.exception("The monitor could not finish its round on host %s", self._host_id)
