"""What is authorised, until when, and what has arrived.

Whoever knows a ticket's id may read or write one image. It lives `timeout` seconds from its last use; revoking it ends what runs on it
at once, also where a peer is silent, and returns when nobody can write another byte.
"""

import logging
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imaged import backends, errors, journal, peer
from imaged.backends import Place, file
from imaged.backends.policy import Policy
from imaged.ops import Operation
from imaged.ranges import Ranges

log = logging.getLogger(__name__)

#: Seconds that an expired ticket can still be looked at, and revived, before it is forgotten.
GRACE = 600.0
#: Seconds that revoking waits for running operations.
REMOVE_TIMEOUT = 60.0
#: Seconds without a byte after which a connection is given up, unless the ticket says otherwise.
INACTIVITY_TIMEOUT = 60
#: Upper limits of what a ticket may ask for: bytes, seconds (68 years), characters.
MAX_SIZE = 1 << 64
MAX_SECONDS = (1 << 31) - 1
MAX_TEXT = 1024

OPS = ("read", "write")


@dataclass(frozen=True)
class Terms:
    """What whoever issued the ticket said. Sizes in bytes, times in seconds."""

    uuid: str
    size: int
    ops: tuple[str, ...]
    timeout: int
    url: str
    inactivity_timeout: int
    transfer_id: str
    filename: str | None
    sparse: bool
    dirty: bool
    journal: bool

    @classmethod
    def parse(cls, body: dict[str, Any]) -> "Terms":
        """From a request's JSON object; what it does not know it ignores. Raises BadRequest, which names the parameter."""
        take = _Taker(body)
        uuid = take.text("uuid")
        if not uuid or "/" in uuid:
            raise _invalid("uuid", "must be a non-empty string without '/'")
        ops = take("ops", list)
        # "write" alone lets read too: the contract has it so. Hence a list that is empty lets nothing at all.
        if not ops or not all(op in OPS for op in ops):
            raise _invalid("ops", f"must be a list of {' and '.join(map(repr, OPS))}")
        return cls(
            uuid=uuid,
            size=take.number("size", 0, MAX_SIZE),
            ops=tuple(ops),
            timeout=take.number("timeout", 0, MAX_SECONDS),
            url=take.text("url"),
            inactivity_timeout=take.number("inactivity_timeout", 1, MAX_SECONDS, INACTIVITY_TIMEOUT),
            transfer_id=take.text("transfer_id", f"(ticket/{uuid[:18]})"),
            filename=take.text("filename", None),
            sparse=take("sparse", bool, False),
            dirty=take("dirty", bool, False),
            journal=take("journal", bool, False),
        )


class Ticket:
    """One ticket, its running operations, and what has arrived with it. Thread-safe."""

    def __init__(self, terms: Terms, place: Place, clock: Callable[[], float]):
        self._clock = clock
        self._changed = threading.Condition()
        self._operations: list[Operation] = []
        self._transferred = Ranges()
        self._connections: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._path: str | None = None
        self._flushed = False
        self.terms, self.place, self.durability = terms, place, journal.Durability()
        self.renew(terms, place)

    def renew(self, terms: Terms, place: Place) -> None:
        """New terms for the same id. What has arrived is kept while the file is the same; operations that run go on under the old terms.

        Raises NoSpace or Internal where the journal cannot be opened.
        """
        durability = self._durability_for(terms, place)
        with self._changed:
            if self.place != place:
                self._transferred = Ranges()
                self.place.close()
                # Of two places that are the same the first one has the connections.
                self.place = place
            self.terms, self.durability = terms, durability
            self.canceled = False
            self._touch()

    @property
    def expired(self) -> bool:
        return self._clock() > self.expires and not self._operations

    @property
    def forgettable(self) -> bool:
        return self.expired and self._clock() > self.expires + GRACE

    def may(self, op: str) -> bool:
        # Who may write may read: the contract's clients ask for "write" alone.
        return op in self.terms.ops or "write" in self.terms.ops

    def extend(self, timeout: float) -> None:
        """Expires `timeout` seconds from now, this once; the next operation returns to the ticket's own timeout."""
        with self._changed:
            self.expires = self._clock() + timeout

    def used_by(self, connection: socket.socket) -> None:
        """Counts among its connections until it is closed."""
        with self._changed:
            self._connections.add(connection)

    def touch(self) -> None:
        """Activity: the ticket's lifetime begins anew."""
        with self._changed:
            self._touch()

    @contextmanager
    def running(self, operation: Operation) -> Iterator[None]:
        """While inside, revoking cancels the operation and waits for the exit. Raises TicketCanceled, before or after."""
        self.start(operation)
        try:
            yield
        except (errors.Canceled, errors.DaemonError):
            # Whatever fails once it was cancelled failed for that.
            if operation.canceled:
                raise self._was_canceled() from None
            raise
        finally:
            self.finish(operation)

    def start(self, operation: Operation) -> None:
        """Raises TicketCanceled. Otherwise `finish` must follow."""
        with self._changed:
            if self.canceled:
                raise self._was_canceled()
            self._operations.append(operation)
            self._flushed = self._flushed and not operation.changes

    def finish(self, operation: Operation) -> None:
        """The operation writes nothing any more. May be called again."""
        with self._changed:
            if operation in self._operations:
                self._operations.remove(operation)
                self._transferred.add(*operation.progress)
                self._path = operation.path or self._path
                self._touch()
                self._changed.notify_all()

    def flushed(self) -> None:
        """The client has asked for a flush. As its last word, that is how it says that it wrote all it had to write."""
        with self._changed:
            self._flushed = not any(operation.changes for operation in self._operations)

    def cancel(self, timeout: float) -> bool:
        """Refuses what comes, ends what runs, and waits for that. False: something still ran after `timeout` seconds."""
        with self._changed:
            self.canceled = True
            # Under the lock: an operation that ended, and a connection that serves another one since, must not be hit.
            for operation in self._operations:
                operation.cancel()
            return self._changed.wait_for(lambda: not self._operations, timeout)

    def check(self, op: str) -> None:
        """Raises TicketCanceled, TicketExpired or ForbiddenOp."""
        if self.canceled:
            raise self._was_canceled()
        if self.expired:
            raise errors.TicketExpired(f"Transfer={self.terms.transfer_id} expired")
        if not self.may(op):
            raise errors.ForbiddenOp(f"Transfer={self.terms.transfer_id} forbids {op}")

    @property
    def running_operations(self) -> int:
        return len(self._operations)

    def status(self) -> dict[str, Any]:
        """What the control service tells: the terms, the clocks (`expires` is monotonic, not wall time), and what has arrived, in bytes.

        `path` is the road that bytes took last (httpd.traffic); null before there were any. `flushed`: the client's last word was a flush.
        """
        terms = self.terms
        with self._changed:
            transferred = self._transferred.copy()
            path = self._path
            for operation in self._operations:
                transferred.add(*operation.progress)
                path = operation.path or path
            status: dict[str, Any] = {
                "active": bool(self._operations),
                "canceled": self.canceled,
                "connections": sum(connection.fileno() >= 0 for connection in self._connections),
                "expires": int(self.expires),
                "idle_time": 0 if self._operations else int(self._clock() - self._accessed),
                "transferred": transferred.total,
                "path": path,
                "flushed": self._flushed,
            }
        status |= vars(terms) | {"ops": list(terms.ops), "durable": self.durability.durable.as_lists()}
        if terms.filename is None:
            del status["filename"]
        return status

    def _durability_for(self, terms: Terms, place: Place) -> journal.Durability:
        if not (terms.journal and place.journaled):
            same = self.place == place and not self.terms.journal
            return self.durability if same else journal.Durability()
        try:
            return journal.open_for(place.journaled, os.stat(place.journaled).st_size)
        except OSError as error:
            raise errors.storage(error) from error

    def _touch(self) -> None:
        self._accessed = self._clock()
        self.expires = self._accessed + self.terms.timeout

    def _was_canceled(self) -> errors.TicketCanceled:
        return errors.TicketCanceled(f"Transfer={self.terms.transfer_id} was canceled")


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
                raise _invalid("journal", "only a file can have one")
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


_REQUIRED = object()


class _Taker:
    """Takes parameters out of a ticket's JSON object, and says which one is wrong."""

    def __init__(self, body: dict[str, Any]):
        self._body = body

    def __call__(self, name: str, kind: type, default: Any = _REQUIRED) -> Any:
        value = self._body.get(name, default)
        if value is _REQUIRED:
            raise errors.BadRequest(f"Required ticket parameter is missing: {name}")
        if value is default:
            return value
        # bool is an int to Python, and never to whoever wrote `"size": true`.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise _invalid(name, f"must be of type {kind.__name__}")
        return value

    def number(self, name: str, least: int, most: int, default: Any = _REQUIRED) -> int:
        value = self(name, int, default)
        if not least <= value <= most:
            raise _invalid(name, f"must be from {least} to {most}")
        return value

    def text(self, name: str, default: Any = _REQUIRED) -> Any:
        value = self(name, str, default)
        # Control characters would end a header or a line of the log.
        if value is not default and (len(value) > MAX_TEXT or not value.isprintable()):
            raise _invalid(name, f"must be at most {MAX_TEXT} printable characters")
        return value


def _invalid(name: str, reason: str) -> errors.BadRequest:
    return errors.BadRequest(f"Invalid value for {name!r}: {reason}")
