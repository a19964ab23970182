"""The watch: whether hosts answer, tickets live and clients are there; and the end of what nobody ends."""

import datetime
import logging
import threading
from collections.abc import Callable

import sqlalchemy as sa

from appliance import errors
from appliance.admin import (
    digesting,
    disks,
    domains,
    enrolment,
    events,
    finalizing,
    hosts,
    idle,
    images,
    kinds,
    live,
    logins,
    models,
    moves,
    phases,
    resuming,
    tokens,
)
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
#: Hosts are asked which storage domains they see this often, in seconds, and whenever they are back.
LEARN = 30.0
#: Seconds between two tries to have one paused transfer go on.
AGAIN = 10.0
#: Seconds that a thread which waits for a host is waited for at the end.
LEAVE = 2.0


class Monitor:
    """A thread for each host looks at it, and at everything on it, each `monitor_interval`: one that hangs delays its own alone.

    `tick` is one look at everything. The first one after a start finds every transfer again: what was begun and not ended is in the
    database and on the hosts.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        hosts: hosts.Hosts,
        enrolment: enrolment.Enrolment,
        domains: domains.Domains,
        live: live.Live,
        moves: moves.Moves,
        finalizing: finalizing.Finalizing,
        resuming: resuming.Resuming,
        images: images.Images,
        disks: disks.Disks,
        digesting: digesting.Digesting,
        logins: logins.Logins,
        tokens: tokens.Tokens,
        events: events.Events,
        clock: Clock,
    ):
        self._config = config
        self._database = database
        self._hosts = hosts
        self._enrolment = enrolment
        self._domains = domains
        self._live = live
        self._moves = moves
        self._finalizing = finalizing
        self._resuming = resuming
        self._images = images
        self._disks = disks
        self._digesting = digesting
        self._logins = logins
        self._tokens = tokens
        self._events = events
        self._clock = clock
        self._swept: float | None = None
        #: Hosts that answered when they were looked at last, and when they were asked which domains they see.
        self._known: set[str] = set()
        self._learned: dict[str, tuple[float, set[str] | None]] = {}
        self._tried: dict[str, float] = {}
        self._full: set[str] = set()
        self._changed = threading.Condition()
        self._wakes = 0
        self._stopping = False
        self._threads: dict[str, threading.Thread] = {}

    def start(self) -> None:
        """Begins to watch, in threads of its own."""
        self._stopping = False
        self._begin("", self._run)

    def stop(self) -> None:
        """Ends the watch; returns when its threads have ended, or are known to wait for a host that hangs."""
        self._stopping = True
        self.wake()
        # The first one begins the others.
        for name in ("", *[name for name in self._threads if name]):
            if name in self._threads:
                self._threads[name].join(None if not name else LEAVE)
        self._threads.clear()

    def wake(self) -> None:
        """There is something to do: looks now."""
        with self._changed:
            self._wakes += 1
            self._changed.notify_all()

    def stopped(self, transfer_id: str, code: str, sentence: str) -> None:
        """The data path met what it cannot mend (`no-space`, `host-down`, `ticket-gone`). Does not block: the look follows."""
        # The sentence is the host's own, and may name a ticket: it is not for the log.
        log.info("Transfer %s was stopped: %s", transfer_id, code)
        if code == "no-space":
            # The other stops show in the look itself.
            self._full.add(transfer_id)
        self.wake()

    def tick(self) -> bool:
        """One look at everything. True if there is something that will be done soon: look again soon."""
        soon = False
        for host in self._hosts.load():
            soon |= self._watch(host)
        self._sweep()
        return soon

    def _begin(self, name: str, run: Callable[..., None], *arguments: object) -> None:
        if name not in self._threads or not self._threads[name].is_alive():
            self._threads[name] = threading.Thread(target=run, args=arguments, name=f"monitor {name}".strip(), daemon=True)
            self._threads[name].start()

    def _run(self) -> None:
        """The thread that begins the others, one for each host, as hosts come and go."""
        while not self._stopping:
            seen = self._wakes
            try:
                for host in self._hosts.load():
                    self._begin(host.id, self._run_host, host.id)
                self._sweep()
            except Exception:
                # The watch outlives every fault: the next look may see it mended.
                log.exception("The monitor could not finish its look")
            self._rest(seen, self._config.monitor_interval)

    def _run_host(self, host_id: str) -> None:
        while not self._stopping:
            seen, soon = self._wakes, False
            try:
                with self._database.reading() as session:
                    host = session.get(models.Host, host_id)
                if host is None:
                    return
                soon = self._watch(host)
            except Exception:
                log.exception("The monitor could not finish its look at host %s", host_id)
            self._rest(seen, min(HURRY, self._config.monitor_interval) if soon else self._config.monitor_interval)

    def _rest(self, seen: int, seconds: float) -> None:
        """Until it is time for the next look, or somebody has waked us since `seen`."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._wakes != seen, seconds)

    def _watch(self, host: models.Host) -> bool:
        """One look at a host, and at everything on it."""
        up = self._hosts.look(host)
        if up:
            self._acquaint(host)
        else:
            self._known.discard(host.id)
        with self._database.reading() as session:
            finished = models.Transfer.phase.in_([str(phase) for phase in phases.FINISHED])
            mine = sa.select(models.Transfer.id).where(~finished, models.Transfer.host_id == host.id)
            ids = list(session.scalars(mine.order_by(models.Transfer.created_at)))
        soon = False
        for transfer_id in ids:
            # One that has stopped answering meanwhile would be waited for with each of its transfers.
            soon |= self._guarded(transfer_id, up and not self._hosts.silent(host.id))
        if up:
            self._images.tend(host)
            self._digesting.tend(host)
        return soon

    def _acquaint(self, host: models.Host) -> None:
        """What there is to see to on a host that answers: its certificate, what it still has of before, the domains that it sees."""
        try:
            self._enrolment.renew(host)
            if host.id not in self._known:
                self._live.weed(host)
            self._learn(host)
            self._known.add(host.id)
        except errors.ApplianceError as error:
            log.warning("Host %s: %s", host.name, error)

    def _learn(self, host: models.Host) -> None:
        """Asks the host which domains it sees: once in a while, when it is back, and when there is another one to be seen."""
        with self._database.reading() as session:
            domains = set(session.scalars(sa.select(models.Domain.id)))
        time, known = self._learned.get(host.id, (0.0, None))
        if host.id not in self._known or domains != known or self._clock.steady() - time >= LEARN:
            self._domains.learn(host)
            self._learned[host.id] = self._clock.steady(), domains

    def _guarded(self, transfer_id: str, up: bool) -> bool:
        """Looks at one transfer; whatever is wrong with it does not keep the others from being looked at."""
        try:
            # Somebody who works on it now knows better than we do: the next look comes.
            with self._live.holding(transfer_id, wait=False) as free:
                if not free:
                    return transfer_id in self._full
                with self._database.reading() as session:
                    transfer = session.get(models.Transfer, transfer_id)
                full = transfer_id in self._full
                self._full.discard(transfer_id)
                return transfer is not None and self._look(transfer, up, full)
        except errors.ApplianceError as error:
            log.warning("Transfer %s: %s", transfer_id, error)
        except Exception:
            log.exception("Transfer %s could not be looked at", transfer_id)
        return False

    def _look(self, transfer: models.Transfer, up: bool, full: bool) -> bool:
        if transfer.phase in phases.LIVE:
            self._look_live(transfer, up, full)
        if transfer.phase in phases.PAUSED:
            if transfer.ticket and up:
                self._live.revoke(transfer)
            if self._expired(transfer):
                paused = units.duration(self._config.paused_lifetime)
                self._move(transfer, Event.FAIL, ("expired", f"It was paused for {paused}, and nobody resumed it."))
            elif transfer.phase == Phase.PAUSED_SYSTEM and transfer.reason_code in resuming.PASSING:
                self._go_on(transfer)
        if transfer.phase in phases.ENDING:
            if not up and self._hosts.gone(transfer.host.id) and self._handed_over(transfer):
                return False
            if up or self._expired(transfer):
                self._finalizing.advance(transfer)
        return up and transfer.phase == Phase.FINALIZING_SUCCESS

    def _look_live(self, transfer: models.Transfer, up: bool, full: bool) -> None:
        host = transfer.host
        timeout = self._config.heartbeat_timeout
        if full:
            self._lose(transfer, "no-space", f"Storage domain {transfer.domain.name} is full.")
        elif not kinds.of_disk(transfer) and self._live.silence(transfer.id) > timeout:
            self._lose(
                transfer,
                "heartbeat",
                f"No heartbeat for {timeout:.3g} seconds: the page or program that was sending has ended or lost its connection.",
            )
        elif host.maintenance:
            self._lose(transfer, "maintenance", f"Host {host.name} is in maintenance.")
        elif up:
            try:
                if transfer.phase == Phase.TRANSFERRING:
                    self._live.tend(transfer)
                    self._look_idle(transfer)
                else:
                    # It has just come here from another host, or the process that worked on it has died. What was begun is repeatable.
                    self._live.connect(transfer)
                    self._move(transfer, Event.READY)
            except errors.HostDown:
                log.info("Transfer %s: host %s has just gone", transfer.id, host.name)
            except (errors.NoSpace, errors.HostRefused) as error:
                self._lose(transfer, error.code, error.sentence)
        elif self._hosts.gone(host.id):
            self._move(transfer, Event.LOST, ("host-down", f"Host {host.name} does not answer."))
            self._live.cut(transfer)

    def _look_idle(self, transfer: models.Transfer) -> None:
        """Of an oVirt client's transfer the silence tells whether it is at its end."""
        if not kinds.of_disk(transfer):
            return
        verdict = idle.verdict(transfer, self._live.silence(transfer.id), self._live.progress(transfer).transferred)
        if verdict is None:
            return
        self._move(transfer, *verdict)
        self._live.revoke(transfer)

    def _go_on(self, transfer: models.Transfer) -> None:
        """Resumes what nobody has paused, when its host is back or another one can do it. The file was proven to be the same before."""
        now = self._clock.steady()
        if now - self._tried.get(transfer.id, -AGAIN) < AGAIN:
            return
        try:
            self._resuming.place(transfer)
        except (errors.HostDown, errors.NoHost):
            return
        self._tried[transfer.id] = now
        before = transfer.host_id
        self._resuming.begin(transfer)
        if transfer.host_id == before:
            self._resuming.finish(transfer)
        else:
            # What it is asked, the other one is asked by its own thread: it may hang.
            self.wake()
        self._tried.pop(transfer.id, None)

    def _handed_over(self, transfer: models.Transfer) -> bool:
        """Has another host end what this one cannot, if there is one. Not before its ticket is gone: until then it may still write."""
        if transfer.ticket:
            return False
        try:
            host = self._resuming.place(transfer)
        except (errors.HostDown, errors.NoHost):
            return False
        with self._database.session() as session:
            session.execute(sa.update(models.Transfer).where(models.Transfer.id == transfer.id).values(host_id=host.id, job=None))
        self.wake()
        return True

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
        self._disks.tend()
        self._logins.forget()
        self._tokens.forget()
        self._enrolment.forget()
        self._events.forget(self._clock.now() - datetime.timedelta(seconds=self._config.finished_lifetime))
