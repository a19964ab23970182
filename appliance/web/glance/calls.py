"""One call of the image API, as a handler gets it: who asks, for what, with which body."""

import dataclasses
import urllib.parse
from typing import Any

import webob

from appliance import errors
from appliance.admin import Admin, views
from appliance.transfer import hosts, slots
from appliance.web import downloads

Query = list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Rooms:
    """What handlers work with: the administration, hosts' images services, downloads, and the threads that bytes may take."""

    admin: Admin
    hosts: hosts.Hosts
    download: downloads.Downloads
    slots: slots.Slots


@dataclasses.dataclass(frozen=True)
class Call:
    """`params` are the path's, `body` what JSON there was; None where none was sent, or the body is an image's bytes."""

    rooms: Rooms
    user: views.User
    request: webob.Request
    params: dict[str, str]
    query: Query
    body: Any = None

    @property
    def admin(self) -> Admin:
        return self.rooms.admin

    @property
    def id(self) -> str:
        return self.params["id"]

    @property
    def object(self) -> dict:
        """The body, which must be a JSON object. Raises errors.BadRequest."""
        if not isinstance(self.body, dict):
            raise errors.BadRequest(reason="its body must be a JSON object")
        return self.body


def query(request: webob.Request) -> Query:
    """The query's parameters in their order; some may be given more than once. Raises BadRequest."""
    try:
        return urllib.parse.parse_qsl(request.query_string, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise errors.BadRequest(reason="its query string is not valid") from None
