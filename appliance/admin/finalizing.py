"""The end of a transfer: verification, completion, clean-up. Every step may be repeated after a crash at any instant."""

import logging
from collections.abc import Callable

from sqlalchemy import orm

from appliance import errors
from appliance.admin import admission, events, kinds, live, models, moves, phases, placement, ranges, views
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.admin.phases import Event, Phase
from appliance.admin.pipeline import record
from appliance.admin.pipeline.outcome import Failed
from imaged import client, units

log = logging.getLogger(__name__)

#: A host that failed at verifying (no qemu-img, a disk that does not read) is asked again after this long, in seconds.
AGAIN = 30.0
#: So many missing ranges are listed: thousands would help nobody.
LISTED = 1000
#: Failures of a job that say nothing of the image.
HOSTS_FAULT = ("internal", "no-program")


class Finalizing:
    """Works on the transfers whose phase is one of `phases.ENDING`. All that it must remember is in the database and on the host."""

    def __init__(self, ground: Ground, fleet: Fleet, live: live.Live, moves: moves.Moves):
        self._ground = ground
        self._fleet = fleet
        self._live = live
        self._moves = moves
        self._resting: dict[str, float] = {}

    def advance(self, transfer: models.Transfer) -> None:
        """Goes on until the transfer is finished, or has to wait for a verification or a host. The caller holds the transfer."""
        try:
            while transfer.phase in phases.ENDING and self._step(transfer):
                pass
        except (errors.HostDown, errors.HostRefused) as error:
            log.info("Transfer %s (%s) has to wait: %s", transfer.id, transfer.phase, error)
            if transfer.expires_at and transfer.expires_at <= self._ground.clock.now():
                self._give_up(transfer, error)

    def begin(self, transfer: models.Transfer, user: views.User | None = None, size: int | None = None) -> None:
        """Ends the sending; the host verifies from now on. `size`: what the image's came to, where that was not known before.

        The caller holds the transfer. Raises errors.NotAllowed, HostDown, HostRefused, and Incomplete: then it stays as it is.
        """
        phases.move(Phase(transfer.phase), Event.FINALIZE)
        size = transfer.size if size is None else size
        self._live.tend(transfer)
        self._check_complete(transfer, size)
        if not self._live.revoke(transfer):
            raise errors.HostDown(host=transfer.host.name)
        try:
            # A chunk that was sent once more may just have been overwriting what counted.
            self._check_complete(transfer, size)
        except errors.Incomplete:
            self._live.connect(transfer)
            raise
        self._moves.move(transfer, Event.FINALIZE, user=user, size=size)

    def _check_complete(self, transfer: models.Transfer, size: int) -> None:
        progress = self._live.progress(transfer)
        gaps = ranges.missing(progress.durable, size)
        if gaps and not self._may_have_gaps(transfer, progress):
            raise errors.Incomplete(missing=ranges.total(gaps), details={"missing": [list(gap) for gap in gaps[:LISTED]]})

    def _may_have_gaps(self, transfer: models.Transfer, progress: live.Progress) -> bool:
        """Bytes that were not sent are as they should be: nothing is missing."""
        if not kinds.of_disk(transfer):
            return False
        if kinds.download(transfer):
            return True
        if kinds.replaces(transfer):
            # A qcow2 file may have any length: the verification judges it.
            return bool(progress.durable)
        with self._ground.database.reading() as session:
            image = session.get_one(models.Image, transfer.image_id)
        # A part of what a disk holds may be written over. And of a new one that is known to be zero a client may leave out the zeros: as
        # oVirt's own does, which ends with a flush. One that broke off has not said that.
        zero = image.format == "qcow2" or transfer.allocation == "sparse"
        return image.completed_at is not None or (progress.flushed and zero)

    def _step(self, transfer: models.Transfer) -> bool:
        """One step. False if the next one has to wait."""
        if transfer.phase == Phase.FINALIZING_SUCCESS and kinds.arrives(transfer):
            return self._wait(transfer)
        if not self._live.revoke(transfer):
            raise errors.HostDown(host=transfer.host.name)
        if transfer.phase in (Phase.CANCELLED_USER, Phase.CANCELLED_SYSTEM):
            self._moves.move(transfer, Event.CLEANUP)
            return True
        if transfer.phase == Phase.FINALIZING_SUCCESS and not kinds.download(transfer):
            return self._end(transfer) if transfer.verdict else self._verify(transfer)
        self._clean_up(transfer)
        return True

    def _end(self, transfer: models.Transfer) -> bool:
        try:
            self.complete(transfer, transfer.volume)
        except Failed as failed:
            self._moves.move(transfer, Event.FAIL, reason=(failed.code, failed.sentence))
        return True

    def _verify(self, transfer: models.Transfer) -> bool:
        """Asks for the verification, or how it goes. Its result is written down before the volume is touched."""
        if self._ground.clock.steady() < self._resting.get(transfer.id, 0.0):
            return False
        with self._fleet.hosts.asking(transfer.host) as control:
            try:
                job = control.job(transfer.job) if transfer.job else self._start(control, transfer)
            except client.Refused as refused:
                if refused.status == 404 and transfer.job:
                    # The daemon was restarted, and its jobs are gone.
                    self._live.keep(transfer, job=None)
                    return True
                if refused.status >= 500:
                    raise
                self._moves.move(transfer, Event.FAIL, reason=(refused.code, units.sentence(refused.message)))
                return True
        if job["state"] == "running":
            self._live.verify[transfer.id] = {"step": job["step"], "done": job["done"], "total": job["total"]}
            return False
        if job["state"] == "done":
            self._live.keep(transfer, verdict=job["result"], reason_code=None, reason=None)
        elif job["state"] == "failed" and job["error"]["code"] in HOSTS_FAULT:
            # The host's fault, not the image's: its bytes are good as far as anybody knows, and wait until it is mended.
            self._resting[transfer.id] = self._ground.clock.steady() + AGAIN
            self._live.keep(transfer, job=None, reason_code="host-failed", reason=units.sentence(job["error"]["message"]))
            raise errors.HostRefused(host=transfer.host.name, reason=job["error"]["message"])
        elif job["state"] == "failed":
            self._moves.move(transfer, Event.FAIL, reason=(job["error"]["code"], units.sentence(job["error"]["message"])))
        else:
            self._live.keep(transfer, job=None)
        return True

    def _start(self, control: client.Control, transfer: models.Transfer) -> dict:
        if kinds.cut(transfer):
            control.shrink_volume(transfer.domain_id, transfer.volume, transfer.size)
        job = control.verify(
            transfer.domain_id,
            transfer.volume,
            format=admission.file_format(transfer.volume),
            sha256=transfer.expected_sha256,
            max_virtual_size=self._ground.config.max_virtual_size,
            # oVirt's clients wait a minute: a large disk is hashed afterwards (digesting.py).
            digest=not kinds.of_disk(transfer),
        )
        self._live.keep(transfer, job=job["id"])
        return job

    def _wait(self, transfer: models.Transfer) -> bool:
        """The import's own thread works on it (pipeline/line.py), as long as it may take. True if that is over."""
        if transfer.expires_at is None or transfer.expires_at > self._ground.clock.now():
            return False
        run, source = self._live.imports.get(transfer.id), transfer.imported
        assert source is not None
        trouble = f" {run.progress.trouble}" if run and run.progress.trouble else ""
        reason = f"It was not ready after {units.duration(self._ground.config.paused_lifetime)}.{trouble}"
        with self._ground.database.session() as session:
            session.add(transfer)
            source.steps = record.broken_off(source.steps, reason)
            self._moves.within(session, transfer, Event.FAIL, reason=("expired", reason))
        return True

    def complete(self, transfer: models.Transfer, name: str, also: Callable[[orm.Session], None] | None = None) -> None:
        """The bytes are good: the file gets its name, then the image is ok. In this order an image that is ok always has a file.

        `name` is the volume's; `also` is done in the same transaction. The caller holds it. Raises Failed; errors.HostDown, HostRefused.
        """
        with self._fleet.hosts.asking(transfer.host) as control:
            try:
                volume = control.complete_volume(transfer.domain_id, name)
            except client.Refused as refused:
                if refused.status >= 500:
                    raise
                raise Failed(refused.code, units.sentence(refused.message)) from None
        verdict = transfer.verdict or {}
        with self._ground.database.session() as session:
            session.add(transfer)
            image = session.get(models.Image, transfer.image_id)
            if image is not None:
                image.status, image.reason, image.volume = "ok", None, name
                image.sha256 = verdict["sha256"]
                image.size, image.actual_size = volume["size"], volume["allocated"]
                image.virtual_size = verdict["virtual_size"]
                image.digests = verdict.get("digests") or image.digests
                image.bootable = verdict.get("bootable")
                image.label = verdict.get("label")
                image.completed_at = self._ground.clock.now()
            if also is not None:
                also(session)
            self._moves.within(session, transfer, Event.DONE)
        self._ended(transfer)

    def _clean_up(self, transfer: models.Transfer) -> None:
        """Removes the bytes, and the image's record if somebody cancelled; a failed one keeps it, and says why."""
        if self._spares(transfer):
            self._unlock(transfer)
            return
        with self._fleet.hosts.asking(transfer.host) as control:
            for volume in kinds.volumes(transfer):
                control.delete_volume(transfer.domain_id, volume)
        self._drop(transfer)

    def _spares(self, transfer: models.Transfer) -> bool:
        """The disk is as good as before the transfer: it was only read, or nobody could send anything yet."""
        if kinds.download(transfer):
            return True
        with self._ground.database.reading() as session:
            image = session.get(models.Image, transfer.image_id) if transfer.image_id else None
        failed = kinds.of_disk(transfer) and transfer.phase == Phase.FINALIZING_FAILURE
        return failed and image is not None and image.status != "illegal"

    def _unlock(self, transfer: models.Transfer) -> None:
        with self._ground.database.session() as session:
            session.add(transfer)
            image = session.get(models.Image, transfer.image_id) if transfer.image_id else None
            if image is not None:
                image.status, image.reason, image.transfer_id = "ok", None, None
            self._moves.within(session, transfer, Event.DONE)
        self._ended(transfer)

    def _drop(self, transfer: models.Transfer) -> None:
        with self._ground.database.session() as session:
            session.add(transfer)
            image = session.get(models.Image, transfer.image_id) if transfer.image_id else None
            # As oVirt does it: of a disk whose upload failed nothing is left but the transfer, which says why.
            forgotten = transfer.phase == Phase.FINALIZING_CLEANUP or kinds.of_disk(transfer)
            self._moves.within(session, transfer, Event.DONE)
            if image is not None and forgotten:
                session.delete(image)
            elif image is not None:
                image.volume = None
        self._ended(transfer)

    def _give_up(self, transfer: models.Transfer, error: errors.ApplianceError) -> None:
        """The host did not come back in all the time that a transfer may wait: nothing stays locked for ever."""
        if self._spares(transfer) and (Phase(transfer.phase), Event.DONE) in phases.MOVES:
            self._unlock(transfer)
        elif transfer.phase == Phase.FINALIZING_SUCCESS:
            self._moves.move(transfer, Event.FAIL, reason=(error.code, error.sentence))
        elif (Phase(transfer.phase), Event.CLEANUP) in phases.MOVES:
            self._moves.move(transfer, Event.CLEANUP)
        else:
            where = f"host {transfer.host.name}, in {placement.path(transfer.domain, transfer.host)}, as {transfer.volume}"
            with self._ground.database.session() as session:
                message = f"What had arrived of {transfer.name} may still be on {where}: {error.sentence}"
                self._ground.events.record(session, "bytes-left", message, severity=events.WARNING, transfer=transfer)
            self._drop(transfer)

    def _ended(self, transfer: models.Transfer) -> None:
        self._live.forget(transfer.id)
        self._resting.pop(transfer.id, None)
        self._fleet.domains.changed(transfer.domain_id)
