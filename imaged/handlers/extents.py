"""/images/TICKET/extents: which parts of an image are data, which are zeros, which have changed, which are durable.

`?context=` is zero (the default), dirty, or durable: an addition, by which an upload that broke off learns what need not be sent again.
`&offset=` and `&length=` (bytes) ask for a part of the map: an image of many TiB may have millions of extents.
"""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from imaged import errors, handlers, headers, httpd
from imaged.backends.extents import Extent, merged
from imaged.message import Request, Response
from imaged.ranges import Ranges
from imaged.ticket import Ticket
from imaged.tickets import Tickets

CONTEXTS = ("zero", "dirty", "durable")
#: Extents (about 60 bytes of JSON each) that are put together before they are sent. A map of no more has a Content-Length.
BATCH = 4096


def routes(context: Any) -> list[tuple[str, object]]:
    return [(r"/images/([^/]*)/extents", Extents(context.tickets))]


class Extents:
    cors = ("GET",)

    def __init__(self, tickets: Tickets):
        self._tickets = tickets

    def get(self, request: Request, ticket_id: str) -> Response:
        """The map from the image's, or the part's, start to its end, without gaps. No activity: the ticket's lifetime goes on."""
        handlers.require_ticket(ticket_id)
        wanted = request.query.get("context", "zero")
        if wanted not in CONTEXTS:
            raise errors.BadRequest(f"Invalid value for 'context' {wanted[:100]!r}: must be one of {', '.join(CONTEXTS)}")
        offset, length = headers.number(request, "offset", 0), headers.number(request, "length", None)
        ticket = handlers.authorize(self._tickets, request, ticket_id, "read")
        if wanted == "dirty" and not ticket.terms.dirty:
            raise errors.NotFound(f'Transfer={ticket.terms.transfer_id} has no dirty extents: its ticket was not made with "dirty": true')
        backend = ticket.place.open(write=False)
        try:
            size = min(ticket.terms.size, backend.size())
            if offset > size:
                raise errors.OutOfRange(f"The part begins at {offset}, and the image has {size} bytes", size)
            end = size if length is None else min(size, offset + length)
            extents = _durable(ticket.durability.durable, offset, end) if wanted == "durable" else backend.extents(wanted, offset, end)
            answer = _Map(ticket, backend, merged(extents))
        except BaseException:
            backend.close()
            raise
        response = Response(200, {"Content-Type": "application/json"}, chunks=answer)
        if answer.whole is not None:
            response.headers["Content-Length"] = str(len(answer.whole))
        return response


class _Map:
    """The answer's body. The first batch is made at once, so that what fails there is still an answer with a status."""

    def __init__(self, ticket: Ticket, backend: Any, extents: Iterator[Extent]):
        self._ticket = ticket
        self._backend = backend
        self._extents = extents
        first = self._batch()
        self._parts = iter([first]) if first.endswith(b"]\n") else self._stream(first)
        #: All of it, where it is short.
        self.whole = first if first.endswith(b"]\n") else None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._parts
        except errors.DaemonError as error:
            # The status is on its way already.
            raise httpd.Abort(str(error)) from error

    def close(self) -> None:
        self._backend.close()

    def _stream(self, part: bytes) -> Iterator[bytes]:
        yield part
        while not part.endswith(b"]\n"):
            if self._ticket.canceled:
                raise httpd.Abort("The ticket was revoked")
            part = self._batch(b", ")
            yield part

    def _batch(self, before: bytes = b"[") -> bytes:
        """The next BATCH extents, behind `before`; with the list's end if there are no more."""
        batch = list(itertools.islice(self._extents, BATCH))
        text = ", ".join(json.dumps({"start": start, "length": end - start, **about}) for start, end, about in batch).encode()
        if len(batch) == BATCH:
            return before + text
        return (before + text if batch or before == b"[" else b"") + b"]\n"


def _durable(durable: Ranges, start: int, end: int) -> Iterator[Extent]:
    for low, high in durable.common(start, end):
        yield Extent(start, low, {"durable": False})
        yield Extent(low, high, {"durable": True})
        start = high
    yield Extent(start, end, {"durable": False})
