"""What all shapes have in common: their kinds, the words that they share, and errors."""

from typing import Annotated, Literal

import pydantic
from pydantic import ConfigDict, Field

#: 64-bit everywhere; below that the limits are the configuration's.
LARGEST = (1 << 63) - 1

Bytes = Annotated[int, Field(ge=0, le=LARGEST)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$", description="SHA-256 in hexadecimal.")]
Range = Annotated[list[Bytes], Field(min_length=2, max_length=2, description="[start, end), in bytes.")]
Format = Literal["raw", "qcow2", "iso"]
Id = Annotated[str, Field(pattern="^[A-Za-z0-9-]{1,64}$")]

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
#: As with an image's name: here the rules are told, `admin` says what breaks them.
Noun = Annotated[str, pydantic.WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"})]


class Request(pydantic.BaseModel):
    """What a client sends as JSON."""

    model_config = ConfigDict(extra="forbid", strict=True)


class View(pydantic.BaseModel):
    """What a client gets: made from the frozen views of `admin` by their attributes."""

    model_config = ConfigDict(from_attributes=True)


class Query(pydantic.BaseModel):
    """A query string."""

    model_config = ConfigDict(extra="forbid")


class NoQuery(Query):
    """A route without parameters."""


def _digits(text: object) -> object:
    """Query parameters are texts: only plain digits are numbers (pydantic alone would take " 5", "5.0" and "1_0")."""
    if isinstance(text, str) and not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ValueError("it must be a whole number")
    return text


Limit = Annotated[int, Field(ge=1, le=200)]


class Page(Query):
    """A page of a list."""

    limit: Annotated[Limit, pydantic.BeforeValidator(_digits, json_schema_input_type=Limit)] = 50
    after: Annotated[str, Field(pattern="^[0-9]{1,16}_[0-9a-f-]{36}$", description="`next` of the page before.")] | None = None


class Nothing(Request):
    """No body, or an empty object."""


class Named(View):
    id: str
    name: str


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
