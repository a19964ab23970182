"""One request's bytes, from the client's socket to the host's and back: streamed, never held whole, never on this machine's disk.

Back-pressure is the sockets' own: nothing is read from one side before the other has taken what came before.
"""

import contextlib
import dataclasses
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence

from appliance import errors
from appliance.transfer import courtesy, hosts, sessions
from imaged import client, httpd
from imaged.httpd import buffers, traffic

log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, str]]

#: What has gone through here since the start, by the road that it took.
TRAFFIC = traffic.Traffic("appliance")

# A host's answer to an upload is a line of text, to OPTIONS a small JSON object.
MAX_ANSWER = 64 << 10

# A slow client must not fill a big buffer for minutes while the host waits and calls it stalled: the piece that is read at
# once doubles when it came faster than the first of these times (seconds), and halves when slower than the second.
FAST, SLOW = 0.1, 1.0
# A thousand who crawl touch so much of their buffers, and no more.
FIRST_PIECE = SMALLEST_PIECE = 4 << 10
# Each piece wakes the host up. Through both with TLS: 2.2 CPU s/GiB with 1 MiB, 2.5 to 3.0 with 256 KiB (medians of 5, twice).
LARGEST_PIECE = 1 << 20
# A body of at most so many bytes that has come already goes to the host together with the request's head: the host wakes up once, and no
# connection to it is taken before.
TOGETHER = 128 << 10
NO_BUFFER = contextlib.nullcontext(memoryview(b""))

#: Error codes of the host after which a transfer cannot go on by itself.
STOPPING = {"no-ticket", "ticket-expired", "ticket-canceled", "no-space"}


@dataclasses.dataclass
class Answer:
    """What the host said, whole: `body` is at most MAX_ANSWER bytes."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The header's value; `name` in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class HostSide(Exception):
    """The host's connection took no more bytes. Its own class, because the client's connection fails with the same errors."""


class Relay:
    """Passes requests on to hosts. Thread-safe; each call occupies its thread until the bytes have moved.

    Those of uploads give way to whoever has entered `courtesy`.
    """

    def __init__(self, known: hosts.Leading, live: sessions.Sessions):
        self._hosts = known
        self._sessions = live
        self.courtesy = courtesy.Courtesy()

    def send(self, session: sessions.Session, method: str, target: str, headers: Headers, body: httpd.Body) -> Answer:
        """One request with the client's body (its length may be 0), and the host's answer to it.

        An answer that comes before the end of the body is passed on at once; the rest of the body is then left unread.
        Raises errors.HostDown; ShortBody and Stalled when the client's side failed; SessionReplaced or NoSession when the session was
        ended meanwhile.
        """
        headers = [*headers, ("Content-Length", str(body.length))]
        together = 0 < body.length <= TOGETHER and body.here
        with _Explained(self, session), session.holding(body.interrupt), buffers.borrow() if together else NO_BUFFER as buffer:
            first = _first(body, buffer)
            with self._connection(session) as connection:
                answer = self._exchange(session, connection, method, target, headers, first, body)
        self._note(session, answer)
        return answer

    def _exchange(
        self,
        session: sessions.Session,
        connection: client.Connection,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        first: memoryview,
        body: httpd.Body,
    ) -> Answer:
        """The request, `first` of its body together with its head, and what the host says."""
        try:
            connection.start(method, target, headers, first)
            self._pump(session, body, connection.sock)
        except (HostSide, client.Unreachable):
            log.info("Transfer %s: the host took no more before the end of the body", session.ticket.transfer)
            return self._answer(connection, connection.reason())
        return self._answer(connection, connection.response())

    @contextlib.contextmanager
    def receive(
        self, session: sessions.Session, target: str, headers: Headers, interrupt: Callable[[], None]
    ) -> Iterator[tuple[client.Response, memoryview]]:
        """The host's answer to a GET of `target`, and a buffer to read its body with, inside the context.

        `target` is the session's URL, or what lies below it. `interrupt` ends the client's connection. Raises as `send`; a host that fails
        in the middle of its answer is errors.HostDown too.
        """
        with _Explained(self, session), session.holding(interrupt), self._connection(session) as connection, buffers.borrow() as buffer:
            connection.start("GET", target, list(headers))
            yield connection.response(), buffer

    @contextlib.contextmanager
    def _connection(self, session: sessions.Session) -> Iterator[client.Connection]:
        """A connection to the session's host, which is shut down when the session ends."""
        with self._hosts.leading(session.ticket).connection() as connection:
            try:
                with session.holding(lambda: _shut_down(connection.sock)):
                    yield connection
            except BaseException:
                connection.discard()
                raise

    def explain(self, session: sessions.Session, error: Exception) -> errors.ApplianceError:
        """The error of either side as one of ours. Raises as `Session.check`: when a session was ended, its sockets were shut down."""
        session.check()
        match error:
            case httpd.ShortBody():
                return errors.ShortBody()
            case httpd.Stalled():
                return errors.Stalled()
        log.warning("Transfer %s: host %s does not answer: %s", session.ticket.transfer, session.ticket.host, error)
        down = errors.HostDown(host=session.ticket.host)
        self._sessions.stopped(session, down.code, down.sentence)
        return down

    def _pump(self, session: sessions.Session, body: httpd.Body, host: socket.socket) -> None:
        """What is left of the client's body into the host's socket.

        Raises HostSide if the host has answered, or takes no more, before the end.
        """
        if body.received == body.length:
            return
        if body.spliceable and not isinstance(host, ssl.SSLSocket):
            self._splice(session, body, host)
        else:
            self._pass(session, body, host)

    def _splice(self, session: sessions.Session, body: httpd.Body, host: socket.socket) -> None:
        moved = TRAFFIC.begin("write", traffic.SPLICE)
        overtaken = body.race(host)
        with httpd.Pipe() as pipe:
            while body.received < body.length:
                if overtaken():
                    raise HostSide
                count = body.splice(pipe)
                session.touch()
                if count > courtesy.MANY:
                    self.courtesy.give_way()
                try:
                    pipe.into_socket(host, count)
                except OSError as error:
                    raise HostSide from error
                moved(count)

    def _pass(self, session: sessions.Session, body: httpd.Body, host: socket.socket) -> None:
        left = body.length - body.received
        moved = TRAFFIC.begin("write", traffic.TLS if isinstance(host, ssl.SSLSocket) else body.path)
        # With TLS, the protocol's own records make a socket readable: there the early answer is found when the host takes no more.
        overtaken = None if isinstance(host, ssl.SSLSocket) else body.race(host)
        piece = FIRST_PIECE
        with buffers.borrow() as buffer:
            while left:
                started = time.monotonic()
                if overtaken and overtaken():
                    raise HostSide
                # Decrypting a piece takes as long as an answer.
                give_way = self.courtesy.give_way if piece > courtesy.MANY else None
                count = body.readinto(buffer[: min(piece, left)], give_way)
                took = time.monotonic() - started
                session.touch()
                try:
                    host.sendall(buffer[:count])
                except OSError as error:
                    raise HostSide from error
                left -= count
                moved(count)
                if took < FAST:
                    piece = min(piece * 2, LARGEST_PIECE, len(buffer))
                elif took > SLOW:
                    piece = max(piece // 2, SMALLEST_PIECE)

    def _answer(self, connection: client.Connection, response: client.Response) -> Answer:
        body = response.read(MAX_ANSWER)
        if response.read(1):
            connection.discard()
        return Answer(response.status, response.reason, response.headers.items(), body)

    def _note(self, session: sessions.Session, answer: Answer) -> None:
        code = answer.header("Error-Code")
        if code in STOPPING:
            self._sessions.stopped(session, code, answer.body.decode("utf-8", "replace").strip())


class _Explained:
    """Inside, what either side fails with is raised as an error of ours."""

    # Not contextlib's, which takes several times as long: each small chunk goes through here.
    def __init__(self, relay: Relay, session: sessions.Session):
        self._relay = relay
        self._session = session

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, (httpd.ShortBody, httpd.Stalled, client.Unreachable, OSError)):
            raise self._relay.explain(self._session, error) from error


def _first(body: httpd.Body, buffer: memoryview) -> memoryview:
    """What fits into `buffer` of the body."""
    if not buffer:
        return buffer
    count = body.readinto(buffer[: body.length])
    TRAFFIC.begin("write", body.path)(count)
    return buffer[:count]


def _shut_down(sock: socket.socket) -> None:
    # Not SSLSocket.shutdown: it drops the encryption first, and another thread may just be writing.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
