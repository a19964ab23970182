"""What has happened."""

import datetime
from typing import Annotated

from pydantic import Field

from appliance.web.api.models.base import Id, Page, View


class EventsQuery(Page):
    after: Annotated[str, Field(pattern="^[0-9]{1,16}$", description="`next` of the page before.")] | None = None
    transfer: Id | None = None
    image: Id | None = None


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
