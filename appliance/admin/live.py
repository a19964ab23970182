"""What moves: the tickets of transfers on their hosts, heartbeats, and what has arrived. In memory, but for what a user would miss."""

import contextlib
import dataclasses
import math
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import sqlalchemy as sa

from appliance import errors
from appliance.admin import admission, kinds, models, preparing, ranges
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.transfer import fetch, sessions
from imaged import client

#: Progress is written to the database at most this often for each transfer, in seconds.
KEEP = 2.0

#: What an import has fetched is stored before it is paused, if that takes no longer than this, in seconds.
WIND_UP = 2.0

#: A connection without a byte is given up after this long even if the transfer may be silent for ever, in seconds.
UNLIMITED = 3600.0


class Run(Protocol):
    """An import at work, or one that has just been: it is asked by any thread."""

    @property
    def progress(self) -> fetch.Progress: ...

    @property
    def step(self) -> tuple[int, int | None]:
        """How far the step of the pipeline is that runs: how much is behind, and of how much."""

    def wind_up(self, seconds: float) -> None:
        """Nothing more is fetched; what has come is durable when this returns, unless that takes longer."""

    def stop(self) -> None:
        """Not one byte more is fetched. Does not wait."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """What the host told last: `durable` ranges, bytes `transferred` at all, and whether the client's last word was a flush.

    `asked`: when it was asked, on the steady clock.
    """

    durable: tuple[ranges.Range, ...]
    transferred: int
    flushed: bool = False
    asked: float = 0.0

    @property
    def columns(self) -> dict[str, Any]:
        """As the database has it."""
        return {"durable": [list(pair) for pair in self.durable], "transferred_bytes": self.transferred}


class Live:
    """Knows how to put a transfer on its host, and how to take it off."""

    def __init__(self, ground: Ground, fleet: Fleet, sessions: sessions.Sessions):
        self._ground = ground
        self._fleet = fleet
        self._sessions = sessions
        self._lock = threading.Lock()
        #: Who holds or waits for which transfer: the lock, and how many.
        self._held: dict[str, tuple[threading.RLock, int]] = {}
        self._beats: dict[str, float] = {}
        self._progress: dict[str, Progress] = {}
        #: When each was last written down, and what.
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}
        self._renewed: dict[str, float] = {}
        #: Imports, by transfer: those that fetch, and how the others stood when they ended.
        self.imports: dict[str, Run] = {}
        #: Progress of verifications: {"step", "done", "total"} by transfer.
        self.verify: dict[str, dict] = {}

    @contextlib.contextmanager
    def holding(self, transfer_id: str, *, wait: bool = True) -> Iterator[bool]:
        """One at a time works on a transfer: a ticket is never put back by one while another revokes it.

        Gives whether it is held: always, unless it was not to wait.
        """
        # A lock for each: a host that hangs holds up those who work on its own transfers, and nobody else.
        with self._lock:
            lock, count = self._held.get(transfer_id, (threading.RLock(), 0))
            self._held[transfer_id] = lock, count + 1
        taken = lock.acquire(blocking=wait)
        try:
            yield taken
        finally:
            if taken:
                lock.release()
            with self._lock:
                lock, count = self._held.pop(transfer_id)
                if count > 1:
                    self._held[transfer_id] = lock, count - 1

    def beat(self, transfer_id: str) -> None:
        """A sign of life from the client."""
        self._beats[transfer_id] = self._ground.clock.steady()

    def silence(self, transfer_id: str) -> float:
        """Seconds since the client's last sign of life: a heartbeat, or a byte. The count begins when it is first asked for."""
        now = self._ground.clock.steady()
        last = max(self._beats.setdefault(transfer_id, now), self._sessions.last_activity(transfer_id) or 0.0)
        return now - last

    def progress(self, transfer: models.Transfer) -> Progress:
        """What has arrived, as far as this process knows."""
        told = self._progress.get(transfer.id)
        return told or Progress(tuple((start, end) for start, end in transfer.durable), transfer.transferred_bytes)

    def connect(self, transfer: models.Transfer) -> None:
        """Makes what the ticket leads to if it is not there, puts it on the host, and learns what has arrived. Repeatable.

        Raises errors.HostDown, errors.NoSpace, errors.HostRefused.
        """
        if not transfer.ticket:
            self.keep(transfer, ticket=models.new_id())
        with self._fleet.hosts.asking(transfer.host) as control:
            try:
                control.put_ticket(self._terms(transfer, preparing.prepare(control, transfer)))
            except client.Refused as refused:
                if refused.code == "no-space":
                    available = int(refused.details.get("available", 0))
                    raise admission.no_space(transfer.domain, available, transfer) from None
                raise
            finally:
                self._fleet.domains.changed(transfer.domain_id)
        self._renewed[transfer.id] = self._ground.clock.steady()
        self.tend(transfer)

    def tend(self, transfer: models.Transfer) -> None:
        """Learns what has arrived, and renews the ticket; puts it back if the host has lost it. Raises as `connect`."""
        if not transfer.ticket:
            self.connect(transfer)
            return
        with self._fleet.hosts.asking(transfer.host) as control:
            try:
                asked = self._ground.clock.steady()
                told = control.ticket(transfer.ticket)
                # What exports a disk may have died while the daemon lives.
                url = preparing.prepare(control, transfer) if transfer.export else told["url"]
                if url != told["url"]:
                    control.put_ticket(self._terms(transfer, url))
                self._learn(transfer, told, asked)
                self._admit(transfer)
                if self._stale(transfer.id):
                    control.renew_ticket(transfer.ticket, self._ground.config.ticket_lifetime)
                    self._renewed[transfer.id] = self._ground.clock.steady()
                return
            except client.Refused as refused:
                if refused.status != 404:
                    raise
        self.connect(transfer)

    def revoke(self, transfer: models.Transfer) -> bool:
        """Ends the sessions, and takes the ticket from the host: not one byte is written afterwards. Learns what has arrived for good.

        False if the host did not do it: the ticket is still recorded, and the monitor will ask again.
        """
        self.cut(transfer)
        if not transfer.ticket:
            return True
        if self._fleet.hosts.gone(transfer.host.id) and not self._fleet.hosts.look(transfer.host):
            # A look is over sooner than what follows.
            return False
        try:
            with self._fleet.hosts.asking(transfer.host) as control:
                with contextlib.suppress(client.Refused):
                    asked = self._ground.clock.steady()
                    self._learn(transfer, control.ticket(transfer.ticket), asked)
                control.delete_ticket(transfer.ticket)
                preparing.release(control, transfer)
                if not transfer.export and not kinds.download(transfer):
                    self._learn_journal(control, transfer)
        except (errors.HostDown, errors.HostRefused):
            return False
        self.keep(transfer, ticket=None)
        self._renewed.pop(transfer.id, None)
        return True

    def wind_up(self, transfer: models.Transfer) -> None:
        """Before it is cut because it pauses: what an import has fetched need not be fetched again."""
        if run := self.imports.get(transfer.id):
            run.wind_up(WIND_UP)

    def cut(self, transfer: models.Transfer) -> None:
        """Ends the sessions, or the fetching: by way of the appliance not one byte more reaches the host."""
        self._sessions.end_transfer(transfer.id)
        if run := self.imports.get(transfer.id):
            run.stop()

    def weed(self, host: models.Host) -> None:
        """Revokes the tickets that the host still has of transfers which have left it meanwhile. Raises errors.HostDown, HostRefused."""
        with self._fleet.hosts.asking(host) as control:
            for told in control.tickets():
                with self._ground.database.reading() as session:
                    transfer = session.get(models.Transfer, told["transfer_id"])
                    left = transfer is not None and (transfer.host_id, transfer.ticket) != (host.id, told["uuid"])
                if left:
                    control.delete_ticket(told["uuid"])

    def keep(self, transfer: models.Transfer, **columns) -> None:
        """Writes what has arrived to the database, with other `columns` of the transfer."""
        known = self.progress(transfer).columns
        columns |= known | {"updated_at": self._ground.clock.now()}
        with self._ground.database.session() as session:
            session.execute(sa.update(models.Transfer).where(models.Transfer.id == transfer.id).values(**columns))
        for name, value in columns.items():
            sa.orm.attributes.set_committed_value(transfer, name, value)
        self._kept[transfer.id] = self._ground.clock.steady(), known

    def hear(self, transfer_id: str, told: dict, asked: float) -> bool:
        """Learns of an upload from what its host told of all tickets when it was `asked`. False if it must be tended by itself."""
        with self.holding(transfer_id, wait=False) as free:
            before = self._progress.get(transfer_id)
            if not free or before is None or self._stale(transfer_id):
                return False
            if before.asked < asked:
                progress = Progress(tuple(ranges.merged(told["durable"])), int(told["transferred"]), bool(told.get("flushed")), asked)
                self._take(transfer_id, progress, before, active=told["active"])
        return True

    def keep_due(self, transfer_ids: Iterable[str]) -> None:
        """Writes what has arrived of those that moved since they were last written down, each once in a while: all in one transaction."""
        due = [transfer_id for transfer_id in transfer_ids if self._due(transfer_id)]
        if not due:
            return
        now, row = self._ground.clock.steady(), models.Transfer
        # Not one whose ticket was revoked meanwhile: what it has in the end is written already.
        change = sa.update(row).where(row.id == sa.bindparam("key"), row.ticket.is_not(None))
        names = ("durable", "transferred_bytes", "updated_at")
        with self._ground.database.session() as session:
            # Now that nobody else writes: nothing older than what another thread has learned and written.
            known = {transfer_id: progress.columns for transfer_id in due if (progress := self._progress.get(transfer_id))}
            rows = [{"key": key, **columns, "updated_at": self._ground.clock.now()} for key, columns in known.items()]
            if rows:
                session.connection().execute(change.values({name: sa.bindparam(name) for name in names}), rows)
        self._kept |= {transfer_id: (now, columns) for transfer_id, columns in known.items()}

    def forget(self, transfer_id: str) -> None:
        """The transfer has ended: nothing of it needs to be remembered."""
        for table in (self._beats, self._progress, self._kept, self._renewed, self.imports, self.verify):
            table.pop(transfer_id, None)

    def touch(self, transfer: models.Transfer) -> None:
        """The client is there, and wants its ticket to live on. Raises as `tend`."""
        self.beat(transfer.id)
        self._renewed.pop(transfer.id, None)
        self.tend(transfer)

    def _ops(self, transfer: models.Transfer) -> tuple[str, ...]:
        if kinds.download(transfer):
            return ("read",)
        return ("read", "write") if kinds.of_disk(transfer) else ("write",)

    def _terms(self, transfer: models.Transfer, url: str) -> dict:
        """The host's ticket."""
        settings, wanted = self._ground.config, transfer.inactivity_timeout
        patience = settings.inactivity_timeout if wanted is None else wanted or UNLIMITED
        terms = {
            "uuid": transfer.ticket,
            "transfer_id": transfer.id,
            "url": url,
            "size": transfer.size,
            "ops": list(self._ops(transfer)),
            "sparse": transfer.allocation == "sparse",
            "dirty": False,
            "timeout": math.ceil(settings.ticket_lifetime),
            "inactivity_timeout": math.ceil(patience),
            "journal": not (transfer.export or kinds.download(transfer)),
        }
        return terms | ({"filename": transfer.filename} if transfer.filename else {})

    def _admit(self, transfer: models.Transfer) -> None:
        """An oVirt client needs no session: the ticket's id in the URL opens the way through here, too."""
        if kinds.of_disk(transfer) and transfer.ticket:
            self._sessions.admit(
                transfer=transfer.id, host=transfer.host.id, ticket=transfer.ticket, ops=self._ops(transfer), size=transfer.size
            )

    def _learn_journal(self, control: client.Control, transfer: models.Transfer) -> None:
        """What is durable of the file when nobody writes any more."""
        with contextlib.suppress(client.Refused):
            durable = tuple(ranges.merged(control.volume(transfer.domain_id, transfer.volume)["durable"]))
            self._progress[transfer.id] = dataclasses.replace(self.progress(transfer), durable=durable, asked=self._ground.clock.steady())

    def _learn(self, transfer: models.Transfer, told: dict, asked: float) -> None:
        before = self.progress(transfer)
        durable = ranges.merged([*told["durable"], *(before.durable if transfer.export else ())])
        progress = Progress(tuple(durable), int(told["transferred"]), bool(told.get("flushed")), asked)
        if not self._take(transfer.id, progress, before, active=told["active"]) and kinds.of_disk(transfer):
            self._beats[transfer.id] = max(self._beats.get(transfer.id, 0.0), self._ground.clock.steady() - told["idle_time"])
        written = {"durable": transfer.durable, "transferred_bytes": transfer.transferred_bytes}
        if progress.columns != written and self._due(transfer.id):
            self.keep(transfer)

    def _take(self, transfer_id: str, progress: Progress, before: Progress, *, active: bool) -> bool:
        """What has arrived is `progress` now. True if its client is there: bytes past our sessions show it, too."""
        self._progress[transfer_id] = progress
        moves = active or progress.transferred > before.transferred
        if moves:
            self.beat(transfer_id)
        return moves

    def _stale(self, transfer_id: str) -> bool:
        """Its ticket is to be renewed."""
        return self._ground.clock.steady() - self._renewed.get(transfer_id, 0.0) >= self._ground.config.ticket_lifetime / 4

    def _due(self, transfer_id: str) -> bool:
        """What has arrived may be written down again, if it is something else."""
        written, known = self._kept.get(transfer_id, (-KEEP, None))
        progress = self._progress.get(transfer_id)
        return progress is not None and self._ground.clock.steady() - written >= KEEP and progress.columns != known
