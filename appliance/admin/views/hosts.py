"""Hosts and their storage domains."""

import datetime
from dataclasses import dataclass

from appliance.admin.views.base import Ref


@dataclass(frozen=True)
class Host:
    """`status` is up, down or maintenance, with the `reason`; `address` that of its images service; `domains` their names.

    `transfers` counts those that run on it. `enrolled` is False until it has its certificate, which expires then; the appliance's own host
    has none.
    """

    id: str
    name: str
    address: str
    status: str
    reason: str | None
    domains: tuple[str, ...]
    transfers: int = 0
    enrolled: bool = True
    certificate_expires_at: datetime.datetime | None = None


@dataclass(frozen=True)
class NewHost:
    """A host that somebody adds. `address` is a name or an address that the appliance reaches it by."""

    name: str
    address: str
    images_port: int = 54322
    control_port: int = 54325


@dataclass(frozen=True)
class Invitation:
    """What a host is enrolled with: shown once. `command` is to be run there."""

    host: Host
    command: str
    token: str
    fingerprint: str
    expires_at: datetime.datetime


@dataclass(frozen=True)
class Enrolled:
    """What a host gets that has shown its token: its certificate (PEM, with the authority's behind it), and how it is to serve.

    `client` is the common name of the one certificate that may use its control service.
    """

    name: str
    address: str
    images_port: int
    control_port: int
    certificate: str
    ca: str
    client: str


@dataclass(frozen=True)
class NewDomain:
    """A storage domain that somebody adds: the directory `path` on `host` (id or name). `kind` is data or iso."""

    name: str
    kind: str
    host: str
    path: str


@dataclass(frozen=True)
class Domain:
    """A storage domain; `host` is the one that is asked about it, `hosts` are all that see it; `images` counts.

    The numbers are the last known ones while `status` is unreachable; else it is active. `steps` are what imports go through, in order.
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
    steps: tuple[str, ...]
