"""The worker that fetches what is to be imported: as many imports at once as may, each in a thread of its own, in their order."""

import logging
import threading
import time

import sqlalchemy as sa

from appliance.admin import copying, finalizing, kinds, live, models, moves
from appliance.admin.bell import Bell
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.admin.import_run import Run
from appliance.admin.import_tools import Tools
from appliance.admin.phases import Phase
from appliance.admin.seal import Seal
from appliance.transfer.sources import guard

log = logging.getLogger(__name__)

#: Seconds before one that could not go on is tried again.
AGAIN = 2.0
#: Seconds that fetches are waited for at the end.
LEAVE = 2.0


class Importing:
    """Looks each `monitor_interval`, or when the `bell` is rung. All that it must remember is in the database and on the hosts."""

    def __init__(
        self,
        ground: Ground,
        fleet: Fleet,
        live: live.Live,
        moves: moves.Moves,
        finalizing: finalizing.Finalizing,
        copying: copying.Copying,
        seal: Seal,
        bell: Bell,
    ):
        self._ground = ground
        self._live = live
        self._bell = bell
        self._tools = Tools(ground, fleet, live, moves, finalizing, seal, copying, guard.Policy.of(ground.config))
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._running: dict[str, tuple[Run, threading.Thread]] = {}
        #: Until when those that could not go on are left alone, by the steady clock.
        self._resting: dict[str, float] = {}

    def start(self) -> None:
        """Begins to work, in threads of its own. The first look finds what a process before has begun."""
        self._stopping = False
        self._thread = threading.Thread(target=self._work_on, name="imports", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nothing is fetched any more when this returns; the next start goes on with it."""
        self._stopping = True
        self._bell.ring()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            running = list(self._running.values())
        for run, _ in running:
            run.stop()
        until = time.monotonic() + LEAVE
        for _, thread in running:
            thread.join(max(0.0, until - time.monotonic()))

    def tick(self) -> None:
        """Begins what is due, as far as there is room."""
        for transfer_id in self._due():
            with self._lock:
                if self._stopping or len(self._running) >= self._ground.config.import_concurrency:
                    return
                if transfer_id in self._running or self._ground.clock.steady() < self._resting.get(transfer_id, 0.0):
                    continue
                run = Run(self._tools, transfer_id)
                thread = threading.Thread(target=self._work, args=(run, transfer_id), name=f"import {transfer_id}", daemon=True)
                self._running[transfer_id] = run, thread
                self._live.imports[transfer_id] = run
            thread.start()

    def _due(self) -> list[str]:
        """The ids of those that fetch, may begin to, or are at their steps; those that have begun first, then the oldest."""
        # What a client staged is fetched by nobody.
        fetching = (models.Transfer.phase == str(Phase.TRANSFERRING)) & (models.Transfer.client == kinds.IMPORT)
        moving = sa.or_(fetching, models.Transfer.phase == str(Phase.FINALIZING_SUCCESS))
        may = sa.or_(models.Import.not_before.is_(None), models.Import.not_before <= self._ground.clock.now())
        waiting = models.Transfer.phase.in_([str(Phase.INITIALIZING), str(Phase.RESUMING)]) & (models.Transfer.client == kinds.IMPORT)
        due = (
            sa.select(models.Transfer.id, models.Transfer.phase, models.Transfer.durable)
            .join(models.Import)
            .where(sa.or_(moving, waiting & may))
            .order_by(sa.not_(moving), models.Transfer.created_at)
        )
        with self._ground.database.reading() as session:
            # Of which something has arrived already, their host is asked by whoever resumed them.
            return [row.id for row in session.execute(due) if row.phase != Phase.RESUMING or not row.durable]

    def _work(self, run: Run, transfer_id: str) -> None:
        try:
            run.run()
        finally:
            with self._lock:
                del self._running[transfer_id]
                self._resting = {id: until for id, until in self._resting.items() if until > self._ground.clock.steady()}
                if run.progress.trouble:
                    self._resting[transfer_id] = self._ground.clock.steady() + AGAIN
            # The next one begins, and the monitor ends this one.
            self._bell.ring()

    def _work_on(self) -> None:
        heard = 0
        while not self._stopping:
            try:
                self.tick()
            except Exception:
                # It outlives every fault: the next look may see it mended.
                log.exception("The imports could not be looked at")
            self._bell.wait(heard, self._ground.config.monitor_interval)
            heard = self._bell.rung
