"""Images, and ways to their bytes."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.admin.views.base import Range, Ref


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
    tags: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


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
