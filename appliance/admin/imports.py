"""Imports of new images, as people ask for them: the source is looked at and the image recorded; the rest is the worker's."""

import contextlib
import dataclasses
import datetime
import threading
from collections.abc import Iterator

from appliance import errors
from appliance.admin import admission, models, rights, steps, transfers, uploads, views
from appliance.admin.bell import Bell
from appliance.admin.ground import Ground
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
        return views.Methods(tuple(sources.schemes(self._policy)), unpack.KINDS, tuple(sorted(admission.FORMATS)))

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
        self._check(request)
        checksum = None if request.checksum is None else checksums.given(request.checksum)
        sight = self._look(request)
        plan = Plan.of(sight, request.format, checksum or sight.checksum, self._ground.config.max_image_size)
        if not plan.sized and request.allocation == "preallocated":
            raise errors.Invalid(field="allocation", reason="nobody knows how large the image will be: its volume can only be sparse")
        wanted = views.NewTransfer(
            name=sight.name if request.name is None else request.name,
            size=plan.size,
            format=plan.format,
            domain=request.domain,
            allocation=request.allocation,
            initial_size=plan.initial_size if request.allocation == "sparse" else None,
            sha256=plan.sha256,
            host=request.host,
            image_id=request.image_id,
        )
        wanted, domain, available = self._uploads.admit(user, wanted)
        plan = plan.within(available)
        source = models.Import(
            sealed=self._seal.close(
                {"url": request.url.strip(), "user": request.user, "password": request.password, "bearer": request.bearer}
            ),
            wanted_format=request.format,
            find_checksum=request.find_checksum and checksum is None,
            not_before=request.not_before,
            looked_at=self._ground.clock.now(),
            digests=list(request.digests),
            **plan.columns,
        )
        transfer_id = self._uploads.wait(user, dataclasses.replace(wanted, size=plan.size), domain, source)
        self._bell.ring()
        return self._transfers.get(user, transfer_id)

    def _check(self, request: views.NewImport) -> None:
        """What can be said before anything is asked. Raises errors.Invalid."""
        if request.format is not None:
            admission.one_of("format", request.format, tuple(admission.FORMATS))
        for name in request.digests:
            admission.one_of("digests", name, DIGESTS)
        if request.not_before and request.not_before - self._ground.clock.now() > datetime.timedelta(seconds=LONGEST_WAIT):
            raise errors.Invalid(field="not_before", reason="it is more than a year from now")

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
    format: str
    checksum: str | None
    size: int
    sized: bool

    @classmethod
    def of(cls, sight: looking.Sight, wanted: str | None, checksum: str | None, most: int) -> "Plan":
        """`wanted` is the image's format, None for what it is; `most` how many bytes it may have. Raises errors.FormatRefused."""
        if sight.format not in admission.FORMATS:
            taken = ", ".join(admission.FORMATS)
            raise errors.FormatRefused(name=sight.facts.name, reason=f"it is a disk in the format {sight.format}, and {taken} are taken")
        # A machine can boot from an ISO that lies on a plain disk.
        if wanted not in (None, sight.format) and (wanted, sight.format) != ("raw", "iso"):
            raise errors.FormatRefused(name=sight.facts.name, reason=f"it is {sight.format}, and {wanted} is wanted")
        size = sight.size
        return cls(sight, wanted or sight.format, checksum, most if size is None else size, size is not None)

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
        return None if self.sight.compression else self.checksum

    @property
    def columns(self) -> dict:
        """Of models.Import: what was found."""
        facts = self.sight.facts
        return {
            "url": facts.url,
            "checksum": self.checksum,
            "validator": facts.validator,
            "resumable": facts.resumable,
            "source_size": facts.size,
            "source_format": self.sight.format,
            "compression": self.sight.compression,
            "sized": self.sized,
            "steps": steps.planned(checksum=self.checksum is not None, packed=self.sight.compression is not None),
        }
