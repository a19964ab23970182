"""The watch: whether hosts answer, tickets live and clients are there; and the end of what nobody ends."""

import collections
import datetime
import logging
import threading

import sqlalchemy as sa

from appliance import errors
from appliance.admin import events, finalizing, hosts, images, live, logins, models, moves, phases, tokens
from appliance.admin.clock import Clock
from appliance.admin.database import Database
from appliance.admin.phases import Event, Phase
from appliance.config import Config
from imaged import units

log = logging.getLogger(__name__)

#: While a host verifies, it is asked more often than the monitor looks otherwise, in seconds: small images are done at once.
HURRY = 0.2
#: Expired logins, tokens and old events are removed this often, in seconds.
SWEEP = 600.0


class Monitor:
    """One thread that looks at everything each `monitor_interval`. `tick` is one look.

    The first look after a start finds every transfer again: what was begun and not ended is in the database and on the hosts.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        hosts: hosts.Hosts,
        live: live.Live,
        moves: moves.Moves,
        finalizing: finalizing.Finalizing,
        images: images.Images,
        logins: logins.Logins,
        tokens: tokens.Tokens,
        events: events.Events,
        clock: Clock,
    ):
        self._config = config
        self._database = database
        self._hosts = hosts
        self._live = live
        self._moves = moves
        self._finalizing = finalizing
        self._images = images
        self._logins = logins
        self._tokens = tokens
        self._events = events
        self._clock = clock
        self._swept: float | None = None
        self._stops: collections.deque[tuple[str, str, str]] = collections.deque()
        self._wakes = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to watch, in a thread of its own."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the watch; returns when its thread has ended."""
        self._stopping = True
        self.wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def wake(self) -> None:
        """There is something to do: looks now."""
        self._wakes.set()

    def stopped(self, transfer_id: str, code: str, sentence: str) -> None:
        """The data path met what it cannot mend (`no-space`, `host-down`, `ticket-gone`). Does not block: the look follows."""
        self._stops.append((transfer_id, code, sentence))
        self.wake()

    def tick(self) -> bool:
        """One look at everything. True if there is something that will be done soon: look again soon."""
        self._hosts.load()
        with self._database.reading() as session:
            known = list(session.scalars(sa.select(models.Host)))
            finished = models.Transfer.phase.in_([str(phase) for phase in phases.FINISHED])
            ids = list(session.scalars(sa.select(models.Transfer.id).where(~finished).order_by(models.Transfer.created_at)))
        up = {host.id for host in known if self._hosts.look(host)}
        full = self._full()
        soon = False
        for transfer_id in ids:
            soon |= self._guarded(transfer_id, up, full)
        self._images.tend()
        self._sweep()
        return soon

    def _run(self) -> None:
        soon = False
        while not self._stopping:
            try:
                soon = self.tick()
            except Exception:
                # The watch outlives every fault: the next look may see it mended.
                log.exception("The monitor could not finish its look")
            self._wakes.wait(min(HURRY, self._config.monitor_interval) if soon else self._config.monitor_interval)
            self._wakes.clear()

    def _full(self) -> set[str]:
        """The transfers whose data path met a full domain since the last look. Its other stops show in the look itself."""
        full = set()
        while self._stops:
            # The sentence is the host's own, and may name a ticket: it is not for the log.
            transfer_id, code, _ = self._stops.popleft()
            log.info("Transfer %s was stopped: %s", transfer_id, code)
            if code == "no-space":
                full.add(transfer_id)
        return full

    def _guarded(self, transfer_id: str, up: set[str], full: set[str]) -> bool:
        """Looks at one transfer; whatever is wrong with it does not keep the others from being looked at."""
        try:
            # Somebody who works on it now knows better than we do: the next look comes.
            with self._live.holding(transfer_id, wait=False) as free:
                if not free:
                    if transfer_id in full:
                        self._stops.append((transfer_id, "no-space", "seen while somebody worked on it"))
                    return transfer_id in full
                with self._database.reading() as session:
                    transfer = session.get(models.Transfer, transfer_id)
                return transfer is not None and self._look(transfer, transfer.host_id in up, transfer_id in full)
        except errors.ApplianceError as error:
            log.warning("Transfer %s: %s", transfer_id, error)
        except Exception:
            log.exception("Transfer %s could not be looked at", transfer_id)
        return False

    def _look(self, transfer: models.Transfer, up: bool, full: bool) -> bool:
        if transfer.phase in phases.LIVE:
            self._look_live(transfer, up, full)
            return False
        if transfer.phase in phases.PAUSED:
            if transfer.ticket and up:
                self._live.revoke(transfer)
            if self._expired(transfer):
                paused = units.duration(self._config.paused_lifetime)
                self._move(transfer, Event.FAIL, ("expired", f"It was paused for {paused}, and nobody resumed it."))
        if transfer.phase in phases.ENDING and (up or self._expired(transfer)):
            self._finalizing.advance(transfer)
        return up and transfer.phase == Phase.FINALIZING_SUCCESS

    def _look_live(self, transfer: models.Transfer, up: bool, full: bool) -> None:
        host = transfer.host
        timeout = self._config.heartbeat_timeout
        if full:
            self._lose(transfer, "no-space", f"Storage domain {transfer.domain.name} is full.")
        elif self._live.silence(transfer.id) > timeout:
            self._lose(
                transfer,
                "heartbeat",
                f"No heartbeat for {timeout:.3g} seconds: the page or program that was sending has ended or lost its connection.",
            )
        elif up:
            try:
                if transfer.phase == Phase.TRANSFERRING:
                    self._live.tend(transfer)
                else:
                    # Nobody works on it: the process that did has died. What it had begun is repeatable.
                    self._live.connect(transfer)
                    self._move(transfer, Event.READY)
            except errors.HostDown:
                log.info("Transfer %s: host %s has just gone", transfer.id, host.name)
            except (errors.NoSpace, errors.HostRefused) as error:
                self._lose(transfer, error.code, error.sentence)
        elif self._hosts.gone(host.id):
            self._lose(transfer, "host-down", f"Host {host.name} does not answer.")

    def _lose(self, transfer: models.Transfer, code: str, sentence: str) -> None:
        self._move(transfer, Event.LOST, (code, sentence))
        self._live.revoke(transfer)

    def _move(self, transfer: models.Transfer, event: Event, reason: tuple[str, str] | None = None) -> None:
        with self._database.session() as session:
            session.add(transfer)
            self._moves.move(session, transfer, event, reason=reason)

    def _expired(self, transfer: models.Transfer) -> bool:
        return transfer.expires_at is not None and transfer.expires_at <= self._clock.now()

    def _sweep(self) -> None:
        """Removes what has had its time."""
        now = self._clock.steady()
        if self._swept is not None and now - self._swept < SWEEP:
            return
        self._swept = now
        with self._database.session() as session:
            old = sa.select(models.Transfer.id).where(
                models.Transfer.phase.in_([str(phase) for phase in phases.FINISHED]), models.Transfer.expires_at <= self._clock.now()
            )
            session.execute(
                sa.update(models.Image).where(models.Image.transfer_id.in_(old)).values(transfer_id=None),
                execution_options={"synchronize_session": False},
            )
            session.execute(sa.delete(models.Transfer).where(models.Transfer.id.in_(old)), execution_options={"synchronize_session": False})
        self._logins.forget()
        self._tokens.forget()
        self._events.forget(self._clock.now() - datetime.timedelta(seconds=self._config.finished_lifetime))
