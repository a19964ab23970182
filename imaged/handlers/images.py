"""/images/TICKET: the bytes of one image.

Order of checks, for every method: the request's form first (400 whoever asks), then the ticket (403), then the range (416).
"""

import hashlib
import socket
from typing import Any

from imaged import errors, handlers, headers, httpd, ops
from imaged.message import Request, Response
from imaged.ticket import Ticket
from imaged.tickets import Tickets

READ_METHODS: tuple[str, ...] = ("OPTIONS", "GET")
WRITE_METHODS: tuple[str, ...] = (*READ_METHODS, "PUT", "PATCH")
#: What a ticket lets a client do beyond the plain methods.
READ_FEATURES = frozenset({"checksum", "extents"})
WRITE_FEATURES = READ_FEATURES | {"flush", "zero"}


def routes(context: Any) -> list[tuple[str, object]]:
    return [(r"/images/([^/]*)", Images(context.tickets, context.unix_socket))]


class Images:
    cors = ("OPTIONS", "GET", "HEAD", "PUT")

    def __init__(self, tickets: Tickets, unix_socket: str | None = None):
        self._tickets = tickets
        self._unix_socket = unix_socket

    def options(self, request: Request, ticket_id: str) -> Response:
        """What may be done, and with how many connections. Counts as activity."""
        handlers.require_ticket(ticket_id)
        about: dict[str, Any] = {}
        if ticket_id == "*":
            allowed, features = WRITE_METHODS, WRITE_FEATURES | {"dirty"}
        else:
            ticket = handlers.authorize(self._tickets, request, ticket_id, "read")
            allowed, features = (WRITE_METHODS, WRITE_FEATURES) if ticket.may("write") else (READ_METHODS, READ_FEATURES)
            with ticket.place.open(write=False) as backend:
                about |= {"max_readers": backend.max_readers, "max_writers": backend.max_writers}
                if ticket.terms.dirty:
                    features |= {"dirty"}
                # A checksum takes nothing but reading.
                features &= backend.features | {"checksum"}
            ticket.touch()
        about["features"] = sorted(features)
        if self._unix_socket and _same_host(request):
            about["unix_socket"] = str(self._unix_socket)
        response = handlers.json_response(about)
        response.headers["Allow"] = ",".join(allowed)
        return response

    def get(self, request: Request, ticket_id: str) -> Response:
        """The image, or the part that Range names."""
        handlers.require_ticket(ticket_id)
        wanted = headers.requested_range(request)
        ticket = handlers.authorize(self._tickets, request, ticket_id, "read")
        backend = ticket.place.open(write=False)
        try:
            start, end = _extent(wanted, ticket.terms.size, backend.size())
            operation = ops.Read(backend, start, end - start, httpd.Body(request.environ))
            ticket.start(operation)
        except BaseException:
            backend.close()
            raise
        response = Response(
            206 if wanted else 200, _about(end - start, ticket.terms.filename), chunks=_Download(ticket, operation, backend)
        )
        if wanted:
            response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{ticket.terms.size}"
        return _close_if_asked(request, response)

    def head(self, request: Request, ticket_id: str) -> Response:
        """What `get` would answer, without the bytes: qemu asks so for the size of an image that it reads from here."""
        handlers.require_ticket(ticket_id)
        ticket = handlers.authorize(self._tickets, request, ticket_id, "read")
        with ticket.place.open(write=False) as backend:
            size = min(ticket.terms.size, backend.size())
        response = Response(200, _about(size, ticket.terms.filename), chunks=())
        return _close_if_asked(request, response)

    def put(self, request: Request, ticket_id: str) -> Response:
        """The body, to where Content-Range says; durable before the answer unless `flush=n`."""
        handlers.require_ticket(ticket_id)
        length = handlers.content_length(request)
        offset = headers.content_range(request, length)
        flush = headers.flush(request)
        digest = headers.content_digest(request)
        ticket = handlers.authorize(self._tickets, request, ticket_id, "write")
        _check_end(offset + length, ticket.terms.size)
        body = httpd.Body(request.environ)
        with ticket.place.open(write=True) as backend:
            expected = (hashlib.sha256(), digest) if digest else None
            write = ops.Write(backend, body, offset, ticket.durability, digest=expected)
            with ticket.running(write):
                write.run()
                if flush:
                    ops.Flush(backend, ticket.durability).run()
        return _close_if_asked(request, handlers.empty_response())

    def patch(self, request: Request, ticket_id: str) -> Response:
        """Zero a range, or flush."""
        handlers.require_ticket(ticket_id)
        change = _change(handlers.json_body(request))
        ticket = handlers.authorize(self._tickets, request, ticket_id, "write")
        _check_end(change.get("offset", 0) + change.get("size", 0), ticket.terms.size)
        with ticket.place.open(write=True) as backend:
            flush = ops.Flush(backend, ticket.durability)
            if change["op"] == "zero":
                zero = ops.Zero(backend, change["offset"], change["size"], ticket.durability, punch=ticket.terms.sparse)
                with ticket.running(zero):
                    zero.run()
                    if change["flush"]:
                        flush.run()
            else:
                with ticket.running(flush):
                    flush.run()
                ticket.flushed()
        return handlers.empty_response()


class _Download:
    """The answer's body: whatever ends it, the server calls `close`."""

    def __init__(self, ticket: Ticket, operation: ops.Read, backend: Any):
        self._ticket = ticket
        self._operation = operation
        self._backend = backend
        self._chunks = iter(operation)

    def __iter__(self) -> "_Download":
        return self

    def __next__(self) -> memoryview:
        try:
            return next(self._chunks)
        except (errors.DaemonError, errors.Canceled) as error:
            # The status is on its way already: the client learns from the missing bytes.
            raise httpd.Abort(str(error)) from error

    def close(self) -> None:
        self._chunks.close()
        # In this order: revoking interrupts the backend of what runs, and a closed one may serve somebody else already.
        self._ticket.finish(self._operation)
        self._backend.close()


def _same_host(request: Request) -> bool:
    """Is the client on this host? As oVirt's clients find it out: both ends of the connection have the same address."""
    sock = request.environ["httpd.connection"].socket
    return sock.family == socket.AF_UNIX or sock.getsockname()[0] == sock.getpeername()[0]


def _change(body: dict[str, Any]) -> dict[str, Any]:
    """A PATCH's command. Raises BadRequest."""
    op = handlers.field(body, "op", str)
    if op == "flush":
        return {"op": op}
    if op != "zero":
        raise errors.BadRequest(f"Invalid value for 'op' {op[:100]!r}: must be zero or flush")
    change = {"op": op, "flush": handlers.field(body, "flush", bool, False)}
    for name, default in (("size", {}), ("offset", {"default": 0})):
        change[name] = handlers.field(body, name, int, **default)
        if change[name] < 0:
            raise errors.BadRequest(f"Invalid value for {name!r}: must not be negative")
    return change


def _extent(wanted: tuple[int, int | None] | None, size: int, available: int) -> tuple[int, int]:
    """`(start, end)`, half-open, of the bytes to send. Raises OutOfRange."""
    limit = min(size, available)
    if wanted is None:
        return 0, limit
    first, last = wanted
    end = limit if last is None else last + 1
    _check_end(end, size)
    _check_end(end, limit)
    if first >= limit:
        raise errors.OutOfRange(f"The range begins at {first}, and the image has {limit} bytes", limit)
    return first, end


def _check_end(end: int, size: int) -> None:
    if end > size:
        raise errors.OutOfRange(f"The range ends at {end}, and the image has {size} bytes", size)


def _about(length: int, filename: str | None) -> dict[str, str]:
    """The headers of an image, or a part of it, that has `length` bytes."""
    # Headers travel as latin-1: this makes the UTF-8 bytes come out as they are, which is what the contract's clients read.
    disposition = f"attachment; filename={filename.encode().decode('latin-1')}" if filename else "attachment"
    return {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(length),
        "Content-Disposition": disposition,
        "Accept-Ranges": "bytes",
    }


def _close_if_asked(request: Request, response: Response) -> Response:
    if headers.close(request):
        response.headers["Connection"] = "close"
    return response
