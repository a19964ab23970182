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
    """`status` is up or down, with the `reason`; `address` that of its images service; `domains` their names."""

    id: str
    name: str
    address: str
    status: str
    reason: str | None
    domains: tuple[str, ...]


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
    """`status` is locked, ok or illegal, with the `reason`; `path` the file on the host, once it is ok."""

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


@dataclass(frozen=True)
class Transfer:
    """One upload; `host` is None once it was removed.

    `actions` are those that the phase allows, to the one who asked; `verify` is the running check's progress.
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
    """A signed ticket, and the path (on this appliance) of the bytes that it opens.

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
    """An upload that somebody asks for. `domain` is an id or a name; `allocation` sparse or preallocated; `client` browser or api.

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


@dataclass(frozen=True)
class Proof:
    """What a resuming client shows of its file."""

    size: int
    modified: float | None = None
    pieces: tuple[Piece, ...] = field(default=())
