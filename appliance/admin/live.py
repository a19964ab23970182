"""What moves: the tickets of transfers on their hosts, heartbeats, and what has arrived. In memory, but for what a user would miss."""

import contextlib
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from appliance import errors
from appliance.admin import admission, domains, hosts, models, ranges
from appliance.admin.clock import Clock
from appliance.admin.database import Database
from appliance.config import Config
from appliance.transfer import sessions
from imaged import client

#: Progress is written to the database at most this often for each transfer, in seconds.
KEEP = 2.0

_STRIPES = 64


@dataclass(frozen=True)
class Progress:
    """What the host told last: `durable` ranges, and bytes `transferred` at all."""

    durable: tuple[ranges.Range, ...]
    transferred: int


class Live:
    """Knows how to put a transfer on its host, and how to take it off."""

    def __init__(
        self, config: Config, database: Database, hosts: hosts.Hosts, domains: domains.Domains, sessions: sessions.Sessions, clock: Clock
    ):
        self._config = config
        self._database = database
        self._hosts = hosts
        self._domains = domains
        self._sessions = sessions
        self._clock = clock
        self._locks = [threading.RLock() for _ in range(_STRIPES)]
        self._beats: dict[str, float] = {}
        self._progress: dict[str, Progress] = {}
        self._kept: dict[str, float] = {}
        self._renewed: dict[str, float] = {}
        #: Progress of verifications: {"step", "done", "total"} by transfer.
        self.verify: dict[str, dict] = {}

    @contextlib.contextmanager
    def holding(self, transfer_id: str, *, wait: bool = True) -> Iterator[bool]:
        """One at a time works on a transfer: a ticket is never put back by one while another revokes it.

        Gives whether it is held: always, unless it was not to wait.
        """
        lock = self._locks[hash(transfer_id) % _STRIPES]
        taken = lock.acquire(blocking=wait)
        try:
            yield taken
        finally:
            if taken:
                lock.release()

    def beat(self, transfer_id: str) -> None:
        """A sign of life from the client."""
        self._beats[transfer_id] = self._clock.steady()

    def silence(self, transfer_id: str) -> float:
        """Seconds since the client's last sign of life: a heartbeat, or a byte. The count begins when it is first asked for."""
        now = self._clock.steady()
        last = max(self._beats.setdefault(transfer_id, now), self._sessions.last_activity(transfer_id) or 0.0)
        return now - last

    def progress(self, transfer: models.Transfer) -> Progress:
        """What has arrived, as far as this process knows."""
        told = self._progress.get(transfer.id)
        return told or Progress(tuple((start, end) for start, end in transfer.durable), transfer.transferred_bytes)

    def connect(self, transfer: models.Transfer) -> None:
        """Makes the volume if it is not there, puts the transfer's ticket on the host, and learns what has arrived. Repeatable.

        Raises errors.HostDown, errors.NoSpace, errors.HostRefused.
        """
        if not transfer.ticket:
            self.keep(transfer, ticket=models.new_id())
        with self._hosts.asking(transfer.host) as control:
            try:
                volume = control.create_volume(
                    transfer.domain_id,
                    transfer.volume,
                    size=transfer.size,
                    allocation=transfer.allocation,
                    initial_size=transfer.initial_size,
                )
                control.put_ticket(self._terms(transfer, volume["url"]))
            except client.Refused as refused:
                if refused.code == "no-space":
                    available = int(refused.details.get("available", 0))
                    raise admission.no_space(transfer.domain, available, transfer) from None
                raise
            finally:
                self._domains.changed(transfer.domain_id)
        self._renewed[transfer.id] = self._clock.steady()
        self.tend(transfer)

    def tend(self, transfer: models.Transfer) -> None:
        """Learns what has arrived, and renews the ticket; puts it back if the host has lost it. Raises as `connect`."""
        if not transfer.ticket:
            self.connect(transfer)
            return
        with self._hosts.asking(transfer.host) as control:
            try:
                self._learn(transfer, control.ticket(transfer.ticket))
                if self._clock.steady() - self._renewed.get(transfer.id, 0.0) >= self._config.ticket_lifetime / 4:
                    control.renew_ticket(transfer.ticket, self._config.ticket_lifetime)
                    self._renewed[transfer.id] = self._clock.steady()
                return
            except client.Refused as refused:
                if refused.status != 404:
                    raise
        self.connect(transfer)

    def revoke(self, transfer: models.Transfer) -> bool:
        """Ends the sessions, and takes the ticket from the host: not one byte is written afterwards. Learns what has arrived for good.

        False if the host did not do it: the ticket is still recorded, and the monitor will ask again.
        """
        self._sessions.end_transfer(transfer.id)
        if not transfer.ticket:
            return True
        try:
            with self._hosts.asking(transfer.host) as control:
                control.delete_ticket(transfer.ticket)
                with contextlib.suppress(client.Refused):
                    volume = control.volume(transfer.domain.id, transfer.volume)
                    self._progress[transfer.id] = Progress(tuple(ranges.merged(volume["durable"])), self.progress(transfer).transferred)
        except (errors.HostDown, errors.HostRefused):
            return False
        self.keep(transfer, ticket=None)
        self._renewed.pop(transfer.id, None)
        return True

    def keep(self, transfer: models.Transfer, **columns) -> None:
        """Writes what has arrived to the database, with other `columns` of the transfer."""
        progress = self.progress(transfer)
        columns |= {"durable": [list(pair) for pair in progress.durable], "transferred_bytes": progress.transferred}
        columns["updated_at"] = self._clock.now()
        with self._database.session() as session:
            session.execute(sa.update(models.Transfer).where(models.Transfer.id == transfer.id).values(**columns))
        for name, value in columns.items():
            sa.orm.attributes.set_committed_value(transfer, name, value)
        self._kept[transfer.id] = self._clock.steady()

    def forget(self, transfer_id: str) -> None:
        """The transfer has ended: nothing of it needs to be remembered."""
        for table in (self._beats, self._progress, self._kept, self._renewed, self.verify):
            table.pop(transfer_id, None)

    def _terms(self, transfer: models.Transfer, url: str) -> dict:
        """The host's ticket."""
        return {
            "uuid": transfer.ticket,
            "transfer_id": transfer.id,
            "url": url,
            "size": transfer.size,
            "ops": ["write"],
            "sparse": transfer.allocation == "sparse",
            "timeout": math.ceil(self._config.ticket_lifetime),
            "inactivity_timeout": math.ceil(self._config.inactivity_timeout),
            "journal": True,
        }

    def _learn(self, transfer: models.Transfer, told: dict) -> None:
        progress = Progress(tuple(ranges.merged(told["durable"])), int(told["transferred"]))
        if told["active"] or progress.transferred > self.progress(transfer).transferred:
            # Bytes that go straight to the host, past our sessions, are a sign of life too.
            self.beat(transfer.id)
        self._progress[transfer.id] = progress
        known = [[start, end] for start, end in progress.durable], progress.transferred
        due = self._clock.steady() - self._kept.get(transfer.id, -KEEP) >= KEEP
        if due and known != (transfer.durable, transfer.transferred_bytes):
            self.keep(transfer)
