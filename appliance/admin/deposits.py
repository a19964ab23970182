"""Bytes that a Glance client sends in one piece, for an entry that has none: an upload like any other.

What was staged is an upload that is whole, and paused until somebody asks for its import.
"""

import contextlib
import time
from collections.abc import Mapping

import sqlalchemy as sa

from appliance import errors
from appliance.admin import entries, models, phases, stores, tasks, transfers, uploads, views
from appliance.admin.ground import Ground
from appliance.admin.phases import Phase

#: Seconds that a client waits at most for the verification of what it has sent; it goes on afterwards.
PATIENCE = 540.0
#: How often is looked whether it is over, in seconds: at first, and at most.
FIRST_LOOK, LONGEST_LOOK = 0.02, 0.5


class Deposits:
    def __init__(
        self,
        ground: Ground,
        entries: entries.Entries,
        stores: stores.Stores,
        uploads: uploads.Uploads,
        transfers: transfers.Transfers,
        tasks: tasks.Tasks,
    ):
        self._ground = ground
        self._entries = entries
        self._stores = stores
        self._uploads = uploads
        self._transfers = transfers
        self._tasks = tasks

    def begin(self, user: views.User, entry_id: str, size: int, *, store: str | None = None, staged: bool = False) -> views.Deposit:
        """Makes the volume; bytes may come when this returns. `store` is the domain that is asked for.

        Raises errors.NotFound, Forbidden, WrongStatus, Invalid, and what an upload that cannot be started raises.
        """
        entry = self._entries.own(user, entry_id, "send data to this image")
        if entry.status != "queued":
            raise errors.WrongStatus(name=entry.shown_name, status=entry.status, wanted="bytes are taken while it is queued")
        format = _format(entry)
        # Of an earlier attempt something may be left.
        self._entries.empty(user, entry_id)
        request = views.NewTransfer(
            name=entry.facts.name or entry.id,
            size=size,
            format=format,
            domain=self._stores.choose(format, size, store),
            client="glance",
            image_id=entry_id,
        )
        transfer_id = self._uploads.create(user, request)
        with self._ground.database.session() as session:
            transfer = session.get_one(models.Transfer, transfer_id)
            if staged:
                session.execute(sa.update(models.Entry).where(models.Entry.id == entry_id).values(staged=transfer_id))
            assert transfer.ticket
            return views.Deposit(entry_id, transfer_id, views.Ref(transfer.host.id, transfer.host.name), transfer.ticket, size)

    def finish(self, user: views.User, deposit: views.Deposit, digests: Mapping[str, str]) -> None:
        """All bytes are there: the host verifies them, and the image is active when this returns, or soon.

        Raises errors.ImageIllegal, NotAllowed, Incomplete, HostDown.
        """
        self._keep(deposit, digests)
        self._transfers.finalize(user, deposit.transfer)
        phase, reason = self._awaited(deposit.transfer)
        if phase in phases.FAILED:
            raise errors.ImageIllegal(name=deposit.entry, reason=reason or "it was cancelled.")

    def stage(self, user: views.User, deposit: views.Deposit, digests: Mapping[str, str]) -> None:
        """All bytes are there, and wait. Raises errors.NotAllowed."""
        self._keep(deposit, digests)
        self._transfers.pause(user, deposit.transfer)

    def abort(self, user: views.User, deposit: views.Deposit) -> None:
        """Not all bytes came: none counts. Whoever was faster has ended it already."""
        with contextlib.suppress(errors.NotAllowed, errors.NotFound):
            self._transfers.cancel(user, deposit.transfer)

    def take(self, user: views.User, entry_id: str) -> None:
        """What was staged is verified and becomes the image; a task tells how. Raises errors.NotFound, Forbidden, WrongStatus, HostDown."""
        entry = self._entries.own(user, entry_id, "import this image")
        if entry.status != "uploading" or entry.staged is None:
            raise errors.WrongStatus(name=entry.shown_name, status=entry.status, wanted="stage its bytes first")
        with self._ground.database.reading() as session:
            phase = session.get_one(models.Transfer, entry.staged).phase
        if phase in phases.LIVE:
            raise errors.WrongStatus(name=entry.shown_name, status=entry.status, wanted="its bytes are still coming")
        self._transfers.resume(user, entry.staged)
        asked = {"image_id": entry_id, "import_req": {"method": {"name": "glance-direct"}}}
        self._tasks.add(user, tasks.IMPORT_OF_IMAGE, asked, image_id=entry_id, transfer_id=entry.staged)
        self._transfers.finalize(user, entry.staged)

    def _keep(self, deposit: views.Deposit, digests: Mapping[str, str]) -> None:
        with self._ground.database.session() as session:
            session.execute(sa.update(models.Image).where(models.Image.id == deposit.entry).values(digests=dict(digests)))

    def _awaited(self, transfer_id: str) -> tuple[Phase, str | None]:
        """The phase that it ends in, and why; the one that it is in, if it takes too long."""
        until, pause = time.monotonic() + PATIENCE, FIRST_LOOK
        while True:
            with self._ground.database.reading() as session:
                transfer = session.get_one(models.Transfer, transfer_id)
            phase = Phase(transfer.phase)
            if phase is Phase.FINISHED_SUCCESS or phase in phases.FAILED or time.monotonic() > until:
                return phase, transfer.reason
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK)


def _format(entry: views.Entry) -> str:
    """Raises errors.Invalid."""
    for field in ("disk_format", "container_format"):
        if getattr(entry.facts, field) is None:
            raise errors.Invalid(field=field, reason="it must be set before bytes come")
    format = entry.facts.disk_format or ""
    if format not in entries.KEPT:
        raise errors.Invalid(field="disk_format", reason=f"{format} images are taken by an import from a URL alone, which converts them")
    return entries.KEPT[format]
