"""The WSGI application of /v2 and /versions. It stands beside CherryPy: bodies are images, and errors are Glance's."""

from collections.abc import Callable, Iterable

import webob

from appliance import errors
from appliance.admin import views
from appliance.config import Config
from appliance.web import answers, bodies
from appliance.web.glance import calls, faults, routes, versions


def application(rooms: calls.Rooms, config: Config) -> "Engine":
    """The WSGI application. The security headers are added by web.server.together."""
    return Engine(rooms, max_bytes=config.max_json_bytes)


class Engine:
    """`max_bytes` caps a request's body, unless it is an image."""

    def __init__(self, rooms: calls.Rooms, *, max_bytes: int):
        self._rooms = rooms
        self._max_bytes = max_bytes

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes | memoryview]:
        return answers.respond(self.answer(webob.Request(environ)), environ, start_response)

    def answer(self, request: webob.Request) -> answers.Answer:
        """The answer to any request; never raises."""
        try:
            return self._answer(request)
        except Exception as error:
            return faults.answer(error)

    def _answer(self, request: webob.Request) -> answers.Answer:
        if versions.asked(request):
            return versions.answer(request)
        # Before anything else is said, or looked at: to whom.
        user = self._user(request)
        route, params = routes.find(request.method, _path(request))
        body = None
        if route.body is not None:
            data = bodies.read(request, self._max_bytes)
            body = bodies.json_value(request, data, route.body)
        call = calls.Call(self._rooms, user, request, params, calls.query(request), body)
        found = route.handler(call)
        if isinstance(found, answers.Answer):
            return found
        return answers.Answer(route.status) if found is None else answers.of_json(found, route.status)

    def _user(self, request: webob.Request) -> views.User:
        """Whose token it is. Raises NotLoggedIn."""
        user = self._rooms.admin.tokens.user(request.headers.get("X-Auth-Token", "").strip())
        if user is None:
            raise errors.NotLoggedIn()
        return user


def _path(request: webob.Request) -> str:
    """The address in its own letters. Raises BadRequest."""
    try:
        return str(request.environ["PATH_INFO"]).encode("latin-1").decode()
    except UnicodeDecodeError:
        raise errors.BadRequest(reason="its address is not in UTF-8") from None
