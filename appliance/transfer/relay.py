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
from appliance.transfer import hosts, sessions
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
    """Passes requests on to hosts. Thread-safe; each call occupies its thread until the bytes have moved."""

    def __init__(self, known: hosts.Leading, live: sessions.Sessions):
        self._hosts = known
        self._sessions = live

    def send(self, session: sessions.Session, method: str, target: str, headers: Headers, body: httpd.Body) -> Answer:
        """One request with the client's body (its length may be 0), and the host's answer to it.

        An answer that comes before the end of the body is passed on at once; the rest of the body is then left unread.
        Raises errors.HostDown; ShortBody and Stalled when the client's side failed; SessionReplaced or NoSession when the session was
        ended meanwhile.
        """
        headers = [*headers, ("Content-Length", str(body.length))]
        with self._explained(session), session.holding(body.interrupt), _first(body) as first, self._connection(session) as connection:
            try:
                connection.start(method, target, headers, first)
                self._pump(session, body, connection.sock)
            except (HostSide, client.Unreachable):
                log.info("Transfer %s: the host answered before the end of the body", session.ticket.transfer)
                # Whatever it answers, the request was not sent whole: nothing else can follow on this connection.
                answer = self._answer(connection)
                connection.discard()
            else:
                answer = self._answer(connection)
        self._note(session, answer)
        return answer

    @contextlib.contextmanager
    def receive(
        self, session: sessions.Session, target: str, headers: Headers, interrupt: Callable[[], None]
    ) -> Iterator[tuple[client.Response, memoryview]]:
        """The host's answer to a GET of `target`, and a buffer to read its body with, inside the context.

        `target` is the session's URL, or what lies below it. `interrupt` ends the client's connection. Raises as `send`; a host that fails
        in the middle of its answer is errors.HostDown too.
        """
        with self._explained(session), session.holding(interrupt), self._connection(session) as connection, buffers.borrow() as buffer:
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

    @contextlib.contextmanager
    def _explained(self, session: sessions.Session) -> Iterator[None]:
        """Errors of either side as errors of ours."""
        try:
            yield
        except (httpd.ShortBody, httpd.Stalled, client.Unreachable, OSError) as error:
            # When the session was ended, its sockets were shut down, and that is why.
            session.check()
            raise self._error(session, error) from error

    def _error(self, session: sessions.Session, error: Exception) -> errors.ApplianceError:
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
        with httpd.Pipe() as pipe:
            while body.received < body.length:
                if body.overtaken_by(host):
                    raise HostSide
                count = body.splice(pipe)
                session.touch()
                try:
                    pipe.into_socket(host, count)
                except OSError as error:
                    raise HostSide from error
                moved(count)

    def _pass(self, session: sessions.Session, body: httpd.Body, host: socket.socket) -> None:
        left = body.length - body.received
        moved = TRAFFIC.begin("write", traffic.TLS if isinstance(host, ssl.SSLSocket) else body.path)
        piece = FIRST_PIECE
        with buffers.borrow() as buffer:
            while left:
                started = time.monotonic()
                # With TLS, the protocol's own records make a socket readable: there the early answer is found when the host takes no more.
                if not isinstance(host, ssl.SSLSocket) and body.overtaken_by(host):
                    raise HostSide
                count = body.readinto(buffer[: min(piece, left)])
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

    def _answer(self, connection: client.Connection) -> Answer:
        response = connection.response()
        body = response.read(MAX_ANSWER)
        if response.read(1):
            connection.discard()
        return Answer(response.status, response.reason, response.headers.items(), body)

    def _note(self, session: sessions.Session, answer: Answer) -> None:
        code = answer.header("Error-Code")
        if code in STOPPING:
            self._sessions.stopped(session, code, answer.body.decode("utf-8", "replace").strip())


@contextlib.contextmanager
def _first(body: httpd.Body) -> Iterator[bytes | memoryview]:
    """The whole body, if it is small and has come; else nothing of it."""
    if not 0 < body.length <= TOGETHER or not body.here:
        yield b""
        return
    with buffers.borrow() as buffer:
        count = body.readinto(buffer[: body.length])
        TRAFFIC.begin("write", body.path)(count)
        yield buffer[:count]


def _shut_down(sock: socket.socket) -> None:
    # Not SSLSocket.shutdown: it drops the encryption first, and another thread may just be writing.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
