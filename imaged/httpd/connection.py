"""A client's connection. It has a thread only while a request runs on it, and for a moment behind the answer: until the next head is
whole it waits in the selector.
"""

import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import cheroot.server

from imaged.httpd import tls
from imaged.httpd.reader import Reader
from imaged.httpd.request import Request, refusal
from imaged.httpd.wire import Wire

if TYPE_CHECKING:
    from imaged.httpd.server import Server

log = logging.getLogger(__name__)

#: Bytes of request line and headers together.
MAX_HEADERS = 32 << 10
#: Seconds that a client has, from their first byte on, for its TLS handshake, and for the whole head of a request, however it dribbles.
HANDSHAKE_TIMEOUT = 10.0
HEAD_TIMEOUT = 20.0
#: Seconds that a connection which is one too many has to hear that: until it has asked for something it would not listen.
REFUSAL_TIMEOUT = 10.0
#: What whoever was refused for want of room is told to wait, seconds.
RETRY_AFTER = 5
#: Seconds that a thread waits for the next request on its connection. Who sends one small request behind the other is back within them, and
#: handing the connection to the selector and from there to another thread would cost more than such a request does.
STAY = 0.02


class Writer:
    """The writing half of what cheroot expects of a connection's file: nothing is kept back."""

    def __init__(self, wire: Wire):
        self.write = wire.send


class Connection(cheroot.server.HTTPConnection):
    RequestHandlerClass = Request
    server: "Server"

    def __init__(self, server: "Server", sock: socket.socket, makefile: Callable):
        #: Its timeout: seconds of silence, within a request or between two, after which the connection ends.
        self.wire = Wire(sock, server.timeout)
        super().__init__(server, sock, lambda _, mode, size: Reader(self.wire) if mode == "rb" else Writer(self.wire))
        #: When, on the monotonic clock, it has waited long enough in the selector.
        self.deadline = time.monotonic() + self.wire.timeout
        #: When it began to wait for a thread.
        self.queued = 0.0
        self.close_after_answer = False
        #: Has been in the selector.
        self.greeted = False
        #: Counts among its client's connections.
        self.counted = False
        #: The application's: whom it works for.
        self.user: object = None
        #: Why it is one too many, if it is.
        self.refused: str | None = None
        self._handshaken = not self.wire.encrypted
        self._begun = False
        self._lingers = False

    def communicate(self) -> bool:
        """Goes on with the handshake or the head, and serves the requests whose heads are whole. True: the connection stays open."""
        patience = 0.0
        while True:
            try:
                if not self._gather(patience):
                    return self._may_wait()
            except ssl.SSLError as error:
                self._broken(error)
                return False
            except OSError as error:
                log.info("The connection with %s broke: %s", self.remote_addr, error)
                return False
            if self.refused:
                self.refuse("503 Service Unavailable", self.refused, "Error-Code: busy", f"Retry-After: {RETRY_AFTER}")
                return False
            if not self.rfile.has_data():
                return False  # It has ended.
            if patience and not self.server.ready:
                return True  # Which is closed: what runs is answered, and nothing new.
            if not super().communicate():
                return False
            self._begun = False
            self.deadline = time.monotonic() + self.wire.timeout
            if not (self.server.ready and self.server.spares_thread()):
                return True
            patience = STAY

    def _gather(self, patience: float) -> bool:
        """True: a whole head is here, or will never be. Raises OSError."""
        fresh = not self._handshaken
        if fresh and not self._handshake():
            return False
        self.server.staying.add(self)
        try:
            if self.rfile.gather(MAX_HEADERS, patience):
                return True
        finally:
            self.server.staying.discard(self)
        # A browser may connect and shake hands ahead of need.
        if self.rfile.has_data() or not (fresh or patience):
            self._begin(HEAD_TIMEOUT)
        return False

    @property
    def idle(self) -> bool:
        """Only what comes can wake it: nothing of the next request is here."""
        return self._begun or not (self.rfile.has_data() or (self.wire.encrypted and self.socket.pending()))

    def refuse(self, status: str, text: str, *lines: str) -> None:
        """Answers without waiting, if that is possible; the connection is to be closed then."""
        if not self._handshaken:
            return
        with contextlib.suppress(OSError):
            self.wire.send_at_once(refusal(status, text, *lines))
            self.drain()

    def expire(self) -> None:
        """It has waited long enough."""
        self._give_up()
        self.close()

    def drain(self) -> None:
        """Throws away what still comes, for a bounded time: closing with bytes unread would reset the connection under the answer."""
        self._lingers = True
        self.server.lingering.add(self.socket)

    def close(self) -> None:
        self.server.forget(self)
        super().close()

    def _close_kernel_socket(self) -> None:
        # Shutting it down would end the lingering too.
        if not self._lingers:
            super()._close_kernel_socket()  # type: ignore[misc]  # which cheroot's types leave out

    def _may_wait(self) -> bool:
        """Who dribbles may never be in the selector when that looks for those whose time is over."""
        if time.monotonic() < self.deadline:
            return True
        self._give_up()
        return False

    def _give_up(self) -> None:
        if self.rfile.has_data():
            self.refuse("408 Request Timeout", "The request did not come to its end", "Error-Code: stalled")

    def _begin(self, seconds: float) -> None:
        """The first byte of something that has to be whole in time."""
        if not self._begun:
            self._begun = True
            self.deadline = min(self.deadline, time.monotonic() + seconds)

    def _handshake(self) -> bool:
        """One step of it. True: it is done. Raises OSError."""
        self.wire.await_bytes(0)
        try:
            self.socket.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self._begin(HANDSHAKE_TIMEOUT)
            return False
        self._handshaken = True
        self._begun = False
        self.deadline = time.monotonic() + (REFUSAL_TIMEOUT if self.refused else self.wire.timeout)
        return True

    def _broken(self, error: ssl.SSLError) -> None:
        log.info("TLS with %s failed: %s", self.remote_addr, error.reason or error)
        if not self._handshaken and tls.speaks_http(error):
            with contextlib.suppress(OSError):
                text = "This port speaks HTTPS: use https:// in the address."
                socket.socket.send(self.socket, refusal("400 Bad Request", text, "Error-Code: bad-request"))
            self.drain()
