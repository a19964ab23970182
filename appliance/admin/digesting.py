"""The SHA-256 of disks that oVirt's clients have filled: computed afterwards, one at a time on each host, while nobody writes them.

Nothing is remembered but in memory: what has no digest yet shows in the database, and is hashed anew after a crash.
"""

import datetime
import logging
from dataclasses import dataclass

import sqlalchemy as sa

from appliance import errors
from appliance.admin import models
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from imaged import client

log = logging.getLogger(__name__)

#: A host that failed at it is asked again after this long, in seconds.
AGAIN = 30.0


@dataclass(frozen=True)
class Job:
    """A host hashes what the image was when it was `completed`."""

    id: str
    image: str
    completed: datetime.datetime


class Digesting:
    def __init__(self, ground: Ground, fleet: Fleet):
        self._ground = ground
        self._fleet = fleet
        self._jobs: dict[str, Job] = {}
        self._resting: dict[str, float] = {}

    def tend(self, host: models.Host) -> None:
        """For the monitor: has the host hash the next image, or sees how far it is."""
        if self._ground.clock.steady() < self._resting.get(host.id, 0.0):
            return
        try:
            with self._fleet.hosts.asking(host) as control:
                job = self._jobs.get(host.id)
                if job is None:
                    self._begin(control, host)
                else:
                    self._go_on(control, host, job)
        except (errors.HostDown, errors.HostRefused) as error:
            log.info("Host %s has to be asked again for digests: %s", host.name, error)
            self._rest(host)

    def _begin(self, control: client.Control, host: models.Host) -> None:
        with self._ground.database.reading() as session:
            waiting = sa.select(models.Image).where(*_waiting()).order_by(models.Image.completed_at)
            image = next((image for image in session.scalars(waiting) if self._fleet.places.any(image.domain).id == host.id), None)
        if image is not None and image.completed_at is not None:
            job = control.sha256(image.domain_id, image.volume or "")
            self._jobs[host.id] = Job(job["id"], image.id, image.completed_at)

    def _go_on(self, control: client.Control, host: models.Host, job: Job) -> None:
        with self._ground.database.reading() as session:
            still = session.scalar(sa.select(models.Image.id).where(*_waiting(), *_same(job)))
        if still is None:
            # Somebody has begun to write it, or to read it: its disk is theirs.
            del self._jobs[host.id]
            control.cancel_job(job.id)
            return
        try:
            told = control.job(job.id)
        except client.Refused as refused:
            if refused.status != 404:
                raise
            del self._jobs[host.id]  # the daemon was restarted
            return
        if told["state"] == "running":
            return
        del self._jobs[host.id]
        if told["state"] != "done":
            log.warning("Image %s could not be hashed: %s", job.image, (told["error"] or {}).get("message", told["state"]))
            self._rest(host)
            return
        with self._ground.database.session() as session:
            # What was written meanwhile was completed at another time.
            known = sa.update(models.Image).where(*_waiting(), *_same(job)).values(sha256=told["result"]["sha256"])
            session.execute(known, execution_options={"synchronize_session": False})

    def _rest(self, host: models.Host) -> None:
        self._resting[host.id] = self._ground.clock.steady() + AGAIN


def _waiting() -> tuple[sa.ColumnElement[bool], ...]:
    """The images whose digest nobody knows yet, and which nobody writes. Empty disks have none."""
    image = models.Image
    return image.status == "ok", image.sha256.is_(None), image.completed_at.is_not(None), image.volume.is_not(None)


def _same(job: Job) -> tuple[sa.ColumnElement[bool], ...]:
    return models.Image.id == job.image, models.Image.completed_at == job.completed
