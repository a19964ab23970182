"""From a request below /api/v1 to a handler and back: the same checks in the same order for every route."""

import dataclasses
import json
from typing import Any

import webob

from appliance import errors
from appliance.admin import Admin
from appliance.web import answers, bodies, downloads, problems, security, visitors
from appliance.web.api import openapi, routes
from appliance.web.api.calls import Call


class Api:
    """`max_json_bytes` caps a request's body; see appliance.config."""

    def __init__(self, admin: Admin, csrf: security.Csrf, download: downloads.Downloads, max_json_bytes: int):
        self._admin = admin
        self._csrf = csrf
        self._download = download
        self._max_json_bytes = max_json_bytes
        self._openapi = json.dumps(openapi.document()).encode()

    def answer(self, request: webob.Request, path: str) -> answers.Answer:
        """The answer to a request for `path` below /api/v1; errors are problems."""
        try:
            return self._answer(request, path)
        except Exception as error:
            return problems.answer(error)

    def _answer(self, request: webob.Request, path: str) -> answers.Answer:
        data = bodies.read(request, self._max_json_bytes)
        if path == "/openapi.json":
            return self._document(request)
        route, params = routes.find(request.method, path)
        visitor = self._admit(request, route)
        call = Call(
            admin=self._admin,
            visitor=visitor,
            request=request,
            params=params,
            query=bodies.query(request.query_string, route.query),
            body=_body(request, route, data),
            csrf=self._csrf,
            download=self._download,
        )
        answer = routes.render(route, route.handler(call))
        if route.streams:
            return answer
        if request.method in routes.SAFE:
            return answers.revalidated(answer, request)
        return dataclasses.replace(answer, headers={"Cache-Control": "no-store", **answer.headers})

    def _admit(self, request: webob.Request, route: routes.Route) -> visitors.Visitor:
        """The visitor, who may use the route. Raises NotLoggedIn, BadCsrf, Forbidden."""
        if route.public:
            return visitors.Visitor(None)
        visitor = visitors.identify(self._admin, request)
        if visitor.user is None:
            raise errors.NotLoggedIn()
        if request.method not in routes.SAFE and not visitor.token:
            self._csrf.check(request, visitor.cookie, request.headers.get("X-CSRF-Token"))
        if visitor.user.role not in route.roles:
            raise errors.Forbidden(role=visitor.user.role, action=f"do this: that takes the role {' or '.join(route.roles)}")
        return visitor

    def _document(self, request: webob.Request) -> answers.Answer:
        """The OpenAPI document, for everybody: it tells no more than the product's own documentation."""
        if request.method not in routes.SAFE:
            raise errors.MethodNotAllowed(method=request.method, allowed="GET, HEAD")
        return answers.revalidated(answers.Answer(200, self._openapi, {"Content-Type": answers.JSON}), request)


def _body(request: webob.Request, route: routes.Route, data: bytes | None) -> Any:
    """The body as the route's model; None where it may be, and is, left out. Raises LengthRequired, UnsupportedType, BadRequest."""
    if not data and route.wants_body and not route.body_optional:
        raise errors.LengthRequired() if data is None else errors.BadRequest(reason="its body is empty")
    content = bodies.json_object(request, data) if request.method not in routes.SAFE else None
    return None if content is None else route.body.model_validate(content)
