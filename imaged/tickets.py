"""What is authorised, until when, and what has arrived.

Whoever knows a ticket's id may read or write one image. It lives `timeout` seconds from its last use; revoking it ends what runs on it
at once, also where a peer is silent, and returns when nobody can write another byte.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from imaged import backends, errors, peer
from imaged.backends import file
from imaged.backends.policy import Policy
from imaged.terms import Terms, invalid
from imaged.ticket import Ticket

log = logging.getLogger(__name__)

#: Seconds that revoking waits for running operations.
REMOVE_TIMEOUT = 60.0


class Tickets:
    """All tickets of this daemon, in memory: whoever issued them puts them again after a restart. Thread-safe."""

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        policy: Policy | None = None,
        images: peer.Peer | None = None,
        clock: Callable[[], float] = time.monotonic,
        remove_timeout: float = REMOVE_TIMEOUT,
    ):
        """Tickets lead to plain files under `roots`, by way of another images service (`images`) if given, and to what `policy` allows."""
        self._policy = policy or Policy(tuple(roots))
        self._peer = images
        self._clock = clock
        self._remove_timeout = remove_timeout
        self._tickets: dict[str, Ticket] = {}
        self._lock = threading.Lock()

    def put(self, body: dict[str, Any]) -> None:
        """Adds a ticket, or gives one new terms. Raises BadRequest, ForbiddenPath, NoFile."""
        try:
            terms = Terms.parse(body)
            place = backends.locate(terms.url, self._policy, dirty=terms.dirty)
            if terms.journal and not place.journaled:
                raise invalid("journal", "only a file can have one")
            if self._peer and isinstance(place, file.Place):
                place = self._peer.place(terms, place)
        except errors.BadRequest as error:
            error.message = f"Invalid ticket: {error.message}"
            raise
        with self._lock:
            self._forget_expired()
            ticket = self._tickets.get(terms.uuid)
            if ticket:
                ticket.renew(terms, place)
            else:
                self._tickets[terms.uuid] = Ticket(terms, place, self._clock)

    def all(self) -> list[Ticket]:
        """Those that are remembered, in the order of their ids."""
        with self._lock:
            self._forget_expired()
            return [self._tickets[ticket_id] for ticket_id in sorted(self._tickets)]

    def get(self, ticket_id: str) -> Ticket:
        """Raises NotFound."""
        with self._lock:
            self._forget_expired()
            ticket = self._tickets.get(ticket_id)
        if not ticket:
            raise errors.NotFound(f"No such ticket {ticket_id!r}")
        return ticket

    def authorize(self, ticket_id: str, op: str) -> Ticket:
        """The ticket, if it lets `op` now. Raises NoTicket, TicketCanceled, TicketExpired, ForbiddenOp."""
        with self._lock:
            ticket = self._tickets.get(ticket_id)
        if not ticket:
            raise errors.NoTicket(f"No such ticket {ticket_id}")
        ticket.check(op)
        return ticket

    def remove(self, ticket_id: str) -> None:
        """Revokes: when it returns, nobody writes with it any more. Unknown is fine. Raises StillActive: the ticket stays, canceled."""
        with self._lock:
            self._forget_expired()
            ticket = self._tickets.get(ticket_id)
        if ticket is None:
            return
        if not ticket.cancel(self._remove_timeout):
            raise errors.StillActive(f"Timeout cancelling transfer {ticket.terms.transfer_id}")
        with self._lock:
            # Put again while we waited, it is alive.
            gone = self._tickets.get(ticket_id) is ticket and ticket.canceled
            if gone:
                del self._tickets[ticket_id]
        if gone:
            # Without the lock: another server may have to be told.
            ticket.place.close()

    def clear(self) -> None:
        """Revokes them all. Raises StillActive where one stays, canceled; the others are gone."""
        tickets = self.all()
        for ticket in tickets:
            ticket.cancel(0)
        still: errors.StillActive | None = None
        for ticket in tickets:
            try:
                self.remove(ticket.terms.uuid)
            except errors.StillActive as error:
                still = error
        if still:
            raise still

    def tidy(self) -> None:
        """To be called now and then: no file stays open for a client that is silent."""
        for ticket in self.all():
            ticket.place.tidy()

    def flush(self) -> None:
        """What was written and waits for a flush becomes durable, where that is possible: the daemon stops."""
        for ticket in self.all():
            if ticket.durability.waiting:
                try:
                    with ticket.place.open(write=True) as backend:
                        ticket.durability.flush(backend.flush)
                except (errors.DaemonError, OSError) as error:
                    log.error("What was written for %s is not durable: %s", ticket.terms.transfer_id, error)

    def _forget_expired(self) -> None:
        for ticket_id in [ticket_id for ticket_id, ticket in self._tickets.items() if ticket.forgettable]:
            self._forget(ticket_id)

    def _forget(self, ticket_id: str) -> None:
        self._tickets.pop(ticket_id).place.close()
