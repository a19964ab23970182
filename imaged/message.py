"""Requests and answers, as handlers see them: as little as they need, since for a small request this is half of the work."""

import functools
import http
import types
import urllib.parse
from collections.abc import Callable, Iterable, Mapping

_STATUS = {status.value: f"{status.value} {status.phrase}" for status in http.HTTPStatus}


# Clients say the same again and again.
@functools.lru_cache(64)
def _arguments(query: str) -> Mapping[str, str]:
    return types.MappingProxyType(dict(urllib.parse.parse_qsl(query, keep_blank_values=True, errors="replace")))


@functools.lru_cache(64)
def _variable(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


class Request:
    """A request. `environ` is WSGI's."""

    def __init__(self, environ: dict):
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]

    def header(self, name: str) -> str | None:
        """One of its headers, but for Content-Length and Content-Type."""
        value: str | None = self.environ.get(_variable(name))
        return value

    @property
    def query(self) -> Mapping[str, str]:
        """The arguments behind the "?"; of a repeated one the last."""
        return _arguments(self.environ.get("QUERY_STRING", ""))


class Response:
    """An answer: its status, its headers, and `chunks`, the buffers that its body is made of; what has `close` is closed in the end."""

    def __init__(self, status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b"", chunks: Iterable | None = None):
        """With `chunks` in place of `body` whoever knows says how long it will be."""
        self.status = status
        self.headers = dict(headers or {})
        self.chunks = (body,) if chunks is None else chunks
        if chunks is None:
            self.headers["Content-Length"] = str(len(body))

    def __call__(self, environ: dict, start_response: Callable) -> Iterable:
        start_response(_STATUS[self.status], list(self.headers.items()))
        return self.chunks
