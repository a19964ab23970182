"""A connection's socket: how long it waits, and how little it costs to use.

A plain socket waits in the kernel (`imaged.sockets`). A TLS socket keeps Python's timeout, since ssl starts over for ever when a blocking
socket's SO_RCVTIMEO strikes.
"""

import socket
import ssl

from imaged import sockets

#: Bytes of an answer's beginning that leave as one TLS record with its head.
TOGETHER = 16 << 10


class Wire:
    """`sock`, which waits at most `timeout` seconds, for bytes and for room. One thread at a time receives, one sends."""

    def __init__(self, sock: socket.socket, timeout: float):
        self.socket = sock
        self.encrypted = isinstance(sock, ssl.SSLSocket)
        self._receiving = self._sending = -1.0
        if not self.encrypted:
            sock.settimeout(None)
        #: May be changed at any time.
        self.timeout = timeout

    def await_bytes(self, seconds: float | None = None) -> None:
        """Receiving waits so long from now on, `timeout` by default."""
        seconds = self.timeout if seconds is None else seconds
        if self._receiving != seconds:
            self._receiving = seconds
            self._set(socket.SO_RCVTIMEO, seconds)

    def receive(self, size: int, patience: float) -> bytes:
        """What has come, at most `size` bytes; b"" at the end. Waits `patience` seconds, 0 not at all. Raises TimeoutError, OSError."""
        try:
            if not patience and not self.encrypted:
                return self.socket.recv(size, socket.MSG_DONTWAIT)
            self.await_bytes(patience)
            return self.socket.recv(size)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise TimeoutError("timed out") from None

    def receive_now(self, view: memoryview) -> int:
        """What has come, into `view`, without waiting and without a change of the timeout; 0 if nothing has, or that is not known."""
        if self.encrypted or not view:
            return 0
        try:
            return self.socket.recv_into(view, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def send(self, *pieces: bytes | memoryview) -> None:
        """All of them. `timeout` is for each wait, not for the whole: a slow reader is not a dead one. Raises TimeoutError, OSError."""
        if self.encrypted:
            # Its one timeout is for both directions.
            self.await_bytes()
            if sum(map(len, pieces)) <= TOGETHER:
                pieces = (b"".join(pieces),)
        elif self._sending != self.timeout:
            self._sending = self.timeout
            self._set(socket.SO_SNDTIMEO, self.timeout)
        try:
            if len(pieces) > 1 and not self.encrypted:
                pieces = _rest(pieces, self.socket.sendmsg(pieces))
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[self.socket.send(rest) :]
        except BlockingIOError:
            raise TimeoutError("timed out") from None

    def send_at_once(self, data: bytes) -> None:
        """What there is room for, without waiting. Raises OSError."""
        if self.encrypted:
            self.await_bytes(0)
            self.socket.send(data)
        else:
            self.socket.send(data, socket.MSG_DONTWAIT)

    def _set(self, option: int, seconds: float) -> None:
        if self.encrypted:
            self.socket.settimeout(seconds)
        else:
            sockets.wait_at_most(self.socket, seconds, option)


def _rest(pieces: tuple[bytes | memoryview, ...], sent: int) -> tuple[memoryview, ...]:
    """What is left of `pieces` behind the first `sent` bytes."""
    rest = []
    for piece in pieces:
        rest.append(memoryview(piece)[sent:])
        sent = max(0, sent - len(piece))
    return tuple(rest)
