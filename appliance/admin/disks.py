"""Disks as oVirt's clients make them: empty at first, filled by a transfer later, or never."""

import contextlib
import logging
import threading
import uuid
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from appliance import errors
from appliance.admin import admission, domains, events, images, models, names, rights, views
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from imaged import client, units

log = logging.getLogger(__name__)

FORMATS = ("raw", "qcow2", "iso")
BACKUPS = ("none", "incremental")
MAX_DESCRIPTION = 4096


class Disks:
    def __init__(self, ground: Ground, fleet: Fleet):
        self._ground = ground
        self._fleet = fleet
        self._lock = threading.Lock()
        #: Disks that a request of this process makes: the monitor leaves them to it.
        self._in_hand: set[str] = set()

    def create(self, user: views.User, request: views.NewDisk) -> views.Image:
        """An empty disk, ready for use. Several may have the same name.

        Raises errors.Forbidden, BadName, Invalid, NotFound (domain), WrongDomain, IdTaken, NoSpace, HostDown, HostRefused. Then nothing is
        left of it.
        """
        rights.upload(user)
        disk_id = self._checked(request)
        with self._ground.database.reading() as session:
            domain = domains.find(session, request.domain)
        admission.suits(domain, request.format)
        host = self._fleet.places.choose(domain)
        with self._fleet.hosts.asking(host) as control:
            # A host that hangs is told of at once: what comes may take long, and is waited for.
            control.info()
        with self._holding(disk_id):
            image = self._record(user, request, disk_id, domain)
            try:
                volume = self._make(request, image, host)
            except errors.ApplianceError as error:
                self._undo(request, image, error)
                raise
            with self._ground.database.session() as session:
                session.add(image)
                image.status, image.reason = "ok", None
                image.size, image.virtual_size, image.actual_size = volume["size"], volume["virtual_size"], volume["allocated"]
                message = f"Disk {image.name} ({units.size(request.size)}) was made in {domain.name}"
                self._ground.events.record(session, "disk-created", message, user=user, image=image, correlation_id=request.correlation_id)
                return images.view(image)

    def update(self, user: views.User, disk_id: str, *, name: str | None = None, description: str | None = None) -> views.Image:
        """Gives an image another name or description; None leaves it. Raises errors.NotFound, Forbidden, BadName, Invalid, NameTaken."""
        name = None if name is None else names.check(name)
        description = None if description is None else _text("description", description, MAX_DESCRIPTION)
        with self._ground.database.reading() as session:
            image = images.find(session, disk_id)
        rights.change(user, image.owner_id, "change this image")
        before, domain = image.name, image.domain.name
        try:
            with self._ground.database.session() as session:
                session.add(image)
                if name is not None:
                    image.name = name
                    image.claim = name if image.claim is not None else None
                if description is not None:
                    image.description = description
                if image.name != before:
                    self._ground.events.record(session, "image-renamed", f"{before} is called {image.name} now", user=user, image=image)
        except IntegrityError:
            raise errors.NameTaken(domain=domain, name=name) from None
        return images.view(image)

    def tend(self) -> None:
        """For the monitor: what a process that died had begun to make is removed. Nobody was told that it is there."""
        with self._ground.database.session() as session:
            begun = sa.select(models.Image).where(
                models.Image.status == "locked", models.Image.transfer_id.is_(None), models.Image.deleting.is_(False)
            )
            for image in session.scalars(begun):
                if image.id not in self._in_hand:
                    image.deleting = True

    def _checked(self, request: views.NewDisk) -> str:
        """The new disk's id. Raises errors.Invalid, errors.BadName."""
        if request.name:
            names.check(request.name)
        most = min(self._ground.config.max_virtual_size, self._ground.config.max_image_size)
        if not 1 <= request.size <= most:
            raise errors.Invalid(field="size", reason=f"it must be from 1 to {most} bytes")
        admission.one_of("format", request.format, FORMATS)
        admission.one_of("allocation", request.allocation, admission.ALLOCATIONS)
        admission.one_of("content_type", request.content_type, ("data", "iso"))
        if request.backup is not None:
            admission.one_of("backup", request.backup, BACKUPS)
        if (request.format == "iso") != (request.content_type == "iso"):
            raise errors.Invalid(field="content_type", reason="an ISO image has the format iso, and nothing else has")
        if request.initial_size is not None and request.initial_size < 0:
            raise errors.Invalid(field="initial_size", reason="it must not be negative")
        _text("description", request.description, MAX_DESCRIPTION)
        admission.correlation(request.correlation_id)
        if request.id is None:
            return models.new_id()
        try:
            return str(uuid.UUID(request.id))
        except ValueError:
            raise errors.Invalid(field="id", reason="it must be a UUID") from None

    @contextlib.contextmanager
    def _holding(self, disk_id: str) -> Iterator[None]:
        with self._lock:
            if disk_id in self._in_hand:
                raise errors.IdTaken(id=disk_id)
            self._in_hand.add(disk_id)
        try:
            yield
        finally:
            with self._lock:
                self._in_hand.discard(disk_id)

    def _record(self, user: views.User, request: views.NewDisk, disk_id: str, domain: models.Domain) -> models.Image:
        """Locked until its volume is there: a crash leaves nothing that would be taken for a disk."""
        image = models.Image(
            id=disk_id,
            name=names.check(request.name) if request.name else disk_id,
            # Disks may be called alike: none of them claims its name.
            claim=None,
            size=request.size,
            virtual_size=request.size,
            format=request.format,
            content_type=request.content_type,
            status="locked",
            reason="it is being made",
            domain_id=domain.id,
            owner_id=user.id,
            volume=disk_id + admission.FORMATS[request.format],
            description=request.description,
            allocation=request.allocation,
            backup=request.backup,
            created_at=self._ground.clock.now(),
        )
        try:
            with self._ground.database.session() as session:
                session.add(image)
                session.flush()
                session.refresh(image)
        except IntegrityError:
            raise errors.IdTaken(id=disk_id) from None
        return image

    def _make(self, request: views.NewDisk, image: models.Image, host: models.Host) -> dict:
        """The volume on the host, ready."""
        # A sparse disk takes room as it is filled. How much will be is what a client may have measured.
        initial = 0 if request.initial_size is None else min(request.initial_size, request.size)
        with self._fleet.hosts.asking(host) as control:
            try:
                return control.create_volume(
                    image.domain_id,
                    image.volume or "",
                    size=request.size,
                    allocation=request.allocation,
                    initial_size=initial if request.allocation == "sparse" else None,
                    format="qcow2" if request.format == "qcow2" else "raw",
                    complete=True,
                )
            except client.Refused as refused:
                if refused.code == "no-space":
                    details = {"available": int(refused.details.get("available", 0)), "needed": int(refused.details.get("needed", 0))}
                    raise errors.NoSpace(
                        domain=image.domain.name, free=details["available"], name=image.name, needed=details["needed"], details=details
                    ) from None
                if refused.code == "virtual-size":
                    raise errors.Invalid(field="size", reason=refused.message) from None
                raise
            finally:
                self._fleet.domains.changed(image.domain_id)

    def _undo(self, request: views.NewDisk, image: models.Image, error: errors.ApplianceError) -> None:
        """Nothing is left of it; what the host cannot be asked to remove now, the monitor will."""
        with self._ground.database.session() as session:
            message = f"Disk {image.name} could not be made: {error.sentence}"
            self._ground.events.record(
                session, "disk-refused", message, severity=events.WARNING, image=image, correlation_id=request.correlation_id
            )
            session.execute(sa.update(models.Image).where(models.Image.id == image.id).values(deleting=True))


def _text(field: str, text: str, most: int) -> str:
    """Raises errors.Invalid."""
    if len(text) > most:
        raise errors.Invalid(field=field, reason=f"it has {len(text)} characters, and at most {most} are allowed")
    if any(ord(character) < 32 and character not in "\t\n\r" for character in text):
        raise errors.Invalid(field=field, reason="it contains a control character")
    return text
