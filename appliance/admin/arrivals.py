"""Imports that Glance's clients ask for, of what they have staged or from a URL: each has a task, which tells how it goes."""

from collections.abc import Sequence
from typing import Any

from appliance import errors
from appliance.admin import advice, copying, deposits, entries, images, imports, models, phases, stores, storing, tasks, transfers, views
from appliance.admin.ground import Ground
from appliance.admin.pipeline import installed, record

#: Addresses that may be imported from: nothing of the server's own, whatever else is allowed.
SCHEMES = ("http", "https")

#: What a source did wrong, and not who asked: the task ends with it.
FAULTS = (
    errors.ArchiveDamaged,
    errors.ArchiveMemory,
    errors.ArchiveTooLarge,
    errors.ArchiveTrailing,
    errors.ArchiveTruncated,
    errors.FormatRefused,
    errors.NotAnImage,
    errors.SourceChanged,
    errors.SourceEmpty,
    errors.SourceForbidden,
    errors.SourceMissing,
    errors.UnknownCompression,
)
#: The status of errors that are another server's.
GATEWAY = 502


class Arrivals:
    def __init__(
        self,
        ground: Ground,
        entries: entries.Entries,
        stores: stores.Stores,
        transfers: transfers.Transfers,
        imports: imports.Imports,
        copying: copying.Copying,
        tasks: tasks.Tasks,
    ):
        self._ground = ground
        self._entries = entries
        self._stores = stores
        self._transfers = transfers
        self._imports = imports
        self._copying = copying
        self._tasks = tasks

    def staged(self, user: views.User, entry_id: str, asked: dict[str, Any]) -> None:
        """What was staged goes through the steps of its storage domain, and becomes the image.

        Raises errors.NotFound, Forbidden, WrongStatus, HostDown.
        """
        entry = self._entries.own(user, entry_id, "import this image")
        if entry.status != "uploading" or entry.staged is None:
            raise errors.WrongStatus(name=entry.shown_name, status=entry.status, wanted="its bytes must be staged first")
        with self._ground.database.reading() as session:
            transfer = session.get_one(models.Transfer, entry.staged)
        if transfer.phase in phases.LIVE:
            raise errors.WrongStatus(name=entry.shown_name, status=entry.status, wanted="its bytes must have come first")
        self._transfers.resume(user, entry.staged)
        with self._ground.database.session() as session:
            # It may be there already: of a try that a host broke off.
            session.merge(self._source(entry, transfer))
        self._tasks.add(user, tasks.IMPORT_OF_IMAGE, asked, image_id=entry_id, transfer_id=entry.staged)
        self._transfers.finalize(user, entry.staged)

    def download(self, user: views.User, entry_id: str, url: str, asked: dict[str, Any], store: str | None = None) -> None:
        """Fetches the bytes of an entry that has none. Raises errors.NotFound, Forbidden, WrongStatus, Invalid, and as Imports.create."""
        entry = self._entries.own(user, entry_id, "import this image")
        if entry.status != "queued":
            raise errors.WrongStatus(name=entry.shown_name, status=entry.status, wanted="bytes are taken while it is queued")
        check_url(url, "method.uri")
        stored = entries.stored(entry)
        # Of an earlier attempt something may be left.
        self._entries.empty(user, entry_id)
        try:
            found = self._fetch(user, entry, url, stored, store)
        except errors.ApplianceError as error:
            if not _fault(error):
                raise
            self._tasks.fail(user, tasks.IMPORT_OF_IMAGE, asked, advice.told(error.sentence, error.code), image_id=entry_id)
            return
        self._tasks.add(user, tasks.IMPORT_OF_IMAGE, asked, image_id=entry_id, transfer_id=found.id)

    def copy(self, user: views.User, entry_id: str, wanted: Sequence[str] | None, asked: dict[str, Any]) -> None:
        """Copies an image to other stores, each with a task of its own; None: to all that take it and do not have it.

        Raises errors.NotFound, Forbidden, WrongStatus, Invalid, and as an upload.
        """
        entry = self._entries.own(user, entry_id, "copy this image")
        if entry.status != "active":
            raise errors.WrongStatus(name=entry.shown_name, status=entry.status, wanted="only active images are copied")
        with self._ground.database.reading() as session:
            format = images.find(session, entry_id).format
        if wanted is None:
            chosen = [store for store in stores.taking(self._stores.all(), format) if store.name not in entry.stores]
        else:
            chosen = [self._stores.choose(format, entry.size or 0, store) for store in wanted]
        for store in chosen:
            if store.name in entry.stores:
                raise errors.Invalid(field="stores", reason=f"the image is in {store.name} already")
        for store in chosen:
            transfer_id = self._copying.start(user, entry_id, store)
            self._tasks.add(user, tasks.IMPORT_OF_IMAGE, asked, image_id=entry_id, transfer_id=transfer_id)

    def task(self, user: views.User, url: str, format: str, facts: views.Facts, asked: dict[str, Any]) -> views.Task:
        """A task that brings an image, which is of `format` at the URL; if it fails, there is none. Raises as `download`."""
        entry = self._entries.create(user, views.NewEntry(facts))
        try:
            found = self._fetch(user, entry, url, entries.stored(entry, format), None)
        except errors.ApplianceError as error:
            self._entries.forget(entry.id)
            if not _fault(error):
                raise
            return self._tasks.fail(user, tasks.IMPORT, asked, advice.told(error.sentence, error.code))
        return self._tasks.add(user, tasks.IMPORT, asked, image_id=entry.id, transfer_id=found.id)

    def _source(self, entry: views.Entry, transfer: models.Transfer) -> models.Import:
        """What was staged, as the steps need it: all of it is there."""
        stored = entries.stored(entry)
        return models.Import(
            transfer_id=transfer.id,
            url="",
            declared_format=stored.source,
            wanted_format=stored.format,
            target=stored.target(entry.id, transfer.volume),
            find_checksum=False,
            looked_at=self._ground.clock.now(),
            resumable=True,
            source_size=transfer.size,
            source_format=stored.source,
            sized=True,
            fetched=transfer.size,
            digests=list(deposits.DIGESTS),
            steps=record.planned(installed.chosen(transfer.domain.steps), checksum=False, packed=False),
        )

    def _fetch(self, user: views.User, entry: views.Entry, url: str, stored: storing.Storing, store: str | None) -> views.Transfer:
        wanted = views.NewImport(
            url=url,
            domain=self._stores.choose(stored.format, 0, store).id,
            name=entry.facts.name or entry.id,
            source_format=stored.source,
            format=stored.format,
            image_id=entry.id,
            digests=deposits.DIGESTS,
        )
        return self._imports.create(user, wanted)


def check_url(url: str, field: str) -> None:
    """Raises errors.Invalid."""
    if url.strip().partition(":")[0].lower() not in SCHEMES:
        raise errors.Invalid(field=field, reason=f"it must begin with {' or '.join(f'{scheme}://' for scheme in SCHEMES)}")


def _fault(error: errors.ApplianceError) -> bool:
    return isinstance(error, FAULTS) or error.status == GATEWAY
