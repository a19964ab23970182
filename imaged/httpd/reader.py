"""What has come on a connection and nobody has read yet: the reading half of what cheroot expects of a connection's file.

cheroot's own (the io module in pure Python) waits for more where a head is not whole, and a thread waits with it.
"""

import re
import socket
import ssl
import time

#: Bytes of one receive: a head, and little of the body behind it, which has better ways than through here.
RECEIVE = 8192

_END_OF_HEAD = re.compile(rb"\n\r?\n")
#: How a request may begin; anything else (TLS to a plain port, say) needs no end to be refused.
_BEGIN = re.compile(rb"\r?\n?[!-~]|\r?\n?\Z")


class Reader:
    """Reads `sock`, which waits as long as its timeout says. For one thread at a time."""

    closed = False

    def __init__(self, sock: socket.socket):
        self._sock = sock
        self._data = b""
        self._at = 0
        self._ended = False
        #: What has come is all there is: nothing is waited for while a head is taken apart.
        self.alone = False

    def has_data(self) -> bool:
        return self._at < len(self._data)

    def gather(self, most: int) -> bool:
        """Receives a head without waiting. True: it is whole, longer than `most` bytes, no head at all, or will never be whole.

        False: more of it has to come. Raises OSError. The socket must not wait.
        """
        try:
            while not self._judgeable(most):
                self._receive()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        return True

    def _judgeable(self, most: int) -> bool:
        too_long = len(self._data) - self._at > most
        return self._ended or too_long or not _BEGIN.match(self._data, self._at) or bool(_END_OF_HEAD.search(self._data, self._at))

    def take(self, most: int) -> bytes:
        """Of what is here, at most so many bytes."""
        data = self._data[self._at : self._at + most]
        self._at += len(data)
        if self._at == len(self._data):
            self._data, self._at = b"", 0
        return data

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer at the end: for what is short. Raises TimeoutError when all of it takes longer than the socket's timeout."""
        pieces = [self.take(size)]
        size -= len(pieces[0])
        timeout = self._sock.gettimeout()
        deadline = time.monotonic() + (timeout or 0)
        try:
            while size and not self._ended:
                if timeout is not None:
                    self._sock.settimeout(max(deadline - time.monotonic(), 0.001))
                data = self._sock.recv(min(size, 1 << 16))
                self._ended = not data
                pieces.append(data)
                size -= len(data)
        finally:
            self._sock.settimeout(timeout)
        return b"".join(pieces)

    def readline(self, size: int) -> bytes:
        """Up to the end of the line, at most `size` bytes, fewer at the end."""
        while True:
            end = self._data.find(b"\n", self._at) + 1
            if end or self._ended or self.alone or len(self._data) - self._at >= size:
                return self.take(min(size, end - self._at) if end else size)
            self._receive()

    def close(self) -> None:
        """The socket is its owner's."""
        self.closed = True
        self._data, self._at = b"", 0

    def _receive(self) -> None:
        data = self._sock.recv(RECEIVE)
        self._ended = not data
        self._data, self._at = self._data[self._at :] + data, 0
