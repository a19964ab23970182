"""Images, and tickets for their bytes."""

import datetime
from typing import Annotated, Literal

from pydantic import Field

from appliance.web.api.models.base import Bytes, Format, Id, Named, Page, Range, Request, View


class ImagesQuery(Page):
    domain: Annotated[Id, Field(description="Only images of this storage domain (its id).")] | None = None


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
    tags: list[str]
    properties: Annotated[dict[str, str], Field(description="What was said of it, by name.")]


class Images(View):
    items: list[Image]
    next: str | None


class NewTicket(Request):
    direct: Annotated[bool, Field(description="Not through a proxy: the url is a path on this server.")] = False


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
