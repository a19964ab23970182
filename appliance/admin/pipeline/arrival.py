"""An image that has arrived on a host and is no image yet: what a step may know of it, and do with it."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from appliance import errors
from appliance.admin import admission, copying, entries, models
from appliance.admin.import_tools import Tools
from appliance.admin.pipeline import installed, record
from appliance.admin.pipeline.outcome import Failed
from appliance.admin.pipeline.work import Work, current, source_of
from appliance.admin.storing import Storing
from appliance.transfer import filling
from imaged import client

#: Bytes that `read` gives at most, and those of its pieces.
MOST, PIECE = 64 << 20, 1 << 20
#: Seconds that the host's ticket for `read` lives.
READING = 60


@dataclass(frozen=True)
class Facts:
    """What is known of the image. `source` is the URL without what may be secret in it, empty of what a client sent.

    `format` is what it will be stored as, `source_format` what it was at its source, `size` the bytes that came.
    """

    name: str
    source: str
    source_format: str
    compression: str | None
    format: str
    size: int
    domain: str
    owner: str
    tags: tuple[str, ...]
    properties: Mapping[str, str]


class Arrival:
    """Every method may be called again after a crash, and raises Closed once the import goes on without the step.

    They raise errors.HostDown, errors.HostRefused too: a step that lets these through is run again when the host is back.
    """

    def __init__(self, tools: Tools, transfer_id: str, step: str, stopping: threading.Event):
        self._tools = tools
        self._work = Work(tools, transfer_id, step, stopping)

    @property
    def facts(self) -> Facts:
        transfer = self._work.load()
        source = source_of(transfer)
        return Facts(
            name=transfer.name,
            source=source.url,
            source_format=source.source_format,
            compression=source.compression,
            format=transfer.format,
            size=transfer.size,
            domain=transfer.domain.name,
            owner=transfer.owner.name,
            tags=tuple(source.tags),
            properties=dict(source.properties),
        )

    @property
    def converts(self) -> bool:
        """It will be stored as another file than the one that came."""
        return source_of(self._work.load()).target is not None

    @property
    def needs_content(self) -> bool:
        """Only images that look like something are taken here. Of a copy it does not matter: its original was taken."""
        return not (self._tools.ground.config.import_any_content or copying.copies(self._work.load()))

    def progress(self, done: int, total: int | None = None) -> None:
        """Shows how far the step is, in bytes or whatever it counts."""
        self._work.check()
        self._work.done, self._work.total = done, total

    @property
    def shown(self) -> tuple[int, int | None]:
        """The progress: how much is behind, and of how much, None where nobody knows."""
        return self._work.done, self._work.total

    def check(self) -> None:
        """Raises Closed if there is no use in going on."""
        self._work.check()

    def describe(self, *, tags: Sequence[str] = (), properties: Mapping[str, str] | None = None) -> None:
        """The image gets these tags and properties too, when it is registered. Raises errors.Invalid, TypeError."""
        more = properties or {}
        if isinstance(tags, str) or not all(isinstance(word, str) for word in (*tags, *more, *more.values())):
            raise TypeError("tags are a list of texts, and properties are texts by name")
        source = source_of(self._work.load())
        words, pairs = entries.described([*source.tags, *tags], {**source.properties, **more})
        self._work.keep(tags=words, properties=pairs)

    def read(self, start: int, end: int) -> bytes:
        """Bytes of the file as it lies on the host, at most 64 MiB; less at its end."""
        transfer, ticket = self._work.load(), models.new_id()
        with self._tools.fleet.hosts.asking(transfer.host) as control:
            found = control.volume(transfer.domain_id, current(transfer))
            end = min(end, found["size"], start + MOST)
            if not 0 <= start < end:
                return b""
            terms = {"uuid": ticket, "transfer_id": transfer.id, "url": found["url"], "size": found["size"], "ops": ["read"]}
            control.put_ticket(terms | {"timeout": READING})
            try:
                volume = filling.Volume(self._tools.fleet.connections.images(transfer.host.id), ticket, transfer.host.name)
                return b"".join(bytes(part) for part in volume.read(start, end, memoryview(bytearray(PIECE))))
            except filling.Lost:
                raise errors.HostDown(host=transfer.host.name) from None
            finally:
                control.delete_ticket(ticket)

    def inspect(self) -> dict:
        """What the file is: format, virtual_size, subformat, partition_table, filesystem, bootable, label. Raises Failed."""
        limit = self._tools.ground.config.max_virtual_size
        return self._work.job("inspect", lambda control, at: control.inspect(at.domain_id, current(at), max_virtual_size=limit))

    def scan(self) -> str | None:
        """What the host's scanner said; None where it has none. Raises Failed: it found something, or could not look."""
        try:
            return self._work.job("scan", lambda control, at: control.scan(at.domain_id, current(at)))["said"]
        except Failed as failed:
            if failed.code != "no-scanner":
                raise
            return None

    def settle(self, format: str) -> Storing:
        """What becomes of the file, which is of this format, whatever it seemed to be at its source. Raises errors.FormatRefused."""
        transfer = self._work.load()
        source = source_of(transfer)
        if source.converted:
            return Storing(source.source_format, transfer.format, True)
        Storing.said(transfer.name, format, source.declared_format)
        storing = Storing.of(transfer.name, format, source.wanted_format, source.compressed)
        if storing.converts and not record.has(source.steps, installed.CONVERT):
            raise errors.FormatRefused(name=transfer.name, reason=f"it is {format}, and nothing is converted here")
        self._work.keep(source_format=format, target=storing.target(transfer.image_id or transfer.id, transfer.volume))
        with self._tools.ground.database.session() as session:
            for table, key in ((models.Transfer, transfer.id), (models.Image, transfer.image_id)):
                session.execute(sa.update(table).where(table.id == key).values(format=storing.format))
        return storing

    def convert(self) -> dict:
        """The file becomes one of the format that is wanted, and is verified; the original is deleted only then. The new one's facts.

        Raises Failed.
        """
        source, limit = source_of(self._work.load()), self._tools.ground.config.max_virtual_size
        if source.target is None:
            raise Failed("convert-failed", "There is nothing to convert the image to.")
        if not source.converted:
            target = source.target

            def start(control: client.Control, at: models.Transfer) -> dict:
                return control.convert(
                    at.domain_id,
                    at.volume,
                    target=target,
                    format=at.format,
                    compressed=source.compressed,
                    source_format=source.source_format,
                    max_virtual_size=limit,
                )

            self._work.job("convert", start)
            self._work.say("The new file is verified.")
            self._judge(target)
            self._work.keep(converted=True)
        transfer = self._work.load()
        with self._tools.fleet.hosts.asking(transfer.host) as control:
            control.delete_volume(transfer.domain_id, transfer.volume)
        return transfer.verdict or {}

    def verify(self) -> dict:
        """The host's verdict on the file that is to be the image, with its digests. Raises Failed."""
        transfer = self._work.load()
        if transfer.verdict is None:
            self._judge(current(transfer))
        return self._work.load().verdict or {}

    def register(self) -> None:
        """The file gets its name, and the image is there: verified, with its tags and properties. Raises Failed."""
        self.verify()
        with self._work.held() as transfer:
            self._tools.finalizing.complete(transfer, current(transfer), lambda session: self._work.registered(session, transfer))

    def trim(self) -> None:
        """The file ends where what came ends: its volume may be larger, where nobody knew how much would come."""
        transfer = self._work.load()
        # What has been judged has its size; it may have its name already, too.
        if transfer.verdict is None:
            with self._tools.fleet.hosts.asking(transfer.host) as control:
                control.shrink_volume(transfer.domain_id, transfer.volume, transfer.size)

    def _judge(self, volume: str) -> None:
        """The transfer has the host's verdict on the volume. Raises Failed."""

        def start(control: client.Control, at: models.Transfer) -> dict:
            made = volume != at.volume
            return control.verify(
                at.domain_id,
                volume,
                # One may be kept as a plain disk.
                format="iso" if source_of(at).source_format == "iso" else admission.file_format(volume),
                sha256=None if made else at.expected_sha256,
                max_virtual_size=self._tools.ground.config.max_virtual_size,
                # What came was hashed as it came.
                digests=tuple(source_of(at).digests) if made else (),
            )

        verdict = self._work.job("verify", start)
        with self._work.held() as transfer:
            self._tools.live.keep(transfer, verdict=verdict)
