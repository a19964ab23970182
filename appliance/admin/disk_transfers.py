"""Uploads to and downloads of disks that exist, as oVirt's clients start them.

One at a time has a disk: it is locked from here until the transfer is finished. The ticket on the host is for the file where the
transfer's format is the file's, else for the disk that a guest would see in it.
"""

import sqlalchemy as sa
from sqlalchemy import orm

from appliance import errors
from appliance.admin import admission, events, images, kinds, live, models, moves, rights, views
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.admin.phases import Event, Phase

DIRECTIONS = ("upload", "download")
FORMATS = ("raw", "qcow2")
POLICIES = ("legacy", "pause", "cancel")
#: The longest inactivity that can be waited for, in seconds: what oVirt's 32 bits hold.
MAX_INACTIVITY = (1 << 31) - 1


class DiskTransfers:
    def __init__(self, ground: Ground, fleet: Fleet, live: live.Live, moves: moves.Moves, images: images.Images):
        self._ground = ground
        self._fleet = fleet
        self._live = live
        self._moves = moves
        self._images = images

    def start(self, user: views.User, request: views.NewImageTransfer) -> str:
        """Locks the disk and returns the transfer's id: data may come, or go, when this returns.

        Raises errors.Forbidden, Invalid, NotFound (disk, host), ImageLocked, ImageIllegal, NoHost, HostDown, HostRefused. Then
        nothing has changed.
        """
        self._check(request)
        with self._ground.database.reading() as session:
            image = images.find(session, request.image)
        if request.direction == "upload":
            rights.upload(user)
            rights.change(user, image.owner_id, "upload to this disk")
        host = self._fleet.places.choose(image.domain, request.host)
        with self._fleet.hosts.asking(host) as control:
            # A host that hangs is told of at once: what comes may take long, and is waited for.
            control.info()
        transfer_id = models.new_id()
        # Before it is seen: the monitor would take it for what a process that died had begun.
        with self._live.holding(transfer_id):
            with self._ground.database.session() as session:
                image = images.find(session, request.image)
                self._lock(session, transfer_id, user, image, host, request)
            with self._ground.database.reading() as session:
                transfer = session.get_one(models.Transfer, transfer_id)
            try:
                if request.direction == "upload":
                    # Who reads the disk by other ways would see it change.
                    self._images.shut(request.image)
                self._live.connect(transfer)
            except errors.ApplianceError as error:
                self._undo(transfer, error)
                raise
            self._moves.move(transfer, Event.READY)
            self._live.beat(transfer_id)
        return transfer_id

    def _check(self, request: views.NewImageTransfer) -> None:
        """Raises errors.Invalid."""
        admission.one_of("direction", request.direction, DIRECTIONS)
        admission.one_of("format", request.format, FORMATS)
        admission.one_of("timeout_policy", request.timeout_policy, POLICIES)
        if request.inactivity_timeout is not None and not 0 <= request.inactivity_timeout <= MAX_INACTIVITY:
            raise errors.Invalid(field="inactivity_timeout", reason=f"it must be from 0 (for ever) to {MAX_INACTIVITY} seconds")
        name = request.filename
        if name is not None and not (0 < len(name) <= admission.MAX_WORDS and name.isprintable()):
            raise errors.Invalid(field="filename", reason=f"it must be 1 to {admission.MAX_WORDS} printable characters")
        admission.correlation(request.correlation_id)

    def _lock(
        self,
        session: orm.Session,
        transfer_id: str,
        user: views.User,
        image: models.Image,
        host: models.Host,
        request: views.NewImageTransfer,
    ) -> None:
        """Records the transfer, with the disk locked for it. Raises errors.ImageLocked, ImageIllegal."""
        images.usable(image)
        assert image.volume is not None
        has = "qcow2" if image.format == "qcow2" else "raw"
        # A raw disk has nothing but what a guest sees, whatever the client calls it; a qcow2 can be shown as either.
        wants = "raw" if has == "raw" else request.format
        upload, now = request.direction == "upload", self._ground.clock.now()
        patience = self._ground.config.inactivity_timeout if request.inactivity_timeout is None else request.inactivity_timeout
        transfer = models.Transfer(
            id=transfer_id,
            image_id=image.id,
            name=image.name,
            direction=request.direction,
            phase=str(Phase.INITIALIZING),
            size=_size(image, request.direction, wants),
            format=wants,
            content_type=image.content_type,
            allocation=image.allocation,
            domain_id=image.domain_id,
            volume=image.volume,
            owner_id=user.id,
            client=kinds.OVIRT,
            host_id=host.id,
            inactivity_timeout=round(patience),
            timeout_policy=request.timeout_policy,
            shallow=request.shallow,
            export=wants != has,
            filename=request.filename,
            correlation_id=request.correlation_id,
            ticket=models.new_id(),
            created_at=now,
            updated_at=now,
        )
        # Compare and set: of two that read "ok", one finds no row any more.
        locked = session.scalar(
            sa.update(models.Image)
            .where(models.Image.id == image.id, models.Image.status == "ok")
            .values(
                status="locked",
                reason=f"an {request.direction} of it is not finished" if upload else "a download of it is not finished",
                transfer_id=transfer.id,
                sha256=None if upload else image.sha256,
                digests=None if upload else image.digests,
            )
            .returning(models.Image.id)
            .execution_options(synchronize_session=False)
        )
        if locked is None:
            raise errors.ImageLocked(name=image.name, reason="another transfer has just begun")
        session.add(transfer)
        session.flush()
        message = f"{'An upload to' if upload else 'A download of'} {image.name} in {image.domain.name} was started"
        self._ground.events.record(session, "transfer-created", message, user=user, transfer=transfer, image=image)

    def _undo(self, transfer: models.Transfer, error: errors.ApplianceError) -> None:
        """The disk is as it was. If the host cannot be asked now, the monitor sees to it."""
        if kinds.replaces(transfer) or not self._live.revoke(transfer):
            # Of a file that was to be replaced nothing may be left already.
            self._moves.move(transfer, Event.FAIL, reason=(error.code, error.sentence))
            return
        with self._ground.database.session() as session:
            image = session.get_one(models.Image, transfer.image_id)
            message = f"The {transfer.direction} of {transfer.name} could not be started: {error.sentence}"
            self._ground.events.record(session, "transfer-refused", message, severity=events.WARNING, transfer=transfer, image=image)
            image.status, image.reason, image.transfer_id = "ok", None, None
            session.execute(sa.delete(models.Transfer).where(models.Transfer.id == transfer.id))
        self._live.forget(transfer.id)


def _size(image: models.Image, direction: str, format: str) -> int:
    """Bytes that the ticket is for."""
    disk = image.virtual_size or image.size
    if format == "raw":
        return disk
    if direction == "download":
        return image.size
    # A qcow2 file that is full has more bytes than its guest sees: tables, and clusters that are no longer used.
    return max(image.size, disk + disk // 10 + (1 << 20))
