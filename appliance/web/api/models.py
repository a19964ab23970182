"""The API's shapes, as pydantic models: requests are checked against them, answers made with them, the OpenAPI document generated.

Requests are strict (a number is not a text, an unknown field is refused by name). Sizes and offsets are bytes; a range is
`[start, end)`; times are UTC.
"""

import datetime
from typing import Annotated, Literal

import pydantic
from pydantic import ConfigDict, Field

#: 64-bit everywhere; below that the limits are the configuration's.
LARGEST = (1 << 63) - 1

Bytes = Annotated[int, Field(ge=0, le=LARGEST)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$", description="SHA-256 in hexadecimal.")]
Range = Annotated[list[Bytes], Field(min_length=2, max_length=2, description="[start, end), in bytes.")]
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
Format = Literal["raw", "qcow2", "iso"]


class Request(pydantic.BaseModel):
    """What a client sends as JSON."""

    model_config = ConfigDict(extra="forbid", strict=True)


class View(pydantic.BaseModel):
    """What a client gets: made from the frozen views of `admin` by their attributes."""

    model_config = ConfigDict(from_attributes=True)


def _digits(text: object) -> object:
    """Query parameters are texts: only plain digits are numbers (pydantic alone would take " 5", "5.0" and "1_0")."""
    if isinstance(text, str) and not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ValueError("it must be a whole number")
    return text


class Query(pydantic.BaseModel):
    """A query string."""

    model_config = ConfigDict(extra="forbid")


class NoQuery(Query):
    """A route without parameters."""


Limit = Annotated[int, Field(ge=1, le=200)]


class Page(Query):
    """A page of a list."""

    limit: Annotated[Limit, pydantic.BeforeValidator(_digits, json_schema_input_type=Limit)] = 50
    after: Annotated[str, Field(pattern="^[0-9]{1,16}_[0-9a-f-]{36}$", description="`next` of the page before.")] | None = None


Id = Annotated[str, Field(pattern="^[A-Za-z0-9-]{1,64}$")]


class ImagesQuery(Page):
    domain: Annotated[Id, Field(description="Only images of this storage domain (its id).")] | None = None


class TransfersQuery(Page):
    state: Literal["running", "unfinished", "finished"] | None = None


class EventsQuery(Page):
    after: Annotated[str, Field(pattern="^[0-9]{1,16}$", description="`next` of the page before.")] | None = None
    transfer: Id | None = None
    image: Id | None = None


class Problem(View):
    """Every error."""

    type: Annotated[str, Field(description="A URN that ends in the code.")]
    title: str
    status: int
    detail: Annotated[str, Field(description="What happened and why, for a person.")]
    hint: Annotated[str, Field(description="What to do about it.")]
    code: Annotated[str, Field(description="Stable, for programs; docs/errors.md lists them.")]
    id: Annotated[str, Field(description="This occurrence: the log tells more under it.")]
    details: dict


class Me(View):
    name: str
    role: Literal["admin", "uploader", "viewer"]
    csrf_token: Annotated[str, Field(description="For X-CSRF-Token; empty when asked with an API token, which needs none.")]


class Named(View):
    id: str
    name: str


class Domain(View):
    id: str
    name: str
    kind: Literal["data", "iso"]
    host: Annotated[Named, Field(description="The host that is asked about it.")]
    hosts: Annotated[list[Named], Field(description="All hosts that see it: several for shared storage.")]
    path: str
    capacity: Bytes
    free: Bytes
    reserved: Annotated[int, Field(ge=0, description="Promised to uploads that run, bytes.")]
    available: Annotated[int, Field(ge=0, description="Free less reserved, bytes.")]
    images: int
    status: Literal["active", "unreachable"]


class Domains(View):
    items: list[Domain]
    next: str | None


class Host(View):
    id: str
    name: str
    address: Annotated[str, Field(description="Of its images service.")]
    status: Literal["up", "down", "maintenance"]
    reason: str | None
    domains: list[str]
    transfers: Annotated[int, Field(ge=0, description="Those that run on it.")]
    enrolled: bool
    certificate_expires_at: Annotated[datetime.datetime | None, Field(description="It renews itself before. null: it has none.")]


class Invitation(View):
    """Shown once: the token is stored as a digest."""

    id: Annotated[str, Field(description="The host's.")]
    host: Host
    command: Annotated[str, Field(description="To be run on the host.")]
    token: str
    fingerprint: Annotated[str, Field(description="SHA-256 of the appliance's authority.")]
    expires_at: datetime.datetime


class Authority(View):
    certificate: Annotated[str, Field(description="Of the appliance's authority, PEM. To be trusted for its fingerprint alone.")]


class Enrolled(View):
    """How the host is to serve from now on."""

    name: str
    address: str
    images_port: int
    control_port: int
    certificate: Annotated[str, Field(description="The host's, PEM, with the authority's behind it.")]
    ca: Annotated[str, Field(description="The authority's, PEM.")]
    client: Annotated[str, Field(description="Common name of the one client certificate that may use its control service.")]


class Hosts(View):
    items: list[Host]
    next: str | None


class Image(View):
    id: str
    name: str
    size: Bytes
    virtual_size: int | None
    format: Format
    content_type: str
    status: Literal["locked", "ok", "illegal"]
    reason: str | None
    sha256: str | None
    domain: Named
    owner: str
    path: str | None
    bootable: bool | None
    label: str | None
    created_at: datetime.datetime
    completed_at: datetime.datetime | None
    transfer_id: str | None


class Images(View):
    items: list[Image]
    next: str | None


class Ticket(View):
    ticket: Annotated[str, Field(description="A signed ticket: `Authorization: Bearer` it to POST /sessions, or to the url itself.")]
    url: Annotated[
        str, Field(description="Where the bytes are: a path on this server (/images/ID), or a whole URL (https://PROXY/images/ID).")
    ]
    expires_at: datetime.datetime
    size: Bytes
    durable: Annotated[
        list[Range] | None, Field(description="What the host holds for good as of now: send the rest. null for a ticket to read.")
    ]


class Verify(View):
    step: str
    done: int
    total: int


class Step(View):
    """What is done with an image on its arrival."""

    name: str
    status: Literal["waiting", "running", "done", "skipped", "failed"]
    done: Bytes
    total: int | None
    message: str


class Import(View):
    """How an import stands: sizes are those of the file at its source."""

    url: Annotated[str, Field(description="Without its query, in which there may be a secret.")]
    source_size: Annotated[int | None, Field(description="Bytes. null: the source does not tell.")]
    source_format: str
    compression: str | None
    sized: Annotated[bool, Field(description="How large the image will be is known; else the transfer's size is the most that it may be.")]
    checksum: Annotated[str | None, Field(description="SHA-256 of the file at its source.")]
    resumable: Annotated[bool, Field(description="Where it breaks off, it goes on; else it begins anew.")]
    not_before: datetime.datetime | None
    fetched_bytes: Bytes
    rate: Annotated[float, Field(ge=0, description="Bytes a second.")]
    restarts: Annotated[int, Field(ge=0, description="How often a source that gives no parts was read again from its beginning.")]
    trouble: Annotated[str, Field(description="Why nothing comes at this moment; empty while bytes come.")]
    steps: list[Step]


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


class Found(View):
    """A file at its source, as it is now."""

    url: Annotated[str, Field(description="Without its query, in which there may be a secret.")]
    name: Annotated[str, Field(description="What an image of it may be called.")]
    size: Annotated[int | None, Field(description="Bytes. null: the source does not tell.")]
    content_type: str
    resumable: Annotated[bool, Field(description="Where an import of it breaks off, it goes on; else it begins anew.")]
    compression: Annotated[str | None, Field(description="How it is packed, by its content.")]
    unpacked_size: Annotated[int | None, Field(description="Bytes. null: it does not tell.")]
    format: Annotated[str, Field(description="Of the image, by its content.")]
    checksum: Annotated[str | None, Field(description="The SHA-256 that was found beside it, where that was asked for.")]


class Methods(View):
    schemes: Annotated[list[str], Field(description="What URLs may begin with.")]
    compressions: Annotated[list[str], Field(description="What is unpacked.")]
    formats: Annotated[list[str], Field(description="What images may be at their source.")]


class Check(View):
    ok: bool
    available: Annotated[int, Field(ge=0, description="What the domain can take, bytes.")]


class Event(View):
    id: int
    time: datetime.datetime
    severity: str
    code: str
    message: str
    user: str | None
    transfer_id: str | None
    image_id: str | None
    image_name: str | None


class Events(View):
    items: list[Event]
    next: str | None


class Piece(Request):
    """A part of a file, and what it hashes to."""

    start: Bytes
    end: Bytes
    sha256: Sha256


class Fingerprint(Request):
    """By which a file is known again when an upload is resumed."""

    modified: Annotated[float, Field(description="Seconds since 1970.", ge=-1e12, le=1e12)] | None = None
    pieces: Annotated[list[Piece], Field(max_length=64)] = []


#: The rules are `admin.names`' own, and so are the words of its refusal; here they are only told.
Name = Annotated[
    str,
    pydantic.WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": r"^(?!\s)(?![. ]*$)[^/\\\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]+(?<!\s)$",
            "description": "What a person calls the image: data, never a path. No separators, control or invisible characters.",
        }
    ),
]


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


class NewSource(Request):
    """A file somewhere else, and what opens it: a user and a password, or a token. They are kept encrypted, and never shown."""

    url: Annotated[str, Field(max_length=4096)]
    user: Annotated[str, Field(max_length=255)] = ""
    password: Annotated[str, Field(max_length=1024)] = ""
    bearer: Annotated[str, Field(max_length=8192)] = ""
    find_checksum: Annotated[bool, Field(description="Look for its SHA-256 beside it: NAME.sha256, SHA256SUMS.")] = False


def _text(value: object) -> object:
    """JSON has no times: they are texts, and a number could mean anything."""
    if value is not None and not isinstance(value, str):
        raise ValueError("it must be a time like 2027-01-31T22:00:00Z")
    return value


#: Lax, or JSON's texts would not do.
Moment = Annotated[pydantic.AwareDatetime, Field(strict=False), pydantic.BeforeValidator(_text, json_schema_input_type=str)]


class NewImport(NewSource):
    """An import to be."""

    domain: Annotated[str, Field(description="Storage domain: id or name.", min_length=1, max_length=255)]
    name: Annotated[Name | None, Field(description="Left out: the file's, as the source has it.")] = None
    format: Annotated[Format | None, Field(description="Left out: what it is at the source.")] = None
    allocation: Literal["sparse", "preallocated"] = "sparse"
    checksum: Annotated[str | None, Field(description="SHA-256 of the file as it is at its source.", max_length=1024)] = None
    not_before: Annotated[Moment | None, Field(description="With its zone. Left out: at once.")] = None
    host: Annotated[str | None, Field(description="Host: id or name. Left out, it is chosen.", min_length=1, max_length=255)] = None


Port = Annotated[int, Field(ge=1, le=65535)]
#: As with an image's name: here the rules are told, `admin` says what breaks them.
Noun = Annotated[str, pydantic.WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"})]


class NewHost(Request):
    name: Noun
    address: Annotated[str, Field(description="A name or an IP address by which the appliance reaches it.", min_length=1, max_length=253)]
    images_port: Port = 54322
    control_port: Port = 54325


class Enrolment(Request):
    """What a host shows: whoever has the token is it."""

    token: Annotated[str, Field(min_length=1, max_length=128)]
    request: Annotated[str, Field(description="Certificate signing request, PEM.", min_length=1, max_length=16384)]


class NewDomain(Request):
    name: Noun
    kind: Literal["data", "iso"]
    host: Annotated[str, Field(description="Host: id or name.", min_length=1, max_length=255)]
    path: Annotated[
        str, Field(description="Directory on the host: one of imaged's roots, or directly in one.", pattern="^/", max_length=4096)
    ]


class Resume(Request):
    """Proof that it is the same file: from browsers, whose user has picked it again."""

    size: Bytes
    modified: Annotated[float, Field(ge=-1e12, le=1e12)] | None = None
    pieces: Annotated[list[Piece], Field(max_length=64)] = []


class NewTicket(Request):
    direct: Annotated[bool, Field(description="Not through a proxy: the url is a path on this server.")] = False


class Nothing(Request):
    """No body, or an empty object."""
