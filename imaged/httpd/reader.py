"""What has come on a connection and nobody has read yet: the reading half of what cheroot expects of a connection's file.

cheroot's own (the io module in pure Python) waits for more where a head is not whole, and a thread waits with it.
"""

import re
import time

from imaged.httpd.wire import Wire

#: Bytes of one receive: a head, and little of the body behind it, which has better ways than through here.
RECEIVE = 8192

_END_OF_HEAD = re.compile(rb"\n\r?\n")
#: How a request may begin; anything else (TLS to a plain port, say) needs no end to be refused.
_BEGIN = re.compile(rb"\r?\n?[!-~]|\r?\n?\Z")


class Reader:
    """Reads what comes by `wire`. For one thread at a time."""

    closed = False

    def __init__(self, wire: Wire):
        self._wire = wire
        self._data = b""
        self._at = 0
        self._ended = False
        #: What has come is all there is: nothing is waited for while a head is taken apart.
        self.alone = False

    def has_data(self) -> bool:
        return self._at < len(self._data)

    @property
    def length(self) -> int:
        """Bytes that are here."""
        return len(self._data) - self._at

    def gather(self, most: int, patience: float) -> bool:
        """Receives a head. True: it is whole, longer than `most` bytes, no head at all, or will never be whole.

        False: more of it has to come. It waits `patience` seconds for the first byte and for no other: heads may dribble. Raises OSError.
        """
        try:
            while not self._judgeable(most):
                self._receive(0 if self._data else patience)
        except TimeoutError:
            return False
        return True

    def take_head(self, most: int) -> bytes | None:
        """The whole head, if it has at most so many bytes and begins with no empty line; None otherwise, and it is still here."""
        end = _END_OF_HEAD.search(self._data, self._at)
        size = end.end() - self._at if end else 0
        return self.take(size) if 2 < size <= most else None

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
        """`size` bytes, fewer at the end: for what is short. Raises TimeoutError when all of it takes longer than the wire's timeout."""
        pieces = [self.take(size)]
        size -= len(pieces[0])
        deadline = time.monotonic() + self._wire.timeout
        while size and not self._ended:
            data = self._wire.receive(min(size, 1 << 16), max(deadline - time.monotonic(), 0.001))
            self._ended = not data
            pieces.append(data)
            size -= len(data)
        return b"".join(pieces)

    def readline(self, size: int) -> bytes:
        """Up to the end of the line, at most `size` bytes, fewer at the end."""
        while True:
            end = self._data.find(b"\n", self._at) + 1
            if end or self._ended or self.alone or len(self._data) - self._at >= size:
                return self.take(min(size, end - self._at) if end else size)
            self._receive(self._wire.timeout)

    def close(self) -> None:
        """The socket is its owner's."""
        self.closed = True
        self._data, self._at = b"", 0

    def _receive(self, patience: float) -> None:
        data = self._wire.receive(RECEIVE, patience)
        self._ended = not data
        self._data, self._at = self._data[self._at :] + data, 0
