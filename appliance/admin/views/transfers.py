"""Transfers, and what their clients say of a file."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.admin.views.base import Range, Ref


@dataclass(frozen=True)
class Transfer:
    """One upload, one import, or one download by an oVirt client; `host` is None once it was removed.

    `actions` are those that the phase allows, to the one who asked; `verify` is the running check's progress. `imported` tells of an
    import: `size` is then the most that may come, until it is known what does.

    The last ones are those of an oVirt client's transfer: `inactivity_timeout` in seconds, 0 for any; `transfer_url` (on the host) and
    `proxy_url` (here) are credentials: None unless its ticket is on the host, and for who may not change the transfer.
    """

    id: str
    image_id: str | None
    name: str
    direction: str
    phase: str
    reason: str | None
    reason_code: str | None
    size: int
    format: str
    content_type: str
    domain: Ref
    host: Ref | None
    owner: str
    client: str
    durable: tuple[Range, ...]
    durable_bytes: int
    transferred_bytes: int
    verify: dict[str, Any] | None
    expected_sha256: str | None
    sha256: str | None
    modified: float | None
    actions: tuple[str, ...]
    created_at: datetime.datetime
    updated_at: datetime.datetime
    expires_at: datetime.datetime | None
    inactivity_timeout: int | None
    timeout_policy: str | None
    shallow: bool
    filename: str | None
    correlation_id: str | None
    transfer_url: str | None
    proxy_url: str | None
    imported: "Import | None" = None


@dataclass(frozen=True)
class Step:
    """What is done with an image on its arrival. `status` is waiting, running, done, skipped or failed.

    `done` and `total` count bytes, or what a third party's step counts.
    """

    name: str
    status: str
    done: int
    total: int | None
    message: str


@dataclass(frozen=True)
class Import:
    """How an import stands; sizes are bytes, of the file as it is at its source.

    `url` is without its query, in which there may be a secret. `source_size` is None if the source does not tell; `sized`: how large the
    image will be is known. `rate` in bytes a second; `restarts` is how often a source that gives no parts was read again from its
    beginning; `trouble` is a sentence, "" while all goes well. `wanted_format` is None where it is kept as it is, if that can be.
    """

    url: str
    source_size: int | None
    source_format: str
    compression: str | None
    sized: bool
    checksum: str | None
    resumable: bool
    not_before: datetime.datetime | None
    fetched_bytes: int
    rate: float
    restarts: int
    trouble: str
    wanted_format: str | None
    compressed: bool
    tags: tuple[str, ...]
    properties: Mapping[str, str]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Checked:
    """An upload that could be started now. `available` is what its domain can take."""

    ok: bool
    available: int


@dataclass(frozen=True)
class Beat:
    """The answer to a heartbeat."""

    phase: str
    reason: str | None
    durable: tuple[Range, ...]
    durable_bytes: int


@dataclass(frozen=True)
class Pieces:
    """What a resuming client must hash of its file."""

    pieces: tuple[Range, ...]


@dataclass(frozen=True)
class Piece:
    """The digest (hex) of one range of the client's file."""

    start: int
    end: int
    sha256: str


@dataclass(frozen=True)
class Fingerprint:
    """What the client hashed of its file before it sent it. `modified` is the file's time, seconds since the epoch."""

    modified: float | None = None
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True)
class NewTransfer:
    """An upload that somebody asks for. `domain` is an id or a name, and so is `host`, where it is not to be chosen for them.

    `allocation` is sparse or preallocated; `client` browser or api.

    `initial_size`: how many bytes of a sparse image will be data, where the rest stays a hole: only these need room.
    """

    name: str
    size: int
    format: str
    domain: str
    allocation: str = "sparse"
    initial_size: int | None = None
    sha256: str | None = None
    fingerprint: Fingerprint | None = None
    client: str = "api"
    host: str | None = None
    #: The new image's; such an image does not claim its name: several may have it.
    image_id: str | None = None
    #: The image that it is to be a copy of.
    copy_of: str | None = None


@dataclass(frozen=True)
class NewImageTransfer:
    """A transfer of an existing disk. `image` is its id, `host` an id or a name; `direction` upload or download.

    `format`: raw for the guest's bytes whatever the file is, qcow2 for the file of a qcow2 disk. `inactivity_timeout` in seconds: 0 is for
    ever, None the usual one. `timeout_policy` is legacy, pause or cancel.
    """

    image: str
    direction: str = "upload"
    format: str = "raw"
    shallow: bool = False
    inactivity_timeout: int | None = None
    timeout_policy: str = "legacy"
    host: str | None = None
    filename: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True)
class Proof:
    """What a resuming client shows of its file."""

    size: int
    modified: float | None = None
    pieces: tuple[Piece, ...] = field(default=())
