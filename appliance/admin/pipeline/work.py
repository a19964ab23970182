"""One step's work on a transfer: what is written down of it, and the jobs that hosts do for it."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from appliance import errors
from appliance.admin import entries, finalizing, models
from appliance.admin.import_tools import Tools
from appliance.admin.phases import Phase
from appliance.admin.pipeline import record
from appliance.admin.pipeline.outcome import Closed, Failed
from imaged import client, units

#: Seconds between two looks at a job of the host: at first, and at most.
FIRST_LOOK, LONGEST_LOOK = 0.01, 1.0
#: A job that the host does not know any more: its daemon was restarted, or it is another host.
GONE = {"state": "gone"}


class Work:
    def __init__(self, tools: Tools, transfer_id: str, step: str, stopping: threading.Event):
        self._tools = tools
        self._id = transfer_id
        self._step = step
        self._stopping = stopping
        #: How far the step is, in whatever it counts; `total` None where nobody knows.
        self.done = 0
        self.total: int | None = None

    def check(self) -> None:
        """Raises Closed if there is no use in going on."""
        if self._stopping.is_set():
            raise Closed

    def load(self) -> models.Transfer:
        """Raises Closed unless it is still arriving."""
        self.check()
        with self._tools.ground.database.reading() as session:
            transfer = session.get(models.Transfer, self._id)
        if transfer is None or transfer.phase != Phase.FINALIZING_SUCCESS:
            raise Closed
        return transfer

    @contextlib.contextmanager
    def held(self) -> Iterator[models.Transfer]:
        """The transfer, which nobody cancels meanwhile. Raises Closed."""
        with self._tools.live.holding(self._id):
            yield self.load()

    def keep(self, **columns: Any) -> None:
        """Writes `columns` of the import."""
        with self._tools.ground.database.session() as session:
            session.execute(sa.update(models.Import).where(models.Import.transfer_id == self._id).values(**columns))

    def say(self, message: str) -> None:
        """What the step does at this moment, until it ends."""
        self.keep(steps=record.with_step(source_of(self.load()).steps, self._step, message=message))

    def registered(self, session: orm.Session, transfer: models.Transfer) -> None:
        """The step is done, and the image has what was said of it, in the transaction that makes it one."""
        source = source_of(transfer)
        steps = record.with_step(source.steps, self._step, status=record.DONE, jobs={})
        session.execute(sa.update(models.Import).where(models.Import.transfer_id == self._id).values(steps=steps))
        entries.describe(session, transfer, source.tags, source.properties, self._tools.ground.clock.now())

    def job(self, what: str, start: Callable[[client.Control, models.Transfer], dict]) -> dict:
        """The result of a job of the host that does `what`: of the one that was begun before, if the host still knows it.

        Raises Failed: what is wrong with the image; Closed; errors.HostDown, errors.HostRefused.
        """
        pause = FIRST_LOOK
        while True:
            job = self._look(what, start)
            if job["state"] == "done":
                return job["result"]
            if job["state"] == "running":
                self.done, self.total = job["done"], job["total"]
            else:
                # Somebody canceled it, or it is to be begun anew.
                self._forget(what)
            if job["state"] == "failed":
                if job["error"]["code"] in finalizing.HOSTS_FAULT:
                    raise errors.HostRefused(host=self.load().host.name, reason=job["error"]["message"])
                raise Failed(job["error"]["code"], units.sentence(job["error"]["message"]))
            if self._stopping.wait(pause):
                raise Closed
            pause = min(2 * pause, LONGEST_LOOK)

    def _look(self, what: str, start: Callable[[client.Control, models.Transfer], dict]) -> dict:
        with self.held() as transfer:
            known = self._jobs(transfer).get(what)
            with self._tools.fleet.hosts.asking(transfer.host) as control:
                try:
                    job = start(control, transfer) if known is None else control.job(known)
                except client.Refused as refused:
                    if known is not None and refused.status == 404:
                        return GONE
                    if refused.status >= 500 and refused.code != "no-space":
                        raise
                    raise Failed(refused.code, units.sentence(refused.message)) from None
            if known is None:
                self._keep_jobs(transfer, self._jobs(transfer) | {what: job["id"]})
            return job

    def _forget(self, what: str) -> None:
        """It is begun anew, and so is what was begun after it."""
        with self.held() as transfer:
            jobs = self._jobs(transfer)
            self._keep_jobs(transfer, dict(list(jobs.items())[: list(jobs).index(what)]))

    def _keep_jobs(self, transfer: models.Transfer, jobs: dict[str, str]) -> None:
        self.keep(steps=record.with_step(source_of(transfer).steps, self._step, jobs=jobs))

    def _jobs(self, transfer: models.Transfer) -> dict[str, str]:
        return next((step["jobs"] for step in source_of(transfer).steps if step["name"] == self._step), {})


def current(transfer: models.Transfer) -> str:
    """The volume that is to be the image, as things are."""
    source = source_of(transfer)
    return source.target if source.converted and source.target else transfer.volume


def source_of(transfer: models.Transfer) -> models.Import:
    assert transfer.imported is not None
    return transfer.imported
