"""The images: what was uploaded, how to read it, and its end."""

import contextlib
import logging
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy import orm

from appliance import errors
from appliance.admin import domains, issuing, lists, models, placement, rights, views
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from imaged import client

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """A ticket on a host, shared by those who read one image. `used` is when somebody asked last, by the steady clock."""

    ticket: str
    host: views.Ref
    used: float


class Images:
    def __init__(self, ground: Ground, fleet: Fleet, issuing: issuing.Issuing):
        self._ground = ground
        self._fleet = fleet
        self._issuing = issuing
        self._lock = threading.Lock()
        self._readings: dict[str, Reading] = {}
        #: Images that a request of this process deletes: the monitor leaves them to it.
        self._in_hand: set[str] = set()
        self._tended: dict[str, float] = {}

    def page(self, *, domain: str | None = None, limit: int = lists.LIMIT, after: str | None = None) -> views.Page:
        """Images, newest first; those of one domain (id or name) if given. Raises errors.NotFound, errors.Invalid (`after`)."""
        with self._ground.database.reading() as session:
            query = lists.newest_first(sa.select(models.Image), models.Image, after)
            if domain is not None:
                query = query.where(models.Image.domain_id == domains.find(session, domain).id)
            return lists.page(session, query, limit, view, lists.cursor)

    def get(self, image_id: str) -> views.Image:
        """Raises errors.NotFound."""
        with self._ground.database.reading() as session:
            return view(find(session, image_id))

    def open(self, user: views.User, image_id: str) -> views.OpenImage:
        """What it takes to read the image's bytes now; every role may. Raises errors.NotFound, ImageLocked, ImageIllegal, HostDown."""
        with self._ground.database.reading() as session:
            image = find(session, image_id)
        usable(image)
        reading = self._reading(image)
        return views.OpenImage(
            id=image.id,
            name=image.name,
            format=image.format,
            content_type=image.content_type,
            size=image.size,
            sha256=image.sha256,
            completed_at=image.completed_at,
            host=reading.host.id,
            ticket=reading.ticket,
        )

    def ticket(self, user: views.User, image_id: str, direct: bool = False) -> views.Ticket:
        """A signed ticket to read the image; `direct`: not through a proxy. Raises as `open`."""
        opened = self.open(user, image_id)
        # Each ticket is a transfer of its own: a second reader does not end the first one's session.
        return self._issuing.issue(
            user, transfer=models.new_id(), host=opened.host, ticket=opened.ticket, ops=["read"], size=opened.size, direct=direct
        )

    def delete(self, user: views.User, image_id: str) -> None:
        """Removes the image and its bytes; open downloads end.

        Raises errors.NotFound, Forbidden, ImageLocked, HostDown; then nothing has changed.
        """
        with self._ground.database.reading() as session:
            image = find(session, image_id)
        rights.change(user, image.owner_id, "delete this image")
        if image.volume is not None:
            with self._fleet.hosts.asking(self._fleet.places.any(image.domain)) as control:
                control.info()
        with self._holding(image_id):
            self._mark(image_id)
            self._delete(image, user)

    @contextlib.contextmanager
    def _holding(self, image_id: str) -> Iterator[None]:
        with self._lock:
            self._in_hand.add(image_id)
        try:
            yield
        finally:
            with self._lock:
                self._in_hand.discard(image_id)

    def _mark(self, image_id: str) -> None:
        """From now on the image is being deleted. Raises errors.ImageLocked."""
        with self._ground.database.session() as session:
            # Marked before the first byte goes: if we die now, the monitor ends what was begun, and nobody reads half an image.
            marked = session.scalar(
                sa.update(models.Image)
                .where(models.Image.id == image_id, models.Image.status != "locked")
                .values(status="locked", reason="it is being deleted", deleting=True)
                .returning(models.Image.id)
            )
            if marked is None:
                image = find(session, image_id)
                raise errors.ImageLocked(name=image.name, reason=image.reason or "its upload is not finished")

    def tend(self, host: models.Host) -> None:
        """For the monitor, on `host`: ends deletions that were begun, keeps read tickets alive while they are used, revokes the others."""
        with self._ground.database.reading() as session:
            leftovers = list(session.scalars(sa.select(models.Image).where(models.Image.deleting)))
        for image in leftovers:
            if image.id in self._in_hand or self._fleet.places.any(image.domain).id != host.id:
                continue
            try:
                self._delete(image, None)
            except (errors.HostDown, errors.HostRefused) as error:
                log.info("Image %s is still to be deleted: %s", image.id, error)
        now = self._ground.clock.steady()
        if now - self._tended.get(host.id, 0.0) < self._ground.config.ticket_lifetime / 4:
            return
        self._tended[host.id] = now
        with self._lock:
            readings = [(image_id, reading) for image_id, reading in self._readings.items() if reading.host.id == host.id]
        for image_id, reading in readings:
            try:
                self._tend(image_id, reading, now)
            except (errors.HostDown, errors.HostRefused) as error:
                log.info("The read ticket of image %s is not renewed: %s", image_id, error)

    def _tend(self, image_id: str, reading: Reading, now: float) -> None:
        with self._fleet.hosts.asking(reading.host) as control:
            try:
                active = control.ticket(reading.ticket)["active"]
            except client.Refused as refused:
                if refused.status != 404:
                    raise
                with self._lock:
                    self._readings.pop(image_id, None)
                return
            if active or now - reading.used < self._ground.config.ticket_lifetime:
                control.renew_ticket(reading.ticket, self._ground.config.ticket_lifetime)
                return
        self._revoke(image_id)

    def _reading(self, image: models.Image) -> Reading:
        """A ticket that is on its host now: the one that others use, renewed, or a new one."""
        with self._lock:
            known = self._readings.get(image.id)
        host = self._fleet.places.any(image.domain)
        if known is not None and known.host.id != host.id:
            # The host of the others is away: this reader has one of its own.
            known = None
        with self._fleet.hosts.asking(host) as control:
            if known is not None and self._renewed(control, known):
                with self._lock:
                    self._readings[image.id] = replace(known, used=self._ground.clock.steady())
                return known
            reading = Reading(models.new_id(), views.Ref(host.id, host.name), self._ground.clock.steady())
            control.put_ticket(
                {
                    "uuid": reading.ticket,
                    "url": control.volume(image.domain_id, image.volume or "")["url"],
                    "size": image.size,
                    "ops": ["read"],
                    "filename": image.name,
                    "timeout": math.ceil(self._ground.config.ticket_lifetime),
                    "inactivity_timeout": math.ceil(self._ground.config.inactivity_timeout),
                }
            )
            with self._lock:
                faster = self._readings.get(image.id)
                if faster is None or faster.host.id != host.id or (known is not None and faster.ticket == known.ticket):
                    self._readings[image.id] = reading
                    return reading
            # Two asked at once: only the ticket that is remembered would be revoked with the image.
            control.delete_ticket(reading.ticket)
            return faster

    def _renewed(self, control: client.Control, reading: Reading) -> bool:
        try:
            control.renew_ticket(reading.ticket, self._ground.config.ticket_lifetime)
            return True
        except client.Refused as refused:
            if refused.status != 404:
                raise
            return False

    def shut(self, image_id: str) -> None:
        """Ends what is being read of the image: it will change. Raises errors.HostDown."""
        self._revoke(image_id)

    def _revoke(self, image_id: str) -> None:
        with self._lock:
            reading = self._readings.pop(image_id, None)
        if reading is not None:
            with self._fleet.hosts.asking(reading.host) as control:
                control.delete_ticket(reading.ticket)

    def _delete(self, image: models.Image, user: views.User | None) -> None:
        """The rest of a deletion that is marked. Repeatable."""
        self._revoke(image.id)
        if image.volume is not None:
            with self._fleet.hosts.asking(self._fleet.places.any(image.domain)) as control:
                control.delete_volume(image.domain_id, image.volume)
        with self._ground.database.session() as session:
            gone = sa.delete(models.Image).where(models.Image.id == image.id, models.Image.deleting).returning(models.Image.id)
            if session.scalar(gone) is not None:
                message = f"{image.name} was deleted from {image.domain.name}"
                self._ground.events.record(session, "image-deleted", message, user=user, image=image)
            if image.completed_at is not None:
                # Of one whose bytes failed the entry stays: it takes others.
                session.execute(sa.delete(models.Entry).where(models.Entry.id == image.id))
        self._fleet.domains.changed(image.domain_id)


def find(session: orm.Session, image_id: str) -> models.Image:
    image = session.get(models.Image, image_id)
    if image is None:
        raise errors.NotFound(what="image")
    return image


def usable(image: models.Image) -> None:
    """Raises errors.ImageLocked, errors.ImageIllegal."""
    if image.status == "locked":
        raise errors.ImageLocked(name=image.name, reason=image.reason or "its upload is not finished")
    if image.status == "illegal":
        raise errors.ImageIllegal(name=image.name, reason=image.reason)


def view(image: models.Image) -> views.Image:
    return views.Image(
        id=image.id,
        name=image.name,
        size=image.size,
        virtual_size=image.virtual_size,
        format=image.format,
        content_type=image.content_type,
        status=image.status,
        reason=image.reason,
        sha256=image.sha256,
        domain=views.Ref(image.domain.id, image.domain.name),
        owner=image.owner.name,
        path=f"{placement.path(image.domain, None)}/{image.volume}" if image.status == "ok" else None,
        bootable=image.bootable,
        label=image.label,
        created_at=image.created_at,
        completed_at=image.completed_at,
        transfer_id=image.transfer_id,
        description=image.description,
        allocation=image.allocation,
        actual_size=image.actual_size,
        backup=image.backup,
        tags=tuple(image.entry.tags) if image.entry else (),
        properties=dict(image.entry.properties) if image.entry else {},
    )
