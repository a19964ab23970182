"""One file per URL resource, and the helpers that all of them use.

A handler is an object with methods `get, put, post, patch, delete, options(request, *path_args) -> Response`: those that it lacks
are 405. Each module has `routes(context) -> [(pattern, handler)]`: anchored regular expressions, whose groups are the path arguments.
"""

import json
from typing import Any

from imaged import errors
from imaged.message import Request, Response
from imaged.ticket import Ticket
from imaged.tickets import Tickets

#: Bytes of JSON that a request may bring: tickets and commands are a few hundred.
MAX_JSON = 64 << 10


def json_body(request: Request, limit: int = MAX_JSON) -> dict[str, Any]:
    """The request's body: a JSON object of at most `limit` bytes. Raises LengthRequired, TooLarge, ShortBody, Stalled or BadRequest."""
    length = content_length(request)
    if length > limit:
        raise errors.TooLarge(f"The body has {length} bytes: at most {limit} are taken")
    try:
        data = request.environ["wsgi.input"].read(length)
    except TimeoutError:
        raise errors.Stalled() from None
    except OSError:
        data = b""
    if len(data) < length:
        raise errors.ShortBody(length, len(data))
    try:
        value = json.loads(data)
    # A document nested thousands deep exhausts the parser's stack: as malformed as any.
    except (ValueError, RecursionError):
        raise errors.BadRequest("The body is not valid JSON") from None
    if not isinstance(value, dict):
        raise errors.BadRequest(f"The body must be a JSON object, not {type(value).__name__}")
    return value


def require_ticket(ticket_id: str) -> None:
    """Raises BadRequest where the path has no ticket's id in it."""
    if not ticket_id:
        raise errors.BadRequest("Ticket id is required: /images/ID")


def authorize(tickets: Tickets, request: Request, ticket_id: str, op: str) -> Ticket:
    """The ticket, if it lets `op` now. Raises NotAuthorized."""
    ticket = tickets.authorize(ticket_id, op)
    connection = request.environ["httpd.connection"]
    # From here on the ticket says how long this connection may be silent.
    connection.wire.timeout = ticket.terms.inactivity_timeout
    if connection.user is not ticket:
        connection.user = ticket
        ticket.used_by(connection.socket)
    return ticket


def content_length(request: Request) -> int:
    """The announced length of the body, in bytes. Raises LengthRequired where there is none, or it is no count of bytes."""
    if "HTTP_TRANSFER_ENCODING" in request.environ:
        raise errors.LengthRequired("Transfer-Encoding is not supported: send Content-Length")
    text = request.environ.get("CONTENT_LENGTH") or ""
    if not text:
        raise errors.LengthRequired("Content-Length is required")
    if not (text.isascii() and text.isdigit()):
        raise errors.LengthRequired(f"Invalid Content-Length {text!r}: must be a number of bytes")
    return int(text)


def json_response(value: Any, status: int = 200) -> Response:
    """`value` as JSON, ending in a newline as command lines like it."""
    return Response(status, {"Content-Type": "application/json"}, json.dumps(value).encode() + b"\n")


def empty_response(status: int = 200) -> Response:
    """No body, and an explicit length of 0: oVirt's clients need it, even with 204."""
    return Response(status)


def text_error(error: errors.DaemonError) -> Response:
    """The error as oVirt's clients read it: one line of text; the code is in the header `Error-Code`."""
    response = Response(error.status, {"Content-Type": "text/plain; charset=UTF-8"}, f"{error.message}\n".encode())
    return _complete(response, error)


def json_error(error: errors.DaemonError) -> Response:
    """The error as `{"code", "message", "details"}`."""
    value = {"code": error.code, "message": error.message, "details": error.details}
    return _complete(json_response(value, error.status), error)


def _complete(response: Response, error: errors.DaemonError) -> Response:
    response.headers["Error-Code"] = error.code
    response.headers.update(error.headers)
    if error.close:
        response.headers["Connection"] = "close"
    return response


_MISSING = object()


def field(
    body: dict[str, Any],
    name: str,
    kind: type | tuple[type, ...],
    default: Any = _MISSING,
) -> Any:
    """`body[name]`, of type `kind`. Raises BadRequest that names it when it is missing (without a default) or has another type."""
    value = body.get(name, _MISSING)
    if value is _MISSING:
        if default is _MISSING:
            raise errors.BadRequest(f"{name!r} is missing")
        return default
    kinds = kind if isinstance(kind, tuple) else (kind,)
    # bool is an int to Python, and never to whoever wrote `"size": true`.
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise errors.BadRequest(f"Invalid value for {name!r}: must be of type {'/'.join(k.__name__ for k in kinds)}")
    return value
