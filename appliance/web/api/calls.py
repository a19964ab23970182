"""One call of the API, as a handler gets it: everything already parsed, checked and allowed."""

import dataclasses
from typing import Any

import webob

from appliance.admin import Admin, views
from appliance.web import downloads, security, visitors


@dataclasses.dataclass(frozen=True)
class Call:
    """`params` are the path's, `query` and `body` instances of the route's models (`body` is None where it was left out)."""

    admin: Admin
    visitor: visitors.Visitor
    request: webob.Request
    params: dict[str, str]
    query: Any
    body: Any
    csrf: security.Csrf
    download: downloads.Downloads

    @property
    def user(self) -> views.User:
        assert self.visitor.user is not None, "the dispatcher lets nobody in who has not logged in"
        return self.visitor.user

    @property
    def id(self) -> str:
        return self.params["id"]
