"""Imports, and what is at their sources."""

import datetime
from typing import Annotated, Literal

import pydantic
from pydantic import Field

from appliance.web.api.models.base import Bytes, Format, Name, Request, View


class NewSource(Request):
    """A file somewhere else, and what opens it: a user and a password, or a token. They are kept encrypted, and never shown."""

    url: Annotated[str, Field(max_length=4096)]
    user: Annotated[str, Field(max_length=255)] = ""
    password: Annotated[str, Field(max_length=1024)] = ""
    bearer: Annotated[str, Field(max_length=8192)] = ""
    find_checksum: Annotated[bool, Field(description="Look for its SHA-256 beside it: NAME.sha256, SHA256SUMS.")] = False


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


class NamedStep(View):
    name: str
    streams: Annotated[bool, Field(description="It is done while the bytes come.")]
    usual: Annotated[bool, Field(description="A storage domain for which nobody has chosen has it, in this order.")]
    about: Annotated[str, Field(description="What it does, in a sentence.")]


class Methods(View):
    schemes: Annotated[list[str], Field(description="What URLs may begin with.")]
    compressions: Annotated[list[str], Field(description="What is unpacked.")]
    formats: Annotated[list[str], Field(description="What images may be at their source.")]
    targets: Annotated[list[str], Field(description="What disks can be converted to.")]
    steps: Annotated[list[NamedStep], Field(description="What can be done with an image on its arrival.")]


def _text(value: object) -> object:
    """JSON has no times: they are texts, and a number could mean anything."""
    if value is not None and not isinstance(value, str):
        raise ValueError("it must be a time like 2027-01-31T22:00:00Z")
    return value


def _utc(value: datetime.datetime) -> datetime.datetime:
    try:
        return value.astimezone(datetime.UTC)
    except OverflowError:
        raise ValueError("it lies outside of the years that are counted") from None


#: Lax, or JSON's texts would not do.
Moment = Annotated[
    pydantic.AwareDatetime, Field(strict=False), pydantic.BeforeValidator(_text, json_schema_input_type=str), pydantic.AfterValidator(_utc)
]


Word = Annotated[str, Field(min_length=1, max_length=255)]
Words = Annotated[str, Field(max_length=65535)]


class NewImport(NewSource):
    """An import to be."""

    domain: Annotated[str, Field(description="Storage domain: id or name.", min_length=1, max_length=255)]
    name: Annotated[Name | None, Field(description="Left out: the file's, as the source has it.")] = None
    format: Annotated[
        Format | None, Field(description="What it is stored as. Left out: what it is at its source; disks of other programs become qcow2.")
    ] = None
    compressed: Annotated[bool, Field(description="Stored as compressed qcow2.")] = False
    tags: Annotated[list[Word], Field(description="What the image is given.", max_length=128)] = []
    properties: Annotated[dict[Word, Words], Field(description="What the image is given: texts by name.", max_length=128)] = {}
    allocation: Literal["sparse", "preallocated"] = "sparse"
    checksum: Annotated[str | None, Field(description="SHA-256 of the file as it is at its source.", max_length=1024)] = None
    not_before: Annotated[Moment | None, Field(description="With its zone. Left out: at once.")] = None
    host: Annotated[str | None, Field(description="Host: id or name. Left out, it is chosen.", min_length=1, max_length=255)] = None


class Step(View):
    """What is done with an image on its arrival. A third party's step counts what it likes."""

    name: str
    status: Literal["waiting", "running", "done", "skipped", "failed"]
    done: Annotated[int, Field(ge=0, description="Bytes, or whatever the step counts.")]
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
    wanted_format: Annotated[str | None, Field(description="What it is to be stored as, where that was asked for.")]
    compressed: bool
    tags: list[str]
    properties: dict[str, str]
    steps: list[Step]
