"""Sessions of clients that move bytes: in memory, one for each transfer, the newest wins.

Losing them costs a client one more round for a new ticket, nothing else. Some clients (oVirt's) know no sessions: to these the ticket's id
in the URL is the credential, and a transfer of theirs is admitted by who started it.
"""

import logging
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Sequence

from appliance import errors
from appliance.transfer import tickets

log = logging.getLogger(__name__)

#: Called with the transfer's id, the error's code and its sentence when the host ended a session's work by itself.
Stopped = Callable[[str, str, str], None]


class Session:
    """What one client may do to one image, and the connections on which it is doing it now."""

    def __init__(self, ticket: tickets.Ticket):
        self.id = str(uuid.uuid4())
        self.ticket = ticket
        self.last_activity = time.monotonic()
        self._ended: type[errors.ApplianceError] | None = None
        self._interrupts: dict[object, Callable[[], None]] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where the bytes are: an absolute path of this server."""
        return f"/images/{self.ticket.ticket}"

    @property
    def ended(self) -> bool:
        return self._ended is not None

    @property
    def busy(self) -> bool:
        """Whether a request is running in it."""
        return bool(self._interrupts)

    def touch(self) -> None:
        """Notes that bytes have just moved."""
        self.last_activity = time.monotonic()

    def check(self, op: str | None = None) -> None:
        """Raises errors.SessionReplaced or NoSession once it has ended, and errors.ForbiddenOp if `op` is not among the ticket's."""
        if self._ended:
            raise self._ended()
        # As with the host's own tickets, who may write may read.
        if op and op not in self.ticket.ops and not (op == "read" and "write" in self.ticket.ops):
            raise errors.ForbiddenOp(op=op)

    def holding(self, interrupt: Callable[[], None]) -> "Holding":
        """While inside, the end of the session calls `interrupt` (from another thread; it must not block). Raises as `check`."""
        return Holding(self, interrupt)

    def hold(self, key: object, interrupt: Callable[[], None]) -> None:
        """Until `release` of the same key, as `holding`."""
        with self._lock:
            self.check()
            self._interrupts[key] = interrupt

    def release(self, key: object) -> None:
        # Under the lock: after leaving, the socket may carry another's request, and must not be shut down for this one.
        with self._lock:
            del self._interrupts[key]
        self.touch()

    def end(self, reason: type[errors.ApplianceError] = errors.NoSession) -> None:
        """Ends it at once: its sockets are shut down, later requests meet `reason`."""
        with self._lock:
            self._ended = self._ended or reason
            for interrupt in self._interrupts.values():
                interrupt()


class Holding:
    """What `Session.holding` returns."""

    # Not contextlib's, which takes several times as long: each small chunk is held twice.
    def __init__(self, session: Session, interrupt: Callable[[], None]):
        self._session = session
        self._interrupt = interrupt

    def __enter__(self) -> None:
        self._session.hold(self, self._interrupt)

    def __exit__(self, *_: object) -> None:
        self._session.release(self)


class Sessions:
    """All sessions of this process. Thread-safe.

    A session without a request for `lifetime` seconds is forgotten, and so is, after the same time, that one was replaced.
    More than `limit` sessions at once are refused (errors.Busy).
    """

    def __init__(
        self,
        verifier: tickets.Verifier,
        *,
        lifetime: float = 3600,
        limit: int = 16384,
        on_stopped: Stopped | None = None,
    ):
        self.on_stopped = on_stopped
        self._verifier = verifier
        self._lifetime = lifetime
        self._limit = limit
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._newest: dict[str, Session] = {}
        self._used: dict[str, float] = {}
        self._implicit: dict[str, Session] = {}
        self._admitted: dict[str, Session] = {}
        self._detached: weakref.WeakSet[Session] = weakref.WeakSet()

    def open(self, token: str) -> Session:
        """A new session for the signed ticket; ends the transfer's older one. Raises errors.BadTicket (also for a used one), Busy."""
        ticket = self._verifier.verify(token)
        with self._lock:
            return self._open(ticket)

    def bearer(self, token: str) -> Session:
        """The session that the signed ticket stands for: opened by its first use, the same one afterwards. Raises as `open`."""
        ticket = self._verifier.verify(token)
        with self._lock:
            session = self._implicit.get(ticket.id)
            if session is None:
                session = self._implicit[ticket.id] = self._open(ticket)
        session.check()
        return session

    def admit(self, *, transfer: str, host: str, ticket: str, ops: Sequence[str], size: int) -> None:
        """Lets everybody who knows the id `ticket` move the transfer's bytes, on any number of connections, until `end_transfer`.

        `host` is the host's id, `size` bytes. Repeatable; of one transfer the newest ticket counts.
        """
        with self._lock:
            older = self._newest.get(transfer)
            if older is not None and older.ticket.ticket == ticket and ticket in self._admitted:
                return
            if older is not None:
                self._admitted.pop(older.ticket.ticket, None)
            session = Session(tickets.Ticket("", "", transfer, host, ticket, tuple(ops), size, float("inf")))
            self._admitted[ticket] = self._newest[transfer] = session
        if older is not None:
            older.end(errors.SessionReplaced)

    def admitted(self, ticket: str) -> Session:
        """The session of who brings nothing but the ticket's id. Raises errors.NoSession."""
        with self._lock:
            session = self._admitted.get(ticket)
        if session is None:
            raise errors.NoSession
        session.check()
        return session

    def get(self, session_id: str) -> Session:
        """The session, alive. Raises errors.NoSession, errors.SessionReplaced."""
        with self._lock:
            session = self._sessions.get(session_id)
        if session is None:
            raise errors.NoSession
        session.check()
        return session

    def end(self, session_id: str) -> None:
        """Ends the session and shuts its sockets down. Raises errors.NoSession if there is none."""
        with self._lock:
            session = self._sessions.pop(session_id, None)
            if session is None:
                raise errors.NoSession
            if self._newest.get(session.ticket.transfer) is session:
                del self._newest[session.ticket.transfer]
        session.end()

    def end_transfer(self, transfer_id: str) -> None:
        """Ends the transfer's session, if it has one: not one byte of it moves afterwards."""
        with self._lock:
            session = self._newest.pop(transfer_id, None)
            if session is not None:
                self._sessions.pop(session.id, None)
                self._admitted.pop(session.ticket.ticket, None)
        if session is not None:
            session.end()

    def end_all(self) -> None:
        """Ends every session: the process stops."""
        with self._lock:
            sessions = [*self._sessions.values(), *self._admitted.values(), *self._detached]
            for table in (self._sessions, self._newest, self._implicit, self._admitted):
                table.clear()
        for session in sessions:
            session.end()

    def detached(self, *, host: str, ticket: str, size: int) -> Session:
        """A session to read with, that no client can name: for a download whose rights were decided elsewhere.

        `host` is the host's id, `ticket` the id of the host's own ticket, `size` bytes. It ends with `end_all`, or by its own `end`.
        """
        session = Session(tickets.Ticket("", "", "", host, ticket, ("read",), size, float("inf")))
        with self._lock:
            self._detached.add(session)
        return session

    def last_activity(self, transfer_id: str) -> float | None:
        """When a byte of the transfer last moved or a request of it ran, as `time.monotonic()` counts; None without a session."""
        with self._lock:
            session = self._newest.get(transfer_id)
        return session.last_activity if session else None

    def stopped(self, session: Session, code: str, sentence: str) -> None:
        """Tells `on_stopped` that the host refused to go on (ticket gone, no space, host down)."""
        if self.on_stopped is None or not session.ticket.transfer:
            return
        try:
            self.on_stopped(session.ticket.transfer, code, sentence)
        except Exception:
            # The client is answered anyway: the monitor will find the same thing by itself.
            log.exception(
                "Transfer %s: could not note that its host stopped it",
                session.ticket.transfer,
            )

    def _open(self, ticket: tickets.Ticket) -> Session:
        self._sweep()
        if ticket.id in self._used:
            raise errors.BadTicket("it has been used already")
        if len(self._used) >= self._limit or len(self._sessions) >= self._limit:
            raise errors.Busy
        # As long as the verifier could accept it: then it needs no remembering.
        self._used[ticket.id] = ticket.expires + self._verifier.skew
        session = Session(ticket)
        older = self._newest.get(ticket.transfer)
        if older is not None:
            older.end(errors.SessionReplaced)
        self._sessions[session.id] = self._newest[ticket.transfer] = session
        return session

    def _sweep(self) -> None:
        """Forgets what no request can need any more."""
        expired = self._verifier.clock()
        idle = time.monotonic() - self._lifetime
        self._used = {key: until for key, until in self._used.items() if until > expired}
        self._implicit = {key: session for key, session in self._implicit.items() if key in self._used}
        for session in [session for session in self._sessions.values() if session.last_activity < idle and not session.busy]:
            session.end()
            del self._sessions[session.id]
            if self._newest.get(session.ticket.transfer) is session:
                del self._newest[session.ticket.transfer]
