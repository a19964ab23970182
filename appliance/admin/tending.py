"""One look at one transfer: its ticket lives, its client is there, its host answers; and what follows where one of them is not so."""

import logging

import sqlalchemy as sa

from appliance import errors
from appliance.admin import finalizing, idle, kinds, live, models, moves, phases, resuming
from appliance.admin.bell import Bell
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.admin.phases import Event, Phase
from imaged import units

log = logging.getLogger(__name__)

#: Seconds between two tries to have one paused transfer go on.
AGAIN = 10.0


class Tending:
    """`bell` is rung where another host has something to do now."""

    def __init__(
        self,
        ground: Ground,
        fleet: Fleet,
        live: live.Live,
        moves: moves.Moves,
        finalizing: finalizing.Finalizing,
        resuming: resuming.Resuming,
        bell: Bell,
    ):
        self._ground = ground
        self._fleet = fleet
        self._live = live
        self._moves = moves
        self._finalizing = finalizing
        self._resuming = resuming
        self._bell = bell
        self._tried: dict[str, float] = {}
        #: Transfers whose domain the data path has found full.
        self._full: set[str] = set()

    def fill(self, transfer_id: str) -> None:
        """The transfer's domain is full: what the data path has met, and no look would show. Does not block."""
        self._full.add(transfer_id)

    def content(self, transfer_id: str) -> bool:
        """Neither its domain nor its client, who beats, gives cause to look at it."""
        return transfer_id not in self._full and self._live.silence(transfer_id) <= self._ground.config.heartbeat_timeout

    def tend(self, transfer_id: str, up: bool) -> bool:
        """A look at the transfer, whose host answers or not. True if there is something that will be done soon.

        Whatever is wrong with it does not keep others from being looked at: it goes to the log.
        """
        try:
            # Somebody who works on it now knows better than we do: the next look comes.
            with self._live.holding(transfer_id, wait=False) as free:
                if not free:
                    return transfer_id in self._full
                with self._ground.database.reading() as session:
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
        if transfer.phase in phases.LIVE and not kinds.waits(transfer):
            self._look_live(transfer, up, full)
        if transfer.phase in phases.PAUSED:
            if transfer.ticket and up:
                self._live.revoke(transfer)
            if self._expired(transfer):
                paused = units.duration(self._ground.config.paused_lifetime)
                self._moves.move(transfer, Event.FAIL, reason=("expired", f"It was paused for {paused}, and nobody resumed it."))
            elif transfer.phase == Phase.PAUSED_SYSTEM and transfer.reason_code in resuming.PASSING:
                self._go_on(transfer)
        if transfer.phase in phases.ENDING:
            if not up and self._fleet.hosts.gone(transfer.host.id) and self._handed_over(transfer):
                return False
            if up or self._expired(transfer):
                self._finalizing.advance(transfer)
        # What the worker does of an import it does without us.
        return up and transfer.phase == Phase.FINALIZING_SUCCESS and not kinds.arrives(transfer)

    def _look_live(self, transfer: models.Transfer, up: bool, full: bool) -> None:
        host = transfer.host
        timeout = self._ground.config.heartbeat_timeout
        if full:
            self._lose(transfer, "no-space", f"Storage domain {transfer.domain.name} is full.")
        elif kinds.beats(transfer) and self._live.silence(transfer.id) > timeout:
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
                    self._moves.move(transfer, Event.READY)
            except errors.HostDown:
                log.info("Transfer %s: host %s has just gone", transfer.id, host.name)
            except (errors.NoSpace, errors.HostRefused) as error:
                self._lose(transfer, error.code, error.sentence)
        elif self._fleet.hosts.gone(host.id):
            self._moves.move(transfer, Event.LOST, reason=("host-down", f"Host {host.name} does not answer."))
            self._live.cut(transfer)

    def _look_idle(self, transfer: models.Transfer) -> None:
        """Of an oVirt client's transfer the silence tells whether it is at its end."""
        if not kinds.of_disk(transfer):
            return
        verdict = idle.verdict(transfer, self._live.silence(transfer.id), self._live.progress(transfer).transferred)
        if verdict is None:
            return
        event, reason = verdict
        self._moves.move(transfer, event, reason=reason)
        self._live.revoke(transfer)

    def _go_on(self, transfer: models.Transfer) -> None:
        """Resumes what nobody has paused, when its host is back or another one can do it. The file was proven to be the same before."""
        now = self._ground.clock.steady()
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
            self._bell.ring()
        self._tried.pop(transfer.id, None)

    def _handed_over(self, transfer: models.Transfer) -> bool:
        """Has another host end what this one cannot, if there is one. Not before its ticket is gone: until then it may still write."""
        if transfer.ticket:
            return False
        try:
            host = self._resuming.place(transfer)
        except (errors.HostDown, errors.NoHost):
            return False
        with self._ground.database.session() as session:
            session.execute(sa.update(models.Transfer).where(models.Transfer.id == transfer.id).values(host_id=host.id, job=None))
        self._bell.ring()
        return True

    def _lose(self, transfer: models.Transfer, code: str, sentence: str) -> None:
        event = Event.FAIL if kinds.once(transfer) else Event.LOST
        self._moves.move(transfer, event, reason=(code, sentence))
        self._live.revoke(transfer)

    def _expired(self, transfer: models.Transfer) -> bool:
        return transfer.expires_at is not None and transfer.expires_at <= self._ground.clock.now()
