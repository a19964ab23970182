"""Who may do something, and what happened."""

import datetime
from dataclasses import dataclass


@dataclass(frozen=True)
class User:
    """Somebody who may do something. `role` is admin, uploader or viewer."""

    id: str
    name: str
    role: str
    created_at: datetime.datetime | None = None


@dataclass(frozen=True)
class Token:
    """An API token, without its secret. `scope` is the role that it may do no more than, None where it is its user's."""

    id: str
    user: str
    scope: str | None
    created_at: datetime.datetime
    expires_at: datetime.datetime


@dataclass(frozen=True)
class Event:
    """`severity` is info, warning or error."""

    id: int
    time: datetime.datetime
    severity: str
    code: str
    message: str
    user: str | None
    transfer_id: str | None
    image_id: str | None
    image_name: str | None
    correlation_id: str | None
