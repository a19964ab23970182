"""Storage domains."""

from typing import Annotated, Literal

from pydantic import Field

from appliance.web.api.models.base import Bytes, Named, Noun, Request, View


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
    steps: Annotated[list[str], Field(description="What is done with images that are imported into it, in order.")]


class DomainChange(Request):
    steps: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64)]] | None,
        Field(description="What is done with images that are imported into it, in order. null: what is usual.", max_length=64),
    ]


class Domains(View):
    items: list[Domain]
    next: str | None


class NewDomain(Request):
    name: Noun
    kind: Literal["data", "iso"]
    host: Annotated[str, Field(description="Host: id or name.", min_length=1, max_length=255)]
    path: Annotated[
        str, Field(description="Directory on the host: one of imaged's roots, or directly in one.", pattern="^/", max_length=4096)
    ]
