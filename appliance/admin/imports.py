"""Imports of new images, as people ask for them: the source is looked at and the image recorded; the rest is the worker's."""

import contextlib
import dataclasses
import datetime
import threading
from collections.abc import Iterator, Sequence

from appliance import errors
from appliance.admin import admission, entries, models, rights, storing, transfers, uploads, views
from appliance.admin.bell import Bell
from appliance.admin.ground import Ground
from appliance.admin.pipeline import installed, record
from appliance.admin.seal import Seal
from appliance.transfer import looking, sources, unpack
from appliance.transfer.sources import checksums, guard

#: So many sources are asked what they have at the same time: each takes a thread, for as long as it is slow.
LOOKS = 16
#: The longest that an import may be put off, in seconds.
LONGEST_WAIT = 366 * 86400.0
#: Further digests that may be asked for.
DIGESTS = ("md5", "sha1", "sha512")


class Imports:
    """`bell` tells the worker that there is something to do."""

    def __init__(self, ground: Ground, uploads: uploads.Uploads, transfers: transfers.Transfers, seal: Seal, bell: Bell):
        self._ground = ground
        self._uploads = uploads
        self._transfers = transfers
        self._seal = seal
        self._bell = bell
        self._policy = guard.Policy.of(ground.config)
        self._looks = threading.BoundedSemaphore(LOOKS)

    def methods(self) -> views.Methods:
        """What can be imported here."""
        steps = tuple(
            views.NamedStep(name, name in installed.STREAMING, name in installed.DEFAULT, installed.about(name))
            for name in installed.names()
        )
        return views.Methods(tuple(sources.schemes(self._policy)), unpack.KINDS, storing.SOURCES, storing.TARGETS, steps)

    def query(self, user: views.User, request: views.NewSource) -> views.Found:
        """What is at the source now; nothing is stored. Raises errors.Forbidden, TooManyQueries, and as Looking.look."""
        rights.upload(user)
        sight = self._look(request)
        facts = sight.facts
        return views.Found(
            url=facts.url,
            name=sight.name,
            size=facts.size,
            content_type=facts.content_type,
            resumable=facts.resumable,
            compression=sight.compression,
            unpacked_size=sight.unpacked_size if sight.compression else None,
            format=sight.format,
            checksum=sight.checksum,
        )

    def create(self, user: views.User, request: views.NewImport) -> views.Transfer:
        """The import begins when this returns, or when its time and its turn have come.

        The source is looked at now, so that whoever mistyped an address need not wait to be told; and once more if it begins much later.

        Raises errors.Forbidden, TooManyQueries, BadChecksum, FormatRefused; as Looking.look and as Uploads.create: then nothing is left.
        """
        rights.upload(user)
        tags, properties = self._check(request)
        checksum = None if request.checksum is None else checksums.given(request.checksum)
        sight = self._look(request)
        if (sight.format, request.source_format) == ("raw", "vhd"):
            # One of fixed size is told by its end: the host will see.
            sight = dataclasses.replace(sight, format="vhd")
        storing.Storing.said(sight.facts.name, sight.format, request.source_format)
        stored = storing.Storing.of(sight.facts.name, sight.format, request.format, request.compressed)
        plan = Plan.of(sight, stored, checksum or sight.checksum, self._ground.config.max_image_size)
        if not plan.sized and request.allocation == "preallocated":
            raise errors.Invalid(field="allocation", reason="nobody knows how large the image will be: its volume can only be sparse")
        wanted = views.NewTransfer(
            name=sight.name if request.name is None else request.name,
            size=plan.size,
            format=stored.format,
            domain=request.domain,
            allocation=request.allocation,
            initial_size=plan.initial_size if request.allocation == "sparse" else None,
            sha256=plan.sha256,
            host=request.host,
            image_id=request.image_id,
        )
        wanted, domain, available = self._uploads.admit(user, wanted)
        plan = plan.within(available)
        image_id = wanted.image_id or models.new_id()
        source = models.Import(
            sealed=self._seal.close(
                {"url": request.url.strip(), "user": request.user, "password": request.password, "bearer": request.bearer}
            ),
            declared_format=request.source_format,
            wanted_format=request.format,
            compressed=request.compressed,
            tags=tags,
            properties=properties,
            find_checksum=request.find_checksum and checksum is None,
            not_before=request.not_before,
            looked_at=self._ground.clock.now(),
            digests=list(request.digests),
            **plan.columns(image_id, domain, installed.chosen(domain.steps)),
        )
        wanted = dataclasses.replace(wanted, size=plan.size)
        transfer_id = self._uploads.wait(user, wanted, domain, source, image_id, stored.volume(image_id))
        self._bell.ring()
        return self._transfers.get(user, transfer_id)

    def _check(self, request: views.NewImport) -> tuple[list[str], dict[str, str]]:
        """What can be said before anything is asked; tags and properties in their normal form. Raises errors.Invalid."""
        if request.format is not None:
            admission.one_of("format", request.format, tuple(admission.FORMATS))
        if request.compressed and request.format in ("raw", "iso"):
            raise errors.Invalid(field="compressed", reason=f"only qcow2 can be compressed, and {request.format} is wanted")
        for name in request.digests:
            admission.one_of("digests", name, DIGESTS)
        if request.not_before and request.not_before - self._ground.clock.now() > datetime.timedelta(seconds=LONGEST_WAIT):
            raise errors.Invalid(field="not_before", reason="it is more than a year from now")
        return entries.described(request.tags, request.properties)

    def _look(self, request: views.NewSource) -> looking.Sight:
        credentials = sources.Credentials(user=request.user, password=request.password, bearer=request.bearer)
        given = credentials if request.user or request.password or request.bearer else None
        look = looking.Looking(request.url, self._policy, given)
        with self._slot():
            return look.look(find_checksum=request.find_checksum)

    @contextlib.contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._looks.acquire(blocking=False):
            raise errors.TooManyQueries
        try:
            yield
        finally:
            self._looks.release()


@dataclasses.dataclass(frozen=True)
class Plan:
    """What the file at a source is to become. `size`: the image's, or (not `sized`) the most that it may be."""

    sight: looking.Sight
    stored: storing.Storing
    checksum: str | None
    size: int
    sized: bool

    @classmethod
    def of(cls, sight: looking.Sight, stored: storing.Storing, checksum: str | None, most: int) -> "Plan":
        """`most`: bytes that it may have."""
        return cls(sight, stored, checksum, most if sight.size is None else sight.size, sight.size is not None)

    def within(self, available: int) -> "Plan":
        """The same, in a domain with so many bytes available: what is larger than that could not be stored anyway."""
        return self if self.sized else dataclasses.replace(self, size=max(1, min(self.size, available)))

    @property
    def initial_size(self) -> int | None:
        """Bytes that need room, where not all do: what is packed is often mostly holes, and nobody knows how large it is."""
        if self.sized and self.sight.compression is None:
            return None
        return min(self.size, self.sight.facts.size or 0)

    @property
    def sha256(self) -> str | None:
        """What the image itself must hash to."""
        return None if self.sight.compression or self.stored.converts else self.checksum

    def columns(self, image_id: str, domain: models.Domain, steps: Sequence[str]) -> dict:
        """Of models.Import: what was found, and what follows by the domain's list of steps.

        Raises errors.FormatRefused, errors.Invalid: the list has no step for it.
        """
        facts = self.sight.facts
        if self.stored.converts and installed.CONVERT not in steps:
            reason = f"it is {self.stored.source}, and storage domain {domain.name} does not convert"
            raise errors.FormatRefused(name=facts.name, reason=reason)
        if self.sight.compression and installed.DECOMPRESS not in steps:
            raise errors.FormatRefused(name=facts.name, reason=f"it is packed, and storage domain {domain.name} does not unpack")
        if self.checksum and installed.CHECKSUM not in steps:
            raise errors.Invalid(field="checksum", reason=f"storage domain {domain.name} does not verify checksums")
        return {
            "url": facts.url,
            "checksum": self.checksum,
            "validator": facts.validator,
            "resumable": facts.resumable,
            "source_size": facts.size,
            "source_format": self.sight.format,
            "compression": self.sight.compression,
            "sized": self.sized,
            "target": self.stored.target(image_id, self.stored.volume(image_id)),
            "steps": record.planned(steps, checksum=self.checksum is not None, packed=self.sight.compression is not None),
        }
