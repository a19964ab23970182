"""What a round on a host looks at: a thousand transfers that simply go on are one question and one transaction, and not a thousand each."""

import contextlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from appliance import errors
from appliance.admin import kinds, live, models, phases, tending
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.admin.phases import Phase

#: Of a transfer, what tells whether it may be one that simply goes on.
SHORT = ("id", "phase", "ticket", "client", "direction", "export")


class Survey:
    def __init__(self, ground: Ground, fleet: Fleet, live: live.Live, tending: tending.Tending):
        self._ground = ground
        self._fleet = fleet
        self._live = live
        self._tending = tending

    def make(self, host: models.Host, up: bool) -> list[str]:
        """The ids of its unfinished transfers that want a look of their own, the oldest first. Of the others it learns what arrived."""
        unfinished = self._unfinished(host)
        plain = {row.ticket: row.id for row in unfinished if _plain(row) and self._tending.content(row.id)}
        well: set[str] = set()
        # A single one is not asked for among all others.
        if up and not host.maintenance and len(plain) > 1:
            # Who does not answer here does not answer what follows, which knows what to do then.
            with contextlib.suppress(errors.HostDown, errors.HostRefused), self._fleet.hosts.asking(host) as control:
                asked = self._ground.clock.steady()
                for told in control.tickets():
                    transfer_id = plain.get(told["uuid"])
                    if transfer_id is not None and self._live.hear(transfer_id, told, asked):
                        well.add(transfer_id)
        self._live.keep_due(well)
        return [row.id for row in unfinished if row.id not in well]

    def _unfinished(self, host: models.Host) -> Sequence[sa.Row]:
        finished = models.Transfer.phase.in_([str(phase) for phase in phases.FINISHED])
        columns = [getattr(models.Transfer, name) for name in SHORT]
        mine = sa.select(*columns).where(~finished, models.Transfer.host_id == host.id)
        with self._ground.database.reading() as session:
            return session.execute(mine.order_by(models.Transfer.created_at)).all()


def _plain(row: Any) -> bool:
    """It is an upload whose client beats, and its host needs nothing but its ticket."""
    return row.phase == Phase.TRANSFERRING and row.ticket is not None and not row.export and not kinds.download(row) and kinds.beats(row)
