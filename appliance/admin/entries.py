"""Images as Glance's clients know them: an entry that they made, the image that its bytes became, or both.

An entry may be there before the bytes, and stays when these fail. An image without one (uploaded by a browser, or through oVirt's API) is
seen by everybody, as everywhere else.
"""

import collections
import dataclasses
import datetime
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from appliance import errors
from appliance.admin import admission, images, models, names, phases, ranges, rights, storing, tasks, transfers, views
from appliance.admin.ground import Ground
from appliance.admin.phases import Phase

#: Formats by Glance's words: those of files that hosts keep, and those of which imports make one that is kept.
KEPT = tuple(admission.FORMATS)
DISK_FORMATS = storing.SOURCES
CONTAINER_FORMATS = ("bare",)
VISIBILITIES = ("public", "community", "shared", "private")
#: Those that others may see than owner and administrators.
OPEN = ("public", "community")

MAX_TAGS = 128
MAX_PROPERTIES = 128
MAX_WORDS = 255
#: GiB of a disk, MiB of memory.
MAX_NEED = (1 << 31) - 1


class Entries:
    def __init__(self, ground: Ground, images: images.Images, transfers: transfers.Transfers):
        self._ground = ground
        self._images = images
        self._transfers = transfers

    def all(self, user: views.User) -> list[views.Entry]:
        """All that `user` may see, in no order: without failed uploads of other clients, and without what tasks have not brought yet."""
        with self._ground.database.reading() as session:
            every = {image.id: image for image in session.scalars(sa.select(models.Image))}
            found = {key: image for key, image in every.items() if image.copy_of not in every}
            copies = collections.defaultdict(list)
            for image in every.values():
                copies[image.copy_of].append(image)
            entries = {entry.id: entry for entry in session.scalars(sa.select(models.Entry))}
            unfinished = sa.select(models.Transfer).where(models.Transfer.phase.not_in([str(phase) for phase in phases.FINISHED]))
            moving = {transfer.image_id: transfer for transfer in session.scalars(unfinished)}
            hidden = tasks.coming(session)
        shown = (view(entries.get(key), found.get(key), moving.get(key), copies[key]) for key in (entries.keys() | found.keys()) - hidden)
        return [entry for entry in shown if entry.status != "killed" and sees(user, entry)]

    def get(self, user: views.User, entry_id: str) -> views.Entry:
        """Raises errors.NotFound, also for what `user` may not see."""
        with self._ground.database.reading() as session:
            found = view(*_find(session, entry_id), _copies(session, entry_id))
        if not sees(user, found):
            raise errors.NotFound(what="image")
        return found

    def own(self, user: views.User, entry_id: str, action: str) -> views.Entry:
        """As `get`, for who may change it. Raises errors.Forbidden too."""
        found = self.get(user, entry_id)
        rights.change(user, found.owner_id, action)
        return found

    def create(self, user: views.User, new: views.NewEntry) -> views.Entry:
        """An entry without bytes. Raises errors.Forbidden, Invalid, BadName, IdTaken."""
        rights.upload(user)
        facts = checked(new.facts)
        _public(user, "private", facts.visibility)
        entry_id = _uuid(new.id) if new.id is not None else models.new_id()
        now = self._ground.clock.now()
        with self._ground.database.session() as session:
            if session.get(models.Entry, entry_id) or session.get(models.Image, entry_id):
                raise errors.IdTaken(id=entry_id)
            session.add(models.Entry(id=entry_id, owner_id=user.id, created_at=now, updated_at=now, **_columns(facts)))
        return self.get(user, entry_id)

    def change(self, user: views.User, entry_id: str, edit: Callable[[views.Entry], views.Facts]) -> views.Entry:
        """What `edit` makes of it, in one transaction. Raises as `own`, and errors.Invalid, BadName, NameTaken, and what `edit` raises."""
        self.own(user, entry_id, "change this image")
        with self._ground.database.session() as session:
            entry, image, transfer = _find(session, entry_id)
            before = view(entry, image, transfer)
            facts = checked(edit(before))
            _public(user, before.facts.visibility, facts.visibility)
            _formats(before, facts)
            now = self._ground.clock.now()
            if entry is None:
                entry = models.Entry(id=entry_id, owner_id=before.owner_id, created_at=before.created_at)
                session.add(entry)
            for name, value in _columns(facts).items():
                setattr(entry, name, value)
            entry.updated_at = now
            if image is not None and facts.name != before.facts.name:
                self._rename(session, user, image, facts.name or image.id)
        return self.get(user, entry_id)

    def delete(self, user: views.User, entry_id: str) -> None:
        """The entry with its bytes, also while these come. Raises errors.NotFound, Forbidden, Protected, ImageLocked, HostDown."""
        found = self.own(user, entry_id, "delete this image")
        if found.facts.protected:
            raise errors.Protected(name=found.shown_name)
        with self._ground.database.reading() as session:
            copies = [copy.id for copy in _copies(session, entry_id)]
        for copy in copies:
            self.empty(user, copy)
        self.empty(user, entry_id)
        with self._ground.database.session() as session:
            gone = session.scalar(sa.delete(models.Entry).where(models.Entry.id == entry_id).returning(models.Entry.id))
            if gone is not None and found.size is None:
                self._ground.events.record(session, "entry-deleted", f"{found.shown_name}, without bytes, was deleted", user=user)

    def forget(self, entry_id: str) -> None:
        """Of an entry without bytes nothing is left, and nobody was told of it."""
        with self._ground.database.session() as session:
            session.execute(sa.delete(models.Entry).where(models.Entry.id == entry_id))

    def empty(self, user: views.User, entry_id: str) -> None:
        """Without bytes from now on, whether they are there, come, or failed. Raises as `delete`."""
        with self._ground.database.reading() as session:
            _, image, transfer = _find(session, entry_id)
        if image is None:
            return
        if transfer is not None and (Phase(transfer.phase), phases.Event.CANCEL) in phases.MOVES:
            self._transfers.cancel(user, transfer.id)
        elif transfer is None or transfer.phase in phases.FINISHED:
            self._images.delete(user, entry_id)
        else:
            raise errors.ImageLocked(name=image.name, reason=image.reason or "its transfer is just ending")

    def _rename(self, session: orm.Session, user: views.User, image: models.Image, name: str) -> None:
        if image.claim is not None:
            admission.name_free(session, image.domain, name)
            image.claim = name
        self._ground.events.record(session, "image-renamed", f"{image.name} is called {name} now", user=user, image=image)
        image.name = name


def sees(user: views.User, entry: views.Entry) -> bool:
    return user.role == rights.ADMIN or user.id == entry.owner_id or entry.facts.visibility in OPEN


def stored(entry: views.Entry, source: str | None = None) -> storing.Storing:
    """What becomes of the entry's bytes. These are of its format; or of `source`, which is to become that. Raises errors.Invalid."""
    for field in ("disk_format", "container_format"):
        if getattr(entry.facts, field) is None:
            raise errors.Invalid(field=field, reason="it must be set before bytes come")
    said = entry.facts.disk_format or ""
    try:
        return storing.Storing.of(entry.shown_name, source or said, said if said in KEPT else None)
    except errors.FormatRefused:
        raise errors.Invalid(field="disk_format", reason=f"{source} is not converted to {said}") from None


def view(
    entry: models.Entry | None, image: models.Image | None, transfer: models.Transfer | None, copies: Iterable[models.Image] = ()
) -> views.Entry:
    """One of `entry` and `image` must be there; `transfer` is the image's, if it is not finished."""
    status = _status(entry, image, transfer)
    known = image if image is not None and status == "active" else None
    about = entry or image
    assert about is not None
    digests = (image.digests or {}) if known is not None and image is not None else {}
    return views.Entry(
        id=about.id,
        facts=_facts(entry, image),
        status=status,
        owner=about.owner.name,
        owner_id=about.owner_id,
        size=known.size if known else None,
        virtual_size=known.virtual_size if known else None,
        md5=digests.get("md5"),
        sha512=digests.get("sha512"),
        stores=(image.domain.name, *(copy.domain.name for copy in copies if copy.status == "ok")) if image and status != "queued" else (),
        staged=entry.staged if entry is not None and status == "uploading" else None,
        created_at=about.created_at,
        updated_at=_latest(entry, image),
    )


def checked(facts: views.Facts) -> views.Facts:
    """In their normal form. Raises errors.Invalid, errors.BadName."""
    if facts.name:
        facts = dataclasses.replace(facts, name=names.check(facts.name))
    for field, allowed in (("disk_format", DISK_FORMATS), ("container_format", CONTAINER_FORMATS)):
        value = getattr(facts, field)
        if value is not None:
            admission.one_of(field, value, allowed)
    admission.one_of("visibility", facts.visibility, VISIBILITIES)
    for field in ("min_disk", "min_ram"):
        if not 0 <= getattr(facts, field) <= MAX_NEED:
            raise errors.Invalid(field=field, reason=f"it must be from 0 to {MAX_NEED}")
    tags, properties = described(facts.tags, facts.properties)
    return dataclasses.replace(facts, tags=tuple(tags), properties=properties)


def described(tags: Iterable[str], properties: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Tags and properties in their normal form. Raises errors.Invalid."""
    words = list(dict.fromkeys(_words("tags", tag) for tag in tags))
    if len(words) > MAX_TAGS:
        raise errors.Invalid(field="tags", reason=f"at most {MAX_TAGS} are taken")
    if len(properties) > MAX_PROPERTIES:
        raise errors.Invalid(field="properties", reason=f"at most {MAX_PROPERTIES} are taken")
    return words, {_words("properties", name): _words(name, value, most=65535) for name, value in properties.items()}


def describe(
    session: orm.Session, transfer: models.Transfer, tags: Sequence[str], properties: Mapping[str, str], now: datetime.datetime
) -> None:
    """The transfer's image has these tags and properties too; an entry says what its file is now."""
    entry = session.get(models.Entry, transfer.image_id)
    image = session.get_one(models.Image, transfer.image_id)
    if entry is None and not tags and not properties:
        return
    if entry is None:
        facts = _facts(None, image)
        entry = models.Entry(id=image.id, owner_id=image.owner_id, created_at=image.created_at, **_columns(facts))
        session.add(entry)
    entry.tags = list(dict.fromkeys([*entry.tags, *tags]))
    entry.properties = {**entry.properties, **properties}
    entry.disk_format = image.format
    entry.updated_at = now


def _find(session: orm.Session, entry_id: str) -> tuple[models.Entry | None, models.Image | None, models.Transfer | None]:
    """Raises errors.NotFound."""
    entry, image = session.get(models.Entry, entry_id), session.get(models.Image, entry_id)
    if entry is None and image is None:
        raise errors.NotFound(what="image")
    transfer = session.get(models.Transfer, image.transfer_id) if image is not None and image.transfer_id else None
    return entry, image, None if transfer is None or transfer.phase in phases.FINISHED else transfer


def _copies(session: orm.Session, entry_id: str) -> list[models.Image]:
    """In other domains."""
    return list(session.scalars(sa.select(models.Image).where(models.Image.copy_of == entry_id)))


def _status(entry: models.Entry | None, image: models.Image | None, transfer: models.Transfer | None) -> str:
    """Glance's word."""
    if image is None:
        return "queued"
    if image.deleting:
        return "pending_delete"
    if image.status == "ok":
        return "active"
    if image.status == "illegal":
        # Its entry takes bytes again.
        return "killed" if entry is None else "queued"
    if transfer is None:
        return "saving"
    if transfer.direction == "download":
        return "active"
    if entry is not None and entry.staged == transfer.id:
        return "importing" if transfer.phase in phases.ENDING else _arriving(transfer)
    return "importing" if transfer.client == "import" else "saving"


def _arriving(transfer: models.Transfer) -> str:
    """What was staged waits; what broke off as it came does not count."""
    whole = not ranges.missing([(start, end) for start, end in transfer.durable], transfer.size)
    return "uploading" if whole or transfer.phase in phases.LIVE else "queued"


def _facts(entry: models.Entry | None, image: models.Image | None) -> views.Facts:
    if entry is None:
        assert image is not None
        return views.Facts(name=image.name, disk_format=image.format, container_format="bare", visibility="public")
    # It may have been renamed elsewhere since.
    renamed = image is not None and image.name not in (entry.name, entry.id)
    return views.Facts(
        name=image.name if image is not None and renamed else entry.name,
        disk_format=entry.disk_format,
        container_format=entry.container_format,
        visibility=entry.visibility,
        protected=entry.protected,
        hidden=entry.hidden,
        min_disk=entry.min_disk,
        min_ram=entry.min_ram,
        tags=tuple(entry.tags),
        properties=dict(entry.properties),
    )


def _columns(facts: views.Facts) -> dict:
    columns = {field.name: getattr(facts, field.name) for field in dataclasses.fields(facts)}
    return columns | {"tags": list(facts.tags), "properties": dict(facts.properties)}


def _latest(entry: models.Entry | None, image: models.Image | None) -> datetime.datetime:
    moments = [entry.updated_at if entry else None, *((image.completed_at, image.created_at) if image else ())]
    return max(moment for moment in moments if moment is not None)


def _public(user: views.User, before: str, after: str) -> None:
    """What everybody finds in their list is for an administrator to say. Raises errors.Forbidden."""
    if after == "public" != before and user.role != rights.ADMIN:
        raise errors.Forbidden(role=user.role, action="make an image public: that takes the role admin")


def _formats(before: views.Entry, facts: views.Facts) -> None:
    """What the bytes are is said before they come. Raises errors.ReadOnly."""
    for field in ("disk_format", "container_format"):
        if before.status != "queued" and getattr(facts, field) != getattr(before.facts, field):
            raise errors.ReadOnly(field=field)


def _words(field: str, text: str, most: int = MAX_WORDS) -> str:
    """Raises errors.Invalid."""
    if not text.isprintable() and not all(character.isprintable() or character in "\t\n\r" for character in text):
        raise errors.Invalid(field=field[:MAX_WORDS], reason="it has a character that cannot be shown")
    if len(text) > most:
        raise errors.Invalid(field=field[:MAX_WORDS], reason=f"it has {len(text)} characters, and at most {most} are taken")
    return text


def _uuid(text: str) -> str:
    """Raises errors.Invalid."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise errors.Invalid(field="id", reason="it must be a UUID") from None
