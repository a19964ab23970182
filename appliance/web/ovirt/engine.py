"""The WSGI application of /ovirt-engine. It stands beside CherryPy: oVirt's SDK takes XML for an answer, and no error page of anybody's."""

import pathlib
import urllib.parse
from collections.abc import Callable, Iterable

import webob

from appliance import errors
from appliance.admin import Admin
from appliance.config import Config
from appliance.web import answers, bodies, problems
from appliance.web.ovirt import calls, documents, faults, given, pki, routes, sso
from appliance.web.ovirt.documents import Entity, Many

FORMS = {documents.XML: documents.xml, documents.JSON: documents.as_json}


def application(admin: Admin, config: Config) -> "Engine":
    """The WSGI application of /ovirt-engine. The security headers are added by web.server.together."""
    ca = config.state_dir / "ca" / "ca.pem"
    return Engine(admin, ca, max_bytes=config.max_json_bytes, lifetime=config.login_lifetime, behind_proxy=config.http)


class Engine:
    """`ca` is the file of the authority's certificate, `max_bytes` caps a request's body, `lifetime` is a login's, in seconds."""

    def __init__(self, admin: Admin, ca: pathlib.Path, *, max_bytes: int, lifetime: float, behind_proxy: bool = False):
        self._admin = admin
        self._max_bytes = max_bytes
        self._sso = sso.Sso(admin, lifetime=lifetime, behind_proxy=behind_proxy)
        self._pki = pki.Pki(ca)

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes | memoryview]:
        return answers.respond(self.answer(webob.Request(environ)), environ, start_response)

    def answer(self, request: webob.Request) -> answers.Answer:
        """The answer to any request; never raises."""
        path = request.environ["PATH_INFO"]
        if self._sso.knows(path):
            return self._sso.answer(request, path)
        try:
            return self._pki.answer(request) if path == pki.PATH else self._call(request, path)
        except Exception as error:
            told = problems.explained(error)
            document = faults.document(told, problems.new_id(error))
            return _written(request, document, faults.status(told), **problems.headers(told))

    def _call(self, request: webob.Request, path: str) -> answers.Answer:
        data = bodies.read(request, self._max_bytes)
        route, params = routes.find(request.method, path)
        # Before anything else is looked at: whoever gets a 401 logs in and sends the same request once more.
        user = self._sso.visitor(request)
        query = _query(request)
        call = calls.Call(
            admin=self._admin,
            user=user,
            params=params,
            query=query,
            body=_body(request, route, data),
            correlation_id=calls.correlation(query, request.headers.get("Correlation-Id")),
        )
        unknown = call.follow - route.follows
        if unknown:
            raise errors.Invalid(field="follow", reason=f"here can be followed: {', '.join(sorted(route.follows)) or 'nothing'}")
        document = route.handler(call)
        if document is None:
            return answers.Answer(route.status, b"", {"Content-Type": documents.XML})
        created = {"Location": document.href} if route.status == 201 else {}
        return _written(request, document, route.status, **created)


def _body(request: webob.Request, route: routes.Route, data: bytes | None) -> given.Given | None:
    """Raises errors.BadRequest for a body that is missing; one that nobody asked for is left alone."""
    if route.body is None:
        return None
    body = given.read(request, data, route.body)
    if body is None and not route.optional:
        raise errors.BadRequest(reason=f"it needs a body: the element {route.body}")
    return body


def _query(request: webob.Request) -> dict[str, str]:
    """The query's parameters; those that nobody knows are ignored, as clients send some that mean nothing here. Raises BadRequest."""
    try:
        pairs = urllib.parse.parse_qsl(request.query_string, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise errors.BadRequest(reason="its query string is not valid") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise errors.BadRequest(reason="its query string gives a parameter twice")
    return found


def _written(request: webob.Request, document: Entity | Many, status: int, **headers: str) -> answers.Answer:
    """The document in the form that the request asks for: XML, unless JSON is wanted more."""
    kind = documents.JSON if _prefers_json(request) else documents.XML
    return answers.Answer(status, FORMS[kind](document), {"Content-Type": kind, "Vary": "Accept", **headers})


def _prefers_json(request: webob.Request) -> bool:
    found = request.accept.acceptable_offers(["application/xml", "text/xml", "application/json"])
    return bool(found) and found[0][0] == "application/json"
