"""What a handler gives back: a status, headers and a body, before CherryPy makes a response of it."""

import dataclasses
import hashlib
import http
import http.cookies
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cherrypy
import webob

JSON = "application/json"
HTML = "text/html; charset=utf-8"


@dataclasses.dataclass
class Answer:
    """A response to be. A body that is an iterator of bytes is streamed; the headers must then have its Content-Length."""

    status: int = 200
    body: bytes | Iterator[bytes | memoryview] = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    cookie: http.cookies.SimpleCookie | None = None

    def send(self) -> bytes | Iterator[bytes | memoryview]:
        """Writes it into CherryPy's response of this thread; returns the body, as CherryPy wants it from a handler."""
        response: Any = cherrypy.serving.response
        response.status = self.status
        response.headers.pop("Content-Type", None)
        response.headers.update(self.headers)
        if self.cookie is not None:
            response.cookie = self.cookie
        response.stream = not isinstance(self.body, bytes)
        return self.body


def respond(answer: Answer, environ: dict, start_response: Callable) -> Iterable[bytes | memoryview]:
    """Sends it from a WSGI application of ours; what nobody said otherwise of is not to be kept."""
    answer.headers.setdefault("Cache-Control", "no-store")
    if isinstance(answer.body, bytes) and answer.status != 204:
        answer.headers.setdefault("Content-Length", str(len(answer.body)))
    start_response(f"{answer.status} {http.HTTPStatus(answer.status).phrase}", list(answer.headers.items()))
    if not isinstance(answer.body, bytes):
        return answer.body
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]


def of_json(content: object, status: int = 200, content_type: str = JSON, **headers: str) -> Answer:
    """`content` as a JSON answer, with more headers.

    ASCII only: a name with half a surrogate pair must not break the answer that complains of it.
    """
    body = json.dumps(content, separators=(",", ":")).encode("ascii")
    return Answer(status, body, {"Content-Type": content_type, **headers})


def of_page(text: str, status: int = 200) -> Answer:
    """A page of ours. Never stored: it carries the visitor's CSRF token."""
    return Answer(status, text.encode("utf-8"), {"Content-Type": HTML, "Cache-Control": "no-store"})


def redirect(path: str) -> Answer:
    """303: whatever the method was, GET `path` (of this site) next."""
    return Answer(303, b"", {"Location": path, "Cache-Control": "no-store"})


def revalidated(answer: Answer, request: webob.Request) -> Answer:
    """The answer to a GET with its ETag, or 304 when the client has it already: so that asking every second costs little."""
    if answer.status != 200 or not isinstance(answer.body, bytes):
        return answer
    tag = hashlib.sha256(answer.body).hexdigest()[:32]
    headers = {"Cache-Control": "no-cache", "ETag": f'"{tag}"'}
    if request.headers.get("If-None-Match") and tag in request.if_none_match:
        return Answer(304, b"", headers)
    return dataclasses.replace(answer, headers={**answer.headers, **headers})
