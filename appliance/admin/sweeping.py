"""What has had its time is removed: finished transfers, old events, expired logins, tokens and tasks, disks that nobody
makes any more."""

import datetime

import sqlalchemy as sa

from appliance.admin import disks, enrolment, logins, models, phases, tasks, tokens
from appliance.admin.ground import Ground

#: Seconds between two sweeps.
INTERVAL = 600.0


class Sweeping:
    def __init__(
        self,
        ground: Ground,
        disks: disks.Disks,
        logins: logins.Logins,
        tokens: tokens.Tokens,
        enrolment: enrolment.Enrolment,
        tasks: tasks.Tasks,
    ):
        self._ground = ground
        self._disks = disks
        self._passing = logins, tokens, enrolment, tasks
        self._swept: float | None = None

    def sweep(self) -> None:
        """Does it when it is time: at once after a start."""
        now = self._ground.clock.steady()
        if self._swept is not None and now - self._swept < INTERVAL:
            return
        self._swept = now
        self._forget_transfers()
        self._disks.tend()
        for each in self._passing:
            each.forget()
        self._ground.events.forget(self._ground.clock.now() - datetime.timedelta(seconds=self._ground.config.finished_lifetime))

    def _forget_transfers(self) -> None:
        finished = models.Transfer.phase.in_([str(phase) for phase in phases.FINISHED])
        old = sa.select(models.Transfer.id).where(finished, models.Transfer.expires_at <= self._ground.clock.now())
        unlinked = sa.update(models.Image).where(models.Image.transfer_id.in_(old)).values(transfer_id=None)
        with self._ground.database.session() as session:
            for statement in (unlinked, sa.delete(models.Transfer).where(models.Transfer.id.in_(old))):
                session.execute(statement, execution_options={"synchronize_session": False})
