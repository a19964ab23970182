"""What the administration shows and takes: plain frozen values, whose names are those of the native API (docs/architecture.md).

Sizes are bytes, times aware UTC datetimes, ranges half-open pairs `(start, end)`, sorted and merged.
"""

import datetime
from dataclasses import dataclass, field
from typing import Any

Range = tuple[int, int]


@dataclass(frozen=True)
class Ref:
    """Names another thing."""

    id: str
    name: str


@dataclass(frozen=True)
class User:
    """Somebody who may do something. `role` is admin, uploader or viewer."""

    id: str
    name: str
    role: str
    created_at: datetime.datetime | None = None


@dataclass(frozen=True)
class Token:
    """An API token, without its secret."""

    id: str
    user: str
    created_at: datetime.datetime
    expires_at: datetime.datetime


@dataclass(frozen=True)
class Host:
    """`status` is up, down or maintenance, with the `reason`; `address` that of its images service; `domains` their names.

    `transfers` counts those that run on it. `enrolled` is False until it has its certificate, which expires then; the appliance's own host
    has none.
    """

    id: str
    name: str
    address: str
    status: str
    reason: str | None
    domains: tuple[str, ...]
    transfers: int = 0
    enrolled: bool = True
    certificate_expires_at: datetime.datetime | None = None


@dataclass(frozen=True)
class NewHost:
    """A host that somebody adds. `address` is a name or an address that the appliance reaches it by."""

    name: str
    address: str
    images_port: int = 54322
    control_port: int = 54325


@dataclass(frozen=True)
class Invitation:
    """What a host is enrolled with: shown once. `command` is to be run there."""

    host: Host
    command: str
    token: str
    fingerprint: str
    expires_at: datetime.datetime


@dataclass(frozen=True)
class Enrolled:
    """What a host gets that has shown its token: its certificate (PEM, with the authority's behind it), and how it is to serve.

    `client` is the common name of the one certificate that may use its control service.
    """

    name: str
    address: str
    images_port: int
    control_port: int
    certificate: str
    ca: str
    client: str


@dataclass(frozen=True)
class NewDomain:
    """A storage domain that somebody adds: the directory `path` on `host` (id or name). `kind` is data or iso."""

    name: str
    kind: str
    host: str
    path: str


@dataclass(frozen=True)
class Domain:
    """A storage domain; `host` is the one that is asked about it, `hosts` are all that see it; `images` counts.

    The numbers are the last known ones while `status` is unreachable; else it is active.
    """

    id: str
    name: str
    kind: str
    host: Ref
    hosts: tuple[Ref, ...]
    path: str
    capacity: int
    free: int
    reserved: int
    available: int
    images: int
    status: str


@dataclass(frozen=True)
class Image:
    """`status` is locked, ok or illegal, with the `reason`; `path` the file on the host, once it is ok.

    `size` is the file's, `virtual_size` the disk's (None until it is known), `actual_size` what it takes on the storage, as last told.
    `completed_at` is None of a disk that nothing was uploaded to; `backup` what an oVirt client said of incremental backup.
    """

    id: str
    name: str
    size: int
    virtual_size: int | None
    format: str
    content_type: str
    status: str
    reason: str | None
    sha256: str | None
    domain: Ref
    owner: str
    path: str | None
    bootable: bool | None
    label: str | None
    created_at: datetime.datetime
    completed_at: datetime.datetime | None
    transfer_id: str | None
    description: str
    allocation: str
    actual_size: int | None
    backup: str | None


@dataclass(frozen=True)
class Transfer:
    """One upload, or one download by an oVirt client; `host` is None once it was removed.

    `actions` are those that the phase allows, to the one who asked; `verify` is the running check's progress.

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


@dataclass(frozen=True)
class Event:
    """`severity` is info, warning or error."""

    id: int
    time: datetime.datetime
    severity: str
    code: str
    message: str
    user: str | None
    transfer_id: str | None
    image_id: str | None
    image_name: str | None
    correlation_id: str | None


@dataclass(frozen=True)
class Page:
    """Part of a list. `next` asks for what follows (`after=`), None at the end."""

    items: tuple[Any, ...]
    next: str | None


@dataclass(frozen=True)
class Checked:
    """An upload that could be started now. `available` is what its domain can take."""

    ok: bool
    available: int


@dataclass(frozen=True)
class Ticket:
    """A signed ticket, and where the bytes are that it opens: a path on this appliance, or the whole URL at a proxy.

    `durable` is what the host holds for good as it is issued: the rest is what has to travel. None for a ticket to read.
    """

    ticket: str
    url: str
    expires_at: datetime.datetime
    size: int
    durable: tuple[Range, ...] | None = None


@dataclass(frozen=True)
class OpenImage:
    """What it takes to read an image: the host's id and the id of a read ticket there. Good for the request that asked."""

    id: str
    name: str
    format: str
    content_type: str
    size: int
    sha256: str | None
    completed_at: datetime.datetime | None
    host: str
    ticket: str


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


@dataclass(frozen=True)
class NewDisk:
    """An empty disk that somebody asks for. `size` is the disk's (virtual) size; `format` raw, qcow2 or iso (raw, until an ISO is in it).

    `domain` is an id or a name; `initial_size`: bytes that are to be set aside for a sparse one; `id`: a UUID that the client chose.
    """

    name: str
    size: int
    format: str
    domain: str
    allocation: str = "sparse"
    initial_size: int | None = None
    content_type: str = "data"
    description: str = ""
    backup: str | None = None
    id: str | None = None
    correlation_id: str | None = None


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
