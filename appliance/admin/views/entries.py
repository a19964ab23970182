"""What Glance's clients see beside images: entries, deposits and tasks."""

import datetime
from dataclasses import dataclass, field
from typing import Any

from appliance.admin.views.base import Ref


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

    `size` is how many bytes the image has; not `sized`: how many it may have at most. `packed` is how it comes, one of unpack.KINDS or
    None; `digests` are algorithms of hashlib, over the image. `store` is its domain's name.
    """

    entry: str
    store: str
    transfer: str
    host: Ref
    ticket: str
    size: int
    sized: bool
    packed: str | None
    digests: tuple[str, ...]


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
