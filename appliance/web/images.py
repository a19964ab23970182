"""The images service: /sessions, /images/ID and /info/. A plain WSGI application, so that bytes never meet CherryPy's dispatch.

Errors are one line of text and the header `Error-Code`, as the hosts' own: see docs/errors.md for each.
"""

import functools
import http
import importlib.metadata
import json
import logging
import re
import urllib.parse
import uuid
from collections.abc import Callable, Iterable

from appliance import errors
from appliance.transfer import relay, sessions, slots
from appliance.web import answers, reading
from imaged import httpd

log = logging.getLogger(__name__)

TEXT = "text/plain; charset=UTF-8"
MAX_PATCH_BYTES = 64 << 10
METHODS = ("OPTIONS", "GET", "HEAD", "PUT", "PATCH")
FEATURES = ("checksum", "extents", "flush", "zero")
#: What may be asked about an image, beside its bytes, and the parameters that go on to the host.
ABOUT = {
    ("extents",): ("context", "offset", "length"),
    ("checksum",): ("algorithm", "block_size"),
    ("checksum", "algorithms"): (),
}

#: What a client's request may tell the host, and what the host may tell the client. Everything else stays between two neighbours.
REQUEST_HEADERS = {"Content-Range": "HTTP_CONTENT_RANGE", "Content-Digest": "HTTP_CONTENT_DIGEST", "Content-Type": "CONTENT_TYPE"}
RESPONSE_HEADERS = ("Allow", "Content-Type", "Content-Range", "Content-Disposition", "Error-Code", "Retry-After", "Content-Length")

_KNOWN = {name.lower(): name for name in RESPONSE_HEADERS}
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,20})-([0-9]{1,20}|\*)/([0-9]{1,20}|\*)", re.ASCII)


class Images:
    """The WSGI application. One for each listener: `room` counts the threads that bytes take of that listener's pool.

    `about` is what /info/ tells beside the version.
    """

    def __init__(self, live: sessions.Sessions, passing: relay.Relay, room: slots.Slots, about: Callable[[], dict[str, object]] = dict):
        self._told = about
        self._sessions = live
        self._relay = passing
        self._slots = room

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes | memoryview]:
        try:
            answer = self._route(environ)
        except errors.ApplianceError as error:
            answer = _refusal(environ, error)
        except Exception:
            number = str(uuid.uuid4())
            log.exception("Error %s in %s %s", number, environ["REQUEST_METHOD"], _resource(environ))
            answer = _text(errors.Internal(), f"{errors.Internal.says} Error id: {number}")
        answer.headers.setdefault("Cache-Control", "no-store")
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
        if isinstance(answer.body, bytes):
            answer.headers.setdefault("Content-Length", str(len(answer.body)))
        if "close=y" in environ["QUERY_STRING"].split("&"):
            answer.headers["Connection"] = "close"
        start_response(_status(answer.status), list(answer.headers.items()))
        if isinstance(answer.body, bytes):
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]
        return answer.body

    def _route(self, environ: dict) -> answers.Answer:
        method = environ["REQUEST_METHOD"]
        match environ["PATH_INFO"].split("/"):
            case ["", "sessions"] | ["", "sessions", ""]:
                _allow(method, "POST")
                return self._open(environ)
            case ["", "sessions", session_id] if session_id:
                _allow(method, "DELETE")
                return self._end(session_id)
            case ["", "images", "*"]:
                _allow(method, "OPTIONS")
                return _options(METHODS, FEATURES)
            case ["", "images", image] if image:
                _allow(method, *METHODS)
                return getattr(self, f"_{method.lower()}")(environ, image)
            case ["", "images", image, *about] if image and tuple(about) in ABOUT:
                _allow(method, "GET")
                return self._about(environ, image, tuple(about))
            case ["", "info", ""]:
                _allow(method, "GET", "HEAD")
                return answers.of_json({"version": importlib.metadata.version("image-appliance"), **self._told()})
        raise errors.NotFound(what="address")

    def _open(self, environ: dict) -> answers.Answer:
        token = _bearer(environ)
        if token is None:
            raise errors.NoSession
        session = self._sessions.open(token)
        content = {"session_id": session.id, "url": session.url, "size": session.ticket.size, "ops": list(session.ticket.ops)}
        answer = answers.of_json(content, 201, Location=f"/sessions/{session.id}")
        answer.headers["Session-Id"] = session.id
        return answer

    def _end(self, session_id: str) -> answers.Answer:
        try:
            self._sessions.end(session_id)
        except errors.NoSession:
            raise errors.NotFound(what="session") from None
        return answers.Answer(204)

    def _options(self, environ: dict, image: str) -> answers.Answer:
        session = self._authorize(environ, image, None)
        with self._slots.take():
            host = self._relay.send(session, "OPTIONS", session.url, [], httpd.Body(environ))
        if host.status != 200:
            return _passed(host)
        allowed = (host.header("Allow") or "OPTIONS,GET").split(",")
        offered = json.loads(host.body)
        limits = {name: offered[name] for name in ("max_readers", "max_writers") if name in offered}
        return _options([name for name in METHODS if name in allowed or name == "HEAD"], offered.get("features", ()), **limits)

    def _get(self, environ: dict, image: str) -> answers.Answer:
        session = self._authorize(environ, image, "read")
        wanted = [("Range", environ["HTTP_RANGE"])] if "HTTP_RANGE" in environ else []
        host, pieces = reading.begin(self._relay, self._slots, session, wanted, httpd.Body(environ))
        return answers.Answer(host.status, pieces, {**_headers(host.headers.items()), "Accept-Ranges": "bytes"})

    def _about(self, environ: dict, image: str, about: tuple[str, ...]) -> answers.Answer:
        session = self._authorize(environ, image, "read")
        asked = urllib.parse.parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)
        query = urllib.parse.urlencode([(name, value) for name, value in asked if name in ABOUT[about]])
        below = "/" + "/".join(about) + (f"?{query}" if query else "")
        host, pieces = reading.begin(self._relay, self._slots, session, [], httpd.Body(environ), below)
        return answers.Answer(host.status, pieces, _headers(host.headers.items()))

    def _head(self, environ: dict, image: str) -> answers.Answer:
        session = self._authorize(environ, image, "read")
        headers = {"Content-Length": str(session.ticket.size), "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        return answers.Answer(200, b"", headers)

    def _put(self, environ: dict, image: str) -> answers.Answer:
        session = self._authorize(environ, image, "write")
        body = _body(environ)
        start = _content_range(environ, body.length)
        if start + body.length > session.ticket.size:
            raise errors.OutOfRange(size=session.ticket.size)
        return self._send(environ, session, body)

    def _patch(self, environ: dict, image: str) -> answers.Answer:
        session = self._authorize(environ, image, "write")
        body = _body(environ)
        if body.length > MAX_PATCH_BYTES:
            raise errors.TooLarge(limit=MAX_PATCH_BYTES)
        return self._send(environ, session, body)

    def _send(self, environ: dict, session: sessions.Session, body: httpd.Body) -> answers.Answer:
        target = session.url
        query = environ["QUERY_STRING"]
        if query and (flush := urllib.parse.parse_qs(query, keep_blank_values=True).get("flush")):
            target += "?" + urllib.parse.urlencode({"flush": flush[-1]})
        headers = [(name, environ[key]) for name, key in REQUEST_HEADERS.items() if key in environ]
        with self._slots.take():
            return _passed(self._relay.send(session, environ["REQUEST_METHOD"], target, headers, body))

    def _authorize(self, environ: dict, image: str, op: str | None) -> sessions.Session:
        """The session of this request, which must be alive, for this image, and allow `op` (None: whatever it allows).

        Who brings none may know the ticket of a transfer that needs none.
        """
        session_id, token = environ.get("HTTP_SESSION_ID"), _bearer(environ)
        if session_id:
            session = self._sessions.get(session_id)
        elif token:
            session = self._sessions.bearer(token)
        else:
            session = self._sessions.admitted(image)
        if image != session.ticket.ticket:
            raise errors.WrongImage
        session.check(op)
        return session


def _allow(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise errors.MethodNotAllowed(method=method, allowed=", ".join(allowed))


def _bearer(environ: dict) -> str | None:
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _body(environ: dict) -> httpd.Body:
    """The request's body, whose length must be announced. Raises errors.LengthRequired."""
    if "CONTENT_LENGTH" not in environ or "HTTP_TRANSFER_ENCODING" in environ:
        raise errors.LengthRequired
    return httpd.Body(environ)


def _content_range(environ: dict, length: int) -> int:
    """The offset (bytes) at which the body belongs: 0 without Content-Range. Raises errors.BadRange."""
    text = environ.get("HTTP_CONTENT_RANGE")
    if text is None:
        return 0
    match = _CONTENT_RANGE.fullmatch(text)
    if not match:
        raise errors.BadRange(reason="it cannot be understood")
    start = int(match[1])
    if match[2] != "*" and int(match[2]) - start + 1 != length:
        raise errors.BadRange(reason="it disagrees with Content-Length")
    if match[2] != "*" and match[3] != "*" and int(match[2]) >= int(match[3]):
        raise errors.BadRange(reason="it ends after the size that it names")
    return start


def _options(methods: Iterable[str], features: Iterable[str], **limits: int) -> answers.Answer:
    """What can be done here. A host's unix socket is not passed on: it is not the client's."""
    content = {"features": [name for name in features if name in FEATURES], **limits}
    return answers.of_json(content, Allow=",".join(methods))


def _headers(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {known: value for name, value in given if (known := _KNOWN.get(name.lower()))}


def _passed(host: relay.Answer) -> answers.Answer:
    """The host's answer, with the headers that concern the client."""
    headers = _headers(host.headers)
    headers["Content-Length"] = str(len(host.body))
    return answers.Answer(host.status, host.body, headers)


def _refusal(environ: dict, error: errors.ApplianceError) -> answers.Answer:
    if isinstance(error, errors.BadTicket):
        log.warning("Refused a ticket from %s: %s", environ["REMOTE_ADDR"], error.reason)
    answer = _text(error, f"{error.sentence} {error.advice}")
    match error:
        case errors.MethodNotAllowed():
            answer.headers["Allow"] = str(error.words["allowed"])
        case errors.LengthRequired():
            # A body may follow all the same: nothing after it could be told from a request.
            answer.headers["Connection"] = "close"
        case errors.OutOfRange():
            answer.headers["Content-Range"] = f"bytes */{error.words['size']}"
    if error.status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="images"'
    if error.status == 503:
        answer.headers["Retry-After"] = str(getattr(error, "retry_after", 5))
    return answer


def _text(error: errors.ApplianceError, line: str) -> answers.Answer:
    return answers.Answer(error.status, f"{line}\n".encode(), {"Content-Type": TEXT, "Error-Code": error.code})


@functools.cache
def _status(code: int) -> str:
    return f"{code} {http.HTTPStatus(code).phrase}"


def _resource(environ: dict) -> str:
    """The path without the ids in it: they are credentials, and the log is not the place for them."""
    return "/".join(environ["PATH_INFO"].split("/")[:2])
