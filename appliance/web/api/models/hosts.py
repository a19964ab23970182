"""Hosts, and how they are enrolled."""

import datetime
from typing import Annotated, Literal

from pydantic import Field

from appliance.web.api.models.base import Noun, Request, View


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


class Hosts(View):
    items: list[Host]
    next: str | None


Port = Annotated[int, Field(ge=1, le=65535)]


class NewHost(Request):
    name: Noun
    address: Annotated[str, Field(description="A name or an IP address by which the appliance reaches it.", min_length=1, max_length=253)]
    images_port: Port = 54322
    control_port: Port = 54325


class Invitation(View):
    """Shown once: the token is stored as a digest."""

    id: Annotated[str, Field(description="The host's.")]
    host: Host
    command: Annotated[str, Field(description="To be run on the host.")]
    token: str
    fingerprint: Annotated[str, Field(description="SHA-256 of the appliance's authority.")]
    expires_at: datetime.datetime


class Enrolment(Request):
    """What a host shows: whoever has the token is it."""

    token: Annotated[str, Field(min_length=1, max_length=128)]
    request: Annotated[str, Field(description="Certificate signing request, PEM.", min_length=1, max_length=16384)]


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
