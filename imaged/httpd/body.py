"""The body of a request, read from the connection's own socket into the caller's buffers.

cheroot's `wsgi.input` allocates for every read and returns what came; images want full buffers, no copies, and an end to waiting.
"""

import contextlib
import errno
import fcntl
import select
import socket
import struct
import termios
import time
from collections.abc import Callable

from imaged.httpd import pipe, traffic

#: Seconds after which what has come of a slow body is passed on in a buffer that is not full: whoever looks on sees that it moves.
MOMENT = 1.0
#: Bytes received into a map at once: of a page that was just made, so many are still in a core's cache (0.20 CPU s/GiB, 0.21 with 2 MiB).
AT_ONCE = 512 << 10


class ShortBody(Exception):
    """The peer closed its side before it had sent what it announced. `expected` and `received` are bytes."""

    def __init__(self, expected: int, received: int):
        super().__init__(f"Requested {expected} bytes, available {received} bytes")
        self.expected = expected
        self.received = received


class Gone(Exception):
    """The memory that was to be received into is there no more."""


class Stalled(Exception):
    """Nothing came for the connection's timeout."""


class Body:
    """The rest of the request's body. One for each request; not for two threads, except `interrupt`.

    `length` is what Content-Length announced (bytes), `received` what came so far. Whoever leaves a part unread needs to do nothing: the
    connection closes after the answer, and lingers so that the peer can read it.
    """

    def __init__(self, environ: dict):
        self._connection = environ["httpd.connection"]
        self._input = environ["wsgi.input"]
        self._wire = self._connection.wire
        self._sock = self._wire.socket
        self._failure: Exception | None = None
        self.length: int = self._input.remaining
        self.received = 0

    def readinto(self, view: memoryview, between: Callable[[], object] | None = None) -> int:
        """Fills `view`, unless the body ends before or takes longer than a MOMENT, and returns how many bytes came: 0 at the announced end.

        `between` is called as each part of it has come: with TLS, a record of 16 KiB at most.
        Where the peer ends early or stalls, what came until then is returned first; the next call raises ShortBody or Stalled.
        """
        if self._failure:
            raise self._failure
        wanted = view[: min(len(view), self._input.remaining)]
        filled = self._drain(wanted)
        self._count(filled)
        if filled < len(wanted):
            filled = self._receive(wanted, filled, between)
        if self._failure and not filled:
            raise self._failure
        return filled

    @property
    def spliceable(self) -> bool:
        """Whether its bytes can go by a pipe, and are enough for that."""
        return not self._wire.encrypted and self._input.remaining >= pipe.WORTHWHILE

    @property
    def here(self) -> bool:
        """Whether the rest has come: reading it waits for nobody. Of what is encrypted, a last record may still be on its way."""
        (waiting,) = struct.unpack("i", fcntl.ioctl(self._sock.fileno(), termios.FIONREAD, bytes(4)))
        buffered: int = self._connection.rfile.length + (self._sock.pending() if self._wire.encrypted else 0)
        return bool(buffered + waiting >= self._input.remaining)

    def race(self, other: socket.socket) -> Callable[[], bool]:
        """A function that waits for the next bytes; True if `other` has something to say before they come, or has hung up.

        It raises Stalled.
        """
        poll = select.poll()
        poll.register(other, select.POLLIN)
        poll.register(self._sock, select.POLLIN)

        def overtaken() -> bool:
            ready = self._connection.rfile.length or (self._wire.encrypted and self._sock.pending())
            said = {number for number, _ in poll.poll(0 if ready else self._wire.timeout * 1000)}
            if not said and not ready:
                raise Stalled(f"Nothing came for {self._wire.timeout:g} seconds")
            return other.fileno() in said

        return overtaken

    @property
    def path(self) -> str:
        """The road of bytes that are not spliced, as `traffic` names it."""
        return traffic.path_of(self._sock)

    def splice(self, into: pipe.Pipe) -> int:
        """Moves what has come into the empty pipe, at most its size; 0 at the announced end. For a body that is `spliceable`.

        Raises ShortBody, Stalled.
        """
        wanted = min(into.size, self._input.remaining)
        if data := self._connection.rfile.take(wanted):
            into.put(data)
            count = len(data)
        else:
            count = self._move(lambda: into.take(self._sock.fileno(), wanted), wanted)
        self._count(count)
        return count

    def receive(self, place: memoryview) -> int:
        """What has come right into `place`, which nobody but the kernel touches; 0 at the announced end. For a body that is `spliceable`,
        behind what came with its head.

        Raises ShortBody, Stalled; Gone if `place` is a map of a file that has become shorter: then nothing is lost.
        """
        wanted = place[: min(len(place), AT_ONCE, self._input.remaining)]
        count = self._move(lambda: self._sock.recv_into(wanted), len(wanted))
        self._count(count)
        return count

    def discard(self) -> None:
        """The rest is not wanted. Nothing is read now: after the answer the connection lingers for a bounded time, and closes."""
        self._connection.close_after_answer = True

    def interrupt(self) -> None:
        """From any thread: whoever waits for bytes wakes up and gets no more. The answer can still be sent: it says that it is the last."""
        self._connection.close_after_answer = True
        shut(self._sock, socket.SHUT_RD)

    def break_off(self) -> None:
        """From any thread: ends the connection in both directions, also for whoever waits to send."""
        shut(self._sock, socket.SHUT_RDWR)

    def _drain(self, view: memoryview) -> int:
        """What came together with the headers."""
        data = self._connection.rfile.take(len(view))
        view[: len(data)] = data
        return len(data)

    def _receive(self, view: memoryview, filled: int, between: Callable[[], object] | None) -> int:
        """Goes on behind the first `filled` bytes, and returns how many there are then."""
        count = self._received_already(view[filled:])
        filled += count
        if filled == len(view):
            return filled
        self._wire.await_bytes()
        until = time.monotonic() + MOMENT
        while filled < len(view) and not (filled and time.monotonic() >= until):
            try:
                count = self._sock.recv_into(view[filled:])
            except (BlockingIOError, TimeoutError):
                self._failure = Stalled(f"Nothing came for {self._wire.timeout:g} seconds")
                break
            except OSError:
                # Reset, or (TLS) closed without the goodbye: for the body it is the same early end.
                count = 0
            if count == 0:
                self._failure = ShortBody(self.length, self.received)
                break
            filled += count
            self._count(count)
            if between:
                between()
        return filled

    def _received_already(self, view: memoryview) -> int:
        """The body of a small request has mostly come with its head: then the socket's timeout stays what it is between requests."""
        try:
            count = self._wire.receive_now(view)
        except OSError:
            return 0  # Which is told to whoever waits for more.
        self._count(count)
        return count

    def _move(self, take: Callable[[], int], wanted: int) -> int:
        self._wire.await_bytes()
        try:
            count = take() if wanted else 0
        except (BlockingIOError, TimeoutError):
            raise Stalled(f"Nothing came for {self._wire.timeout:g} seconds") from None
        except OSError as error:
            if error.errno == errno.EFAULT:
                raise Gone from None
            count = 0
        if wanted and not count:
            raise ShortBody(self.length, self.received)
        return count

    def _count(self, count: int) -> None:
        self.received += count
        self._input.remaining -= count


def shut(sock: socket.socket, how: int) -> None:
    """Shuts the connection below TLS: SSLSocket's own method would pull the TLS state away from under a thread that reads."""
    # The peer may have been faster.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, how)
