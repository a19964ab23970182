"""A client's connection. It has a thread only while a request runs on it: until its head is whole it waits in the selector."""

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


class Connection(cheroot.server.HTTPConnection):
    RequestHandlerClass = Request
    server: "Server"

    def __init__(self, server: "Server", sock: socket.socket, makefile: Callable):
        super().__init__(server, sock, lambda sock, mode, size: Reader(sock) if mode == "rb" else makefile(sock, mode, size))
        #: Seconds of silence, within a request or between two, after which the connection ends.
        self.timeout: float = server.timeout
        #: When, on the monotonic clock, it has waited long enough in the selector.
        self.deadline = time.monotonic() + self.timeout
        #: When it began to wait for a thread.
        self.queued = 0.0
        self.close_after_answer = False
        #: Has been in the selector.
        self.greeted = False
        #: Counts among its client's connections.
        self.counted = False
        #: Why it is one too many, if it is.
        self.refused: str | None = None
        self._handshaken = not isinstance(sock, ssl.SSLSocket)
        self._begun = False
        self._lingers = False

    def communicate(self) -> bool:
        """Goes on with the handshake or the head, and serves a request whose head is whole. True: the connection stays open."""
        fresh = not self._handshaken
        try:
            self.socket.settimeout(0)
            if fresh and not self._handshake():
                return self._may_wait()
            if not self.rfile.gather(MAX_HEADERS):
                # A browser may connect and shake hands ahead of need.
                if self.rfile.has_data() or not fresh:
                    self._begin(HEAD_TIMEOUT)
                return self._may_wait()
            self.socket.settimeout(self.timeout)
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
        stays = bool(super().communicate())
        self._begun = False
        self.deadline = time.monotonic() + self.timeout
        return stays

    @property
    def idle(self) -> bool:
        """Only what comes can wake it: nothing of the next request is here."""
        return self._begun or not (self.rfile.has_data() or (isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()))

    def refuse(self, status: str, text: str, *lines: str) -> None:
        """Answers without waiting, if that is possible; the connection is to be closed then."""
        if not self._handshaken:
            return
        with contextlib.suppress(OSError):
            self.socket.settimeout(0)
            self.socket.send(refusal(status, text, *lines))
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
        try:
            self.socket.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self._begin(HANDSHAKE_TIMEOUT)
            return False
        self._handshaken = True
        self._begun = False
        self.deadline = time.monotonic() + (REFUSAL_TIMEOUT if self.refused else self.timeout)
        return True

    def _broken(self, error: ssl.SSLError) -> None:
        log.info("TLS with %s failed: %s", self.remote_addr, error.reason or error)
        if not self._handshaken and tls.speaks_http(error):
            with contextlib.suppress(OSError):
                text = "This port speaks HTTPS: use https:// in the address."
                socket.socket.send(self.socket, refusal("400 Bad Request", text, "Error-Code: bad-request"))
            self.drain()
