"""/tickets/ID on the control service: authorise, look, extend, revoke."""

from typing import Any

from imaged import errors, handlers, headers, terms
from imaged import tickets as tickets_
from imaged.message import Request, Response


def routes(context: Any) -> list[tuple[str, object]]:
    return [(r"/tickets/([^/]*)", Tickets(context.tickets)), ("/tickets", All(context.tickets))]


class All:
    """What there is, for the person at the command line: the contract's clients know the ids of their own."""

    def __init__(self, tickets: tickets_.Tickets):
        self._tickets = tickets

    def get(self, request: Request) -> Response:
        """In the order of their ids; with the parameter `limit` at most so many, and with `after` those behind that id."""
        after, limit = request.query.get("after", ""), headers.number(request, "limit", None)
        wanted = [ticket for ticket in self._tickets.all() if ticket.terms.uuid > after]
        return handlers.json_response({"tickets": [ticket.status() for ticket in wanted[:limit]]})


class Tickets:
    """Errors are lines of text, as this resource's clients know them."""

    render_error = staticmethod(handlers.text_error)

    def __init__(self, tickets: tickets_.Tickets):
        self._tickets = tickets

    def put(self, request: Request, ticket_id: str) -> Response:
        # The id in the body is what counts; the one in the path must be there.
        _require(ticket_id)
        self._tickets.put(handlers.json_body(request))
        return handlers.empty_response()

    def get(self, request: Request, ticket_id: str) -> Response:
        _require(ticket_id)
        return handlers.json_response(self._tickets.get(ticket_id).status())

    def patch(self, request: Request, ticket_id: str) -> Response:
        _require(ticket_id)
        timeout = handlers.field(handlers.json_body(request), "timeout", int)
        if not 0 <= timeout <= terms.MAX_SECONDS:
            raise errors.BadRequest(f"Invalid value for 'timeout': must be from 0 to {terms.MAX_SECONDS} seconds")
        self._tickets.get(ticket_id).extend(timeout)
        return handlers.empty_response()

    def delete(self, request: Request, ticket_id: str) -> Response:
        if ticket_id:
            self._tickets.remove(ticket_id)
        else:
            self._tickets.clear()
        return handlers.empty_response(204)


def _require(ticket_id: str) -> None:
    if not ticket_id:
        raise errors.BadRequest("Ticket id is required: /tickets/ID")
