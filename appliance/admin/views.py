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
    """What is done with an image on its arrival. `status` is waiting, running, done, skipped or failed; `done` and `total` count bytes."""

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
    beginning; `trouble` is a sentence, "" while all goes well.
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
    steps: tuple[Step, ...]


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
    #: The new image's; such an image does not claim its name: several may have it.
    image_id: str | None = None
    #: The image that it is to be a copy of.
    copy_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewSource:
    """A file somewhere else, and what opens it: a user and a password, or a bearer token. None of these is ever shown.

    `find_checksum`: its SHA-256 is looked for beside it.
    """

    url: str = field(repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    bearer: str = field(default="", repr=False)
    find_checksum: bool = False


@dataclass(frozen=True)
class Found:
    """A file at its source, as it is now. `url` can be shown; `name` is what an image of it may be called.

    `size` and `unpacked_size` are None where nothing tells. `format` is the image's, `compression` what is around it. `resumable`: an
    import that breaks off goes on where it was. `checksum` (SHA-256 in hex) is that of the file, where it was asked for.
    """

    url: str
    name: str
    size: int | None
    content_type: str
    resumable: bool
    compression: str | None
    unpacked_size: int | None
    format: str
    checksum: str | None


@dataclass(frozen=True, kw_only=True)
class NewImport(NewSource):
    """An import that somebody asks for. `domain`, `host` and `allocation` as for an upload.

    `name` and `format`: None for what they are at the source. `checksum` is that of the file as it is there, packed or not. It
    begins when it is `not_before` (None: now), and a place is free. `image_id` is the id that the image is to have; `digests` of the image
    that are wanted beside its SHA-256, by hashlib's names.
    """

    domain: str
    name: str | None = None
    format: str | None = None
    allocation: str = "sparse"
    checksum: str | None = None
    not_before: datetime.datetime | None = None
    host: str | None = None
    image_id: str | None = None
    digests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Methods:
    """What can be imported: schemes of URLs, what is unpacked, formats of images."""

    schemes: tuple[str, ...]
    compressions: tuple[str, ...]
    formats: tuple[str, ...]


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


@dataclass(frozen=True)
class Facts:
    """What a Glance client says of an image. `min_disk` is GiB, `min_ram` MiB; `properties` are its own, text by name."""

    name: str | None = None
    disk_format: str | None = None
    container_format: str | None = None
    visibility: str = "shared"
    protected: bool = False
    hidden: bool = False
    min_disk: int = 0
    min_ram: int = 0
    tags: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NewEntry:
    """An image that a Glance client announces; `id` is a UUID that it chose."""

    facts: Facts
    id: str | None = None


@dataclass(frozen=True)
class Entry:
    """An image as Glance's clients know it; `status` is their word. Sizes, `stores` (domains' names) and digests (hex) once known.

    `staged` is the transfer whose bytes wait to be imported.
    """

    id: str
    facts: Facts
    status: str
    owner: str
    owner_id: str
    size: int | None
    virtual_size: int | None
    md5: str | None
    sha512: str | None
    stores: tuple[str, ...]
    staged: str | None
    created_at: datetime.datetime
    updated_at: datetime.datetime

    @property
    def shown_name(self) -> str:
        return self.facts.name or self.id


@dataclass(frozen=True)
class Deposit:
    """Where the bytes of an image go that a client sends in one piece: the ticket's id on the host.

    `size` is how many bytes come; not `sized`: how many may come at most.
    """

    entry: str
    transfer: str
    host: Ref
    ticket: str
    size: int
    sized: bool


@dataclass(frozen=True)
class Arrived:
    """What came of them: so many bytes, with these digests (hex) by algorithm."""

    size: int
    digests: dict[str, str]


@dataclass(frozen=True)
class Task:
    """What a Glance client asked for that takes its time. `status` is pending, processing, success or failure, `message` says why."""

    id: str
    type: str
    status: str
    input: dict[str, Any]
    result: dict[str, Any] | None
    message: str
    owner: str
    owner_id: str
    image_id: str | None
    created_at: datetime.datetime
    updated_at: datetime.datetime
    expires_at: datetime.datetime | None
