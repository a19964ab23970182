"""Transfers, as people and scripts ask for them. The byte's own way is the transfer room's; what goes on unasked is the monitor's."""

import contextlib

import sqlalchemy as sa
from sqlalchemy import orm

from appliance import errors
from appliance.admin import (
    admission,
    disk_transfers,
    finalizing,
    identity,
    issuing,
    kinds,
    lists,
    live,
    models,
    moves,
    phases,
    ranges,
    resuming,
    rights,
    shown,
    uploads,
    views,
)
from appliance.admin.bell import Bell
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.admin.phases import Event, Phase
from imaged import client

#: What `page` may be asked for. A transfer is unfinished from its first moment on: its browser may be gone already.
STATES: dict[str, tuple[Phase, ...]] = {
    "running": phases.LIVE + phases.ENDING,
    "unfinished": phases.LIVE + phases.PAUSED + phases.ENDING,
    "finished": phases.FINISHED,
}

#: Phases in which the system has done already what cancelling, or finalizing, asks for.
CANCELLED = (Phase.CANCELLED_SYSTEM, Phase.FINALIZING_FAILURE, Phase.FINISHED_FAILURE)
FINALIZED = (Phase.FINALIZING_SUCCESS, Phase.FINISHED_SUCCESS)

#: Who looks at a transfer does not ask which hosts see its domain.
SHOWN = (orm.lazyload(models.Transfer.domain, models.Domain.seen_by),)
#: What a heartbeat asks of a transfer.
BEATING = ("id", "phase", "reason", "client", "direction", "owner_id", "durable", "transferred_bytes")
BEAT = sa.select(*(getattr(models.Transfer, name) for name in BEATING)).where(models.Transfer.id == sa.bindparam("id"))

#: The host hashes at most 64 ranges of 64 MiB at once; a piece has at most 1 MiB.
DIGESTS = 32


class Transfers:
    """`bell` tells the monitor that there is something to do."""

    def __init__(
        self,
        ground: Ground,
        fleet: Fleet,
        live: live.Live,
        moves: moves.Moves,
        finalizing: finalizing.Finalizing,
        resuming: resuming.Resuming,
        uploads: uploads.Uploads,
        disk_transfers: disk_transfers.DiskTransfers,
        shown: shown.Shown,
        issuing: issuing.Issuing,
        bell: Bell,
    ):
        self._ground = ground
        self._fleet = fleet
        self._live = live
        self._moves = moves
        self._finalizing = finalizing
        self._resuming = resuming
        self._uploads = uploads
        self._disk_transfers = disk_transfers
        self._shown = shown
        self._issuing = issuing
        self._bell = bell

    def check(self, user: views.User, request: views.NewTransfer) -> views.Checked:
        """Would `create` work now? Raises the error that it would raise."""
        return self._uploads.check(user, request)

    def create(self, user: views.User, request: views.NewTransfer) -> views.Transfer:
        """Starts an upload of a new image. Raises as Uploads.create."""
        return self.get(user, self._uploads.create(user, request))

    def start(self, user: views.User, request: views.NewImageTransfer) -> views.Transfer:
        """Starts an upload to, or a download of, a disk that exists. Raises as DiskTransfers.start."""
        return self.get(user, self._disk_transfers.start(user, request))

    def get(self, user: views.User, transfer_id: str) -> views.Transfer:
        """As it is now: of a running upload the host is asked what has arrived. Every role may look. Raises errors.NotFound."""
        with self._live.holding(transfer_id, wait=False) as free:
            with self._ground.database.reading() as session:
                transfer = find(session, transfer_id, *SHOWN)
            # Who works on it now knows better, and a host that is silent could be waited for for long.
            if free and transfer.phase == Phase.TRANSFERRING and not self._fleet.hosts.silent(transfer.host.id):
                with contextlib.suppress(errors.HostDown, errors.HostRefused, errors.NoSpace):
                    self._live.tend(transfer)
        return self._shown.view(user, transfer)

    def page(self, user: views.User, *, state: str | None = None, limit: int = lists.LIMIT, after: str | None = None) -> views.Page:
        """Transfers, newest first; `state` is running, unfinished or finished. Raises errors.Invalid."""
        query = lists.newest_first(sa.select(models.Transfer).options(*SHOWN), models.Transfer, after)
        if state is not None:
            if state not in STATES:
                raise errors.Invalid(field="state", reason=f"it must be one of {', '.join(STATES)}")
            query = query.where(models.Transfer.phase.in_([str(phase) for phase in STATES[state]]))
        with self._ground.database.reading() as session:
            return lists.page(session, query, limit, lambda row: self._shown.view(user, row), lists.cursor)

    def counts(self) -> dict[str, int]:
        """How many there are in each phase that any is in."""
        with self._ground.database.reading() as session:
            rows = session.execute(sa.select(models.Transfer.phase, sa.func.count()).group_by(models.Transfer.phase))
            return {row.phase: row[1] for row in rows}

    def ticket(self, user: views.User, transfer_id: str, direct: bool = False) -> views.Ticket:
        """A signed ticket for writing; `direct`: not through a proxy.

        Raises errors.NotFound, Forbidden, NoSignedTicket, WorksAlone, NotAllowed (unless it is transferring), HostDown.
        """
        with self._live.holding(transfer_id):
            transfer = self._own(user, transfer_id, "send data to this upload")
            if kinds.of_disk(transfer):
                raise errors.NoSignedTicket
            _not_alone(transfer)
            if transfer.phase != Phase.TRANSFERRING:
                raise errors.NotAllowed(phase=transfer.phase, event="take data")
            # The ticket is on the host when the client gets it, and what has arrived is known as of now: nothing is sent twice.
            self._live.tend(transfer)
            self._live.keep(transfer)
            self._live.beat(transfer_id)
            durable = self._live.progress(transfer).durable
        assert transfer.ticket
        place = {"transfer": transfer.id, "host": transfer.host.id, "ticket": transfer.ticket}
        return self._issuing.issue(user, **place, ops=["write"], size=transfer.size, durable=durable, direct=direct)

    def heartbeat(self, user: views.User, transfer_id: str) -> views.Beat:
        """The client is there. Answers how it stands, in every phase. Raises errors.NotFound, Forbidden."""
        transfer = self._ground.database.row(BEAT, id=transfer_id)
        if transfer is None:
            raise errors.NotFound(what="transfer")
        rights.change_transfer(user, transfer, "keep this upload alive")
        if transfer.phase in phases.LIVE:
            self._live.beat(transfer_id)
        progress = self._live.progress(transfer)
        return views.Beat(transfer.phase, transfer.reason, progress.durable, ranges.total(progress.durable))

    def extend(self, user: views.User, transfer_id: str) -> views.Transfer:
        """The client is there, though it moves nothing. Raises errors.NotFound, Forbidden, NotAllowed, HostDown, HostRefused."""
        with self._live.holding(transfer_id):
            transfer = self._own(user, transfer_id, "keep this transfer alive")
            if transfer.phase == Phase.TRANSFERRING:
                self._live.touch(transfer)
            elif transfer.phase not in phases.LIVE:
                raise errors.NotAllowed(phase=transfer.phase, event="be extended")
        return self.get(user, transfer_id)

    def pause(self, user: views.User, transfer_id: str) -> views.Transfer:
        """No byte is written any more when this returns. Raises errors.NotFound, Forbidden, NoPause, NotAllowed."""
        with self._live.holding(transfer_id):
            transfer = self._own(user, transfer_id, "pause this upload")
            if kinds.download(transfer) and transfer.phase in phases.LIVE:
                raise errors.NoPause
            if kinds.begins(transfer):
                raise errors.NotAllowed(phase=transfer.phase, event=str(Event.PAUSE))
            self._moves.move(transfer, Event.PAUSE, user=user)
            self._live.wind_up(transfer)
            self._live.revoke(transfer)
        return self.get(user, transfer_id)

    def pieces(self, user: views.User, transfer_id: str) -> views.Pieces:
        """What the client must hash to resume: the same until it has.

        Raises errors.NotFound, Forbidden, WorksAlone, NotAllowed, HostDown.
        """
        with self._live.holding(transfer_id):
            transfer = self._to_resume(user, transfer_id)
            _not_alone(transfer)
            phases.move(Phase(transfer.phase), Event.RESUME)
            if transfer.asked is None:
                self._live.keep(transfer, asked=identity.to_hash(transfer.fingerprint, self._durable(transfer)))
        return views.Pieces(tuple((start, end) for start, end in transfer.asked or ()))

    def resume(self, user: views.User, transfer_id: str, proof: views.Proof | None = None) -> views.Transfer:
        """Data may come again when this returns. A browser's upload needs the proof that its file is the same.

        Raises errors.NotFound, Forbidden, NotAllowed, Unproven, DifferentFile, Invalid, NoSpace, HostDown.
        """
        with self._live.holding(transfer_id):
            transfer = self._to_resume(user, transfer_id)
            phases.move(Phase(transfer.phase), Event.RESUME)
            if proof is not None:
                _not_alone(transfer)
                self._prove(transfer, proof)
            elif transfer.client == "browser":
                raise errors.Unproven(reason="the file must be shown again")
            self._resuming.resume(transfer, user)
        return self.get(user, transfer_id)

    def cancel(self, user: views.User, transfer_id: str) -> views.Transfer:
        """Ends the upload and removes what has arrived; goes on by itself if the host is away.

        Raises errors.NotFound, Forbidden, NotAllowed.
        """
        with self._live.holding(transfer_id):
            transfer = self._own(user, transfer_id, "cancel this transfer")
            if kinds.of_disk(transfer) and transfer.phase in CANCELLED:
                # The system was faster than its client, who cannot know.
                return self._shown.view(user, transfer)
            if kinds.of_disk(transfer) and transfer.phase in FINALIZED:
                # A disk that its client has finalized is about to be used.
                raise errors.NotAllowed(phase=transfer.phase, event=str(Event.CANCEL))
            self._moves.move(transfer, Event.CANCEL, user=user)
            self._finalizing.advance(transfer)
        self._bell.ring()
        return self.get(user, transfer_id)

    def finalize(self, user: views.User, transfer_id: str, size: int | None = None) -> views.Transfer:
        """Ends the sending; the host verifies from now on. `size`: what came, where that was not known before.

        Raises errors.NotFound, Forbidden, WorksAlone, NotAllowed, HostDown, and Incomplete: then it stays as it is.
        """
        with self._live.holding(transfer_id):
            transfer = self._own(user, transfer_id, "finalize this transfer")
            if kinds.of_disk(transfer) and transfer.phase in FINALIZED:
                # A download that was read to its end is finalized unasked, and a client that lost our answer asks again.
                return self._shown.view(user, transfer)
            _not_alone(transfer)
            self._finalizing.begin(transfer, user, size)
        self._bell.ring()
        return self.get(user, transfer_id)

    def _prove(self, transfer: models.Transfer, proof: views.Proof) -> None:
        """Raises errors.DifferentFile unless everything that the proof shows is what was recorded, and what the host holds."""
        identity.same_size(transfer.size, proof.size)
        proof = views.Proof(proof.size, proof.modified, admission.pieces(proof.pieces, transfer.size, "pieces"))
        shown = identity.answered(transfer.asked, proof)
        recorded = {(start, end): digest for start, end, digest in transfer.fingerprint}
        identity.same_bytes(recorded, shown)
        held = identity.within(transfer.asked or (), self._durable(transfer))
        digests: list[str] = []
        with self._fleet.hosts.asking(self._resuming.place(transfer)) as control:
            for first in range(0, len(held), DIGESTS):
                digests += control.digests(transfer.domain_id, transfer.volume, held[first : first + DIGESTS])
        identity.same_bytes(dict(zip(held, digests, strict=True)), shown)

    def _durable(self, transfer: models.Transfer) -> list[ranges.Range]:
        """What the host holds for good at this moment; nothing if it has no such volume. Raises errors.HostDown."""
        with self._fleet.hosts.asking(self._resuming.place(transfer)) as control:
            try:
                return ranges.merged(control.volume(transfer.domain_id, transfer.volume)["durable"])
            except client.Refused as refused:
                if refused.status == 404:
                    return []
                raise

    def _to_resume(self, user: views.User, transfer_id: str) -> models.Transfer:
        transfer = self._own(user, transfer_id, "resume this transfer")
        if transfer.host_id and self._fleet.hosts.silent(transfer.host.id):
            # It may be back, and only not have been looked at since.
            self._fleet.hosts.look(transfer.host)
        return transfer

    def _load(self, transfer_id: str) -> models.Transfer:
        with self._ground.database.reading() as session:
            return find(session, transfer_id)

    def _own(self, user: views.User, transfer_id: str, action: str) -> models.Transfer:
        transfer = self._load(transfer_id)
        rights.change_transfer(user, transfer, action)
        return transfer


def find(session: orm.Session, transfer_id: str, *options: orm.interfaces.ORMOption) -> models.Transfer:
    """Raises errors.NotFound."""
    transfer = session.get(models.Transfer, transfer_id, options=options)
    if transfer is None:
        raise errors.NotFound(what="transfer")
    return transfer


def _not_alone(transfer: models.Transfer) -> None:
    """Raises errors.WorksAlone for an import: no client has its bytes."""
    if kinds.imported(transfer):
        raise errors.WorksAlone
