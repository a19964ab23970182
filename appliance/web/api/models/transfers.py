"""Transfers, and the files that they are of."""

import datetime
from typing import Annotated, Literal

import pydantic
from pydantic import Field

from appliance.web.api.models.base import LARGEST, Bytes, Format, Name, Named, Page, Range, Request, Sha256, View
from appliance.web.api.models.imports import Import

Phase = Literal[
    "initializing",
    "transferring",
    "resuming",
    "paused_user",
    "paused_system",
    "cancelled_user",
    "cancelled_system",
    "finalizing_success",
    "finalizing_failure",
    "finalizing_cleanup",
    "finished_success",
    "finished_failure",
    "finished_cleanup",
]


class TransfersQuery(Page):
    state: Literal["running", "unfinished", "finished"] | None = None


class Piece(Request):
    """A part of a file, and what it hashes to."""

    start: Bytes
    end: Bytes
    sha256: Sha256


class Fingerprint(Request):
    """By which a file is known again when an upload is resumed."""

    modified: Annotated[float, Field(description="Seconds since 1970.", ge=-1e12, le=1e12)] | None = None
    pieces: Annotated[list[Piece], Field(max_length=64)] = []


class NewTransfer(Request):
    """An upload to be."""

    name: Name
    size: Annotated[
        int,
        pydantic.WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LARGEST, "description": "Of the file, bytes."}),
        Field(ge=-LARGEST, le=LARGEST),
    ]
    format: Format
    domain: Annotated[str, Field(description="Storage domain: id or name.", min_length=1, max_length=255)]
    allocation: Literal["sparse", "preallocated"] = "sparse"
    initial_size: Annotated[Bytes | None, Field(description="Of a sparse image that is mostly holes: the bytes that will be data.")] = None
    sha256: Annotated[Sha256 | None, Field(description="What the file must hash to.")] = None
    fingerprint: Fingerprint | None = None
    client: Literal["browser", "api"] = "api"
    host: Annotated[str | None, Field(description="Host: id or name. Left out, it is chosen.", min_length=1, max_length=255)] = None


class Check(View):
    ok: bool
    available: Annotated[int, Field(ge=0, description="What the domain can take, bytes.")]


class Resume(Request):
    """Proof that it is the same file: from browsers, whose user has picked it again."""

    size: Bytes
    modified: Annotated[float, Field(ge=-1e12, le=1e12)] | None = None
    pieces: Annotated[list[Piece], Field(max_length=64)] = []


class Verify(View):
    step: str
    done: int
    total: int


class Transfer(View):
    id: str
    image_id: str | None
    name: str
    direction: Literal["upload", "download"]
    phase: Phase
    reason: str | None
    reason_code: str | None
    size: Bytes
    format: Format
    content_type: str
    domain: Named
    host: Annotated[Named | None, Field(description="Moves the bytes. null once it was removed.")]
    owner: str
    client: Literal["browser", "api", "glance", "import", "ovirt"]
    durable: Annotated[list[Range], Field(description="What would survive a power cut: never needs to be sent again.")]
    durable_bytes: Bytes
    transferred_bytes: Bytes
    verify: Verify | None
    expected_sha256: str | None
    sha256: str | None
    modified: Annotated[float | None, Field(description="When the uploading browser's file was changed last, seconds since 1970.")]
    actions: list[Literal["pause", "resume", "cancel", "finalize"]]
    created_at: datetime.datetime
    updated_at: datetime.datetime
    expires_at: datetime.datetime | None
    imported: Annotated[Import | None, Field(serialization_alias="import", description="Of an import: how it stands.")]


class Transfers(View):
    items: list[Transfer]
    next: str | None


class Heartbeat(View):
    phase: Phase
    reason: str | None
    durable: list[Range]
    durable_bytes: Bytes


class Pieces(View):
    pieces: list[Range]
