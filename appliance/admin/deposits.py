"""Bytes that a Glance client sends in one piece, for an entry that has none: an upload like any other.

What was staged is an upload that is whole, and paused until somebody asks for its import.
"""

import contextlib
import threading
import time
from collections.abc import Iterator

import sqlalchemy as sa

from appliance import errors
from appliance.admin import entries, kinds, live, models, phases, stores, transfers, uploads, views
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.admin.phases import Phase
from appliance.admin.pipeline import installed

#: Seconds that a client waits at most for the verification of what it has sent; it goes on afterwards.
PATIENCE = 540.0
#: How many bodies are unpacked at once, each of which may take unpack.MEMORY; and how long, in seconds, others wait for their turn.
UNPACKING, TURN = 16, 60.0
#: How often is looked whether it is over, in seconds: at first, and at most.
FIRST_LOOK, LONGEST_LOOK = 0.02, 0.5

#: What is computed while bytes come: Glance's checksum, and its os_hash_value.
DIGESTS = ("md5", "sha512")

#: How else a disk comes that is not kept as it is.
IMPORT = "import it by glance-direct or web-download, which make it"


class Deposits:
    def __init__(
        self,
        ground: Ground,
        fleet: Fleet,
        live: live.Live,
        entries: entries.Entries,
        stores: stores.Stores,
        uploads: uploads.Uploads,
        transfers: transfers.Transfers,
    ):
        self._ground = ground
        self._fleet = fleet
        self._live = live
        self._entries = entries
        self._stores = stores
        self._uploads = uploads
        self._transfers = transfers
        self._unpacking = threading.BoundedSemaphore(UNPACKING)

    @contextlib.contextmanager
    def unpacking(self, packed: str | None) -> Iterator[None]:
        """Inside, what comes `packed` (None: it does not) may be unpacked: one of UNPACKING, as it takes memory. Raises errors.Busy."""
        if packed is None:
            yield
            return
        if not self._unpacking.acquire(timeout=TURN):
            raise errors.Busy
        try:
            yield
        finally:
            self._unpacking.release()

    def begin(
        self,
        user: views.User,
        entry_id: str,
        size: int | None,
        *,
        store: str | None = None,
        staged: bool = False,
        packed: str | None = None,
    ) -> views.Deposit:
        """Makes the volume; bytes may come when this returns. `size` is None where nobody says it, `store` the domain that is asked for.

        What is to be converted must be staged: that is an import's work. `packed` is how it comes, one of unpack.KINDS: then `size` is
        that of what comes, and nobody knows how large the image will be.

        Raises errors.NotFound, Forbidden, WrongStatus, Invalid, and what an upload that cannot be started raises.
        """
        entry = self._entries.own(user, entry_id, "send data to this image")
        if entry.status != "queued":
            raise errors.WrongStatus(name=entry.shown_name, status=entry.status, wanted="bytes are taken while it is queued")
        stored = entries.stored(entry)
        if stored.converts and not staged:
            raise errors.Invalid(field="disk_format", reason=f"{stored.source} is not kept as it is: {IMPORT} {stored.format}")
        # Of an earlier attempt something may be left.
        self._entries.empty(user, entry_id)
        domain = self._stores.choose(stored.format, size or 0, store)
        if stored.converts and installed.CONVERT not in domain.steps:
            raise errors.Invalid(field="store", reason=f"{domain.name} takes no {stored.source} disks: it does not convert")
        if packed and installed.DECOMPRESS not in domain.steps:
            raise errors.Invalid(field="store", reason=f"{domain.name} takes nothing that is packed: it does not unpack")
        most, known = self._most(domain), None if packed else size
        request = views.NewTransfer(
            name=entry.facts.name or entry.id,
            size=most if known is None else known,
            initial_size=min(size or 0, most) if known is None else None,
            format=stored.format,
            domain=domain.id,
            client=kinds.GLANCE,
            image_id=entry_id,
        )
        transfer_id = self._uploads.create(user, request, stored.volume(entry_id))
        with self._ground.database.session() as session:
            transfer = session.get_one(models.Transfer, transfer_id)
            if staged:
                session.execute(sa.update(models.Entry).where(models.Entry.id == entry_id).values(staged=transfer_id))
            assert transfer.ticket
            host = views.Ref(transfer.host.id, transfer.host.name)
            # What is converted becomes another file, which is hashed when it is verified.
            digests = () if stored.converts else DIGESTS
            sized = known is not None
            return views.Deposit(entry_id, domain.name, transfer_id, host, transfer.ticket, transfer.size, sized, packed, digests)

    def finish(self, user: views.User, deposit: views.Deposit, came: views.Arrived) -> None:
        """All bytes are there: the host verifies them, and the image is active when this returns, or soon.

        Raises errors.ImageIllegal, NotAllowed, Incomplete, HostDown.
        """
        self._keep(deposit, came)
        self._transfers.finalize(user, deposit.transfer, came.size)
        ended = self._awaited(deposit.transfer)
        if ended.phase in phases.FAILED:
            raise errors.ImageIllegal(name=ended.name, reason=ended.reason or "it was cancelled.")

    def stage(self, user: views.User, deposit: views.Deposit, came: views.Arrived) -> None:
        """All bytes are there, and wait. Raises errors.NotAllowed, HostDown, HostRefused."""
        self._keep(deposit, came)
        self._transfers.pause(user, deposit.transfer)
        if not deposit.sized:
            self._cut(deposit, came.size)

    def abort(self, user: views.User, deposit: views.Deposit) -> None:
        """Not all bytes came: none counts. Whoever was faster has ended it already."""
        with contextlib.suppress(errors.NotAllowed, errors.NotFound):
            self._transfers.cancel(user, deposit.transfer)

    def _most(self, domain: views.Domain) -> int:
        """Bytes that may come where nobody says how many will."""
        return max(1, min(domain.available, self._ground.config.max_image_size))

    def _keep(self, deposit: views.Deposit, came: views.Arrived) -> None:
        with self._ground.database.session() as session:
            session.execute(sa.update(models.Image).where(models.Image.id == deposit.entry).values(digests=came.digests))

    def _cut(self, deposit: views.Deposit, size: int) -> None:
        """The volume has what came, and nothing waits for more."""
        with self._live.holding(deposit.transfer):
            with self._ground.database.reading() as session:
                transfer = session.get_one(models.Transfer, deposit.transfer)
            with self._fleet.hosts.asking(transfer.host) as control:
                control.shrink_volume(transfer.domain_id, transfer.volume, size)
            # What was packed may have been larger: nothing incompressible gets smaller.
            self._live.keep(transfer, size=size, initial_size=min(transfer.initial_size or 0, size))

    def _awaited(self, transfer_id: str) -> models.Transfer:
        """The transfer at its end; as it is, if that takes too long."""
        until, pause = time.monotonic() + PATIENCE, FIRST_LOOK
        while True:
            with self._ground.database.reading() as session:
                transfer = session.get_one(models.Transfer, transfer_id)
            if transfer.phase in (Phase.FINISHED_SUCCESS, *phases.FAILED) or time.monotonic() > until:
                return transfer
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK)
