"""The watch: whether hosts answer, tickets live and clients are there; and the end of what nobody ends."""

import logging
import threading
import time

from appliance.admin import rounds, sweeping, tending
from appliance.admin.bell import Bell
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.admin.watch import Watch

log = logging.getLogger(__name__)

#: Seconds that threads which wait for a host are waited for at the end.
LEAVE = 2.0


class Monitor:
    """Watches each host, and everything on it, by itself: one that hangs delays its own alone.

    `tick` is one look at everything. The first one after a start finds every transfer again: what was begun and not ended is in the
    database and on the hosts.
    """

    def __init__(
        self, ground: Ground, fleet: Fleet, rounds: rounds.Rounds, tending: tending.Tending, sweeping: sweeping.Sweeping, bell: Bell
    ):
        self._ground = ground
        self._fleet = fleet
        self._rounds = rounds
        self._tending = tending
        self._sweeping = sweeping
        self._bell = bell
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._watches: dict[str, Watch] = {}

    def start(self) -> None:
        """Begins to watch, in threads of its own."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the watch; returns when its threads have ended, or are known to wait for a host that hangs."""
        self._stopping = True
        self._bell.ring()
        if self._thread is not None:
            # It begins the others.
            self._thread.join()
        for watch in self._watches.values():
            watch.end()
        self._bell.ring()
        until = time.monotonic() + LEAVE
        for watch in self._watches.values():
            watch.join(until)
        self._watches.clear()

    def wake(self) -> None:
        """There is something to do: looks now."""
        self._bell.ring()

    def stopped(self, transfer_id: str, code: str, sentence: str) -> None:
        """The data path met what it cannot mend (`no-space`, `host-down`, `ticket-gone`). Does not block: the look follows."""
        # The sentence is the host's own, and may name a ticket: it is not for the log.
        log.info("Transfer %s was stopped: %s", transfer_id, code)
        if code == "no-space":
            # The other stops show in the look itself.
            self._tending.fill(transfer_id)
        self.wake()

    def tick(self) -> bool:
        """One look at everything. True if there is something that will be done soon: look again soon."""
        soon = False
        for host in self._fleet.hosts.load():
            soon |= self._rounds.make(host, self._fleet.hosts.look(host))
        self._sweeping.sweep()
        return soon

    def _run(self) -> None:
        """The thread that begins the watches, as hosts come and go."""
        heard = self._bell.rung
        while not self._stopping:
            try:
                for host in self._fleet.hosts.load():
                    self._begin(host.id)
                self._sweeping.sweep()
            except Exception:
                # The watch outlives every fault: the next look may see it mended.
                log.exception("The monitor could not finish its look")
            self._bell.wait(heard, self._ground.config.monitor_interval)
            heard = self._bell.rung

    def _begin(self, host_id: str) -> None:
        if host_id not in self._watches or not self._watches[host_id].alive:
            self._watches[host_id] = Watch(self._ground, self._fleet, self._rounds, self._bell, host_id)
            self._watches[host_id].start()
