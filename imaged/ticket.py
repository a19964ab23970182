"""One ticket: until when it is good, what runs on it, and what has arrived with it."""

import os
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from imaged import errors, journal
from imaged.backends import Place
from imaged.ops import Operation
from imaged.ranges import Ranges
from imaged.terms import Terms

#: Seconds that an expired ticket can still be looked at, and revived, before it is forgotten.
GRACE = 600.0


class Ticket:
    """A ticket of this daemon. Thread-safe."""

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
