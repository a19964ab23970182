"""Answers that pages of other origins may read: a proxy's, whose clients' pages come from the appliance.

Every origin is allowed: what authorises is in headers that a page must know, never in what a browser sends by itself (cookies).
"""

from collections.abc import Callable, Iterable

METHODS = "GET, HEAD, OPTIONS, PATCH, POST, PUT, DELETE"
REQUEST_HEADERS = "Authorization, Content-Digest, Content-Range, Content-Type, Range, Session-Id"
RESPONSE_HEADERS = "Accept-Ranges, Content-Length, Content-Range, Error-Code, Location, Retry-After, Session-Id"
#: Seconds that a browser may remember the answer to its question; longer is cut by them.
MAX_AGE = 7200


def shared(application: Callable) -> Callable:
    """`application` (WSGI), with the headers on each answer; what a browser asks beforehand is answered without a credential."""

    def share(environ: dict, start_response: Callable) -> Iterable[bytes | memoryview]:
        if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ORIGIN" in environ and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            headers = [
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Allow-Methods", METHODS),
                ("Access-Control-Allow-Headers", REQUEST_HEADERS),
                ("Access-Control-Max-Age", str(MAX_AGE)),
            ]
            start_response("204 No Content", headers)
            return []

        def start(status: str, headers: list[tuple[str, str]], exc_info=None):
            more = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", RESPONSE_HEADERS)]
            return start_response(status, [*headers, *more], exc_info)

        return application(environ, start)

    return share
