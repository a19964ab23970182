"""A body in chunks, whose length nobody announced (RFC 9112, 7.1), read from the connection. It is the last thing on it."""

import re

from imaged.httpd.body import ShortBody, Stalled

#: Bytes of a line that tells a chunk's size, with what may stand behind it, and of all trailers together.
MAX_LINE, MAX_TRAILERS = 256, 8192

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")


class BadChunk(Exception):
    """It is no body in chunks: what follows cannot be told from anything else."""


class Chunks:
    """The body of a request with `Transfer-Encoding: chunked`. For one thread."""

    def __init__(self, environ: dict):
        self._connection = environ["httpd.connection"]
        self._reader = self._connection.rfile
        self._wire = self._connection.wire
        self._left = 0
        self._begun = self._ended = False
        self.received = 0

    def readinto(self, view: memoryview) -> int:
        """Fills `view` unless the body ends before, and returns how many bytes came: 0 at its end. Raises BadChunk, ShortBody, Stalled."""
        filled = 0
        try:
            while filled < len(view) and not self._ended:
                if not self._left:
                    self._next()
                    continue
                count = self._receive(view[filled : filled + self._left])
                if not count:
                    raise ShortBody(self.received + self._left, self.received)
                filled += count
                self._left -= count
                self.received += count
        except TimeoutError:
            raise Stalled(f"Nothing came for {self._wire.timeout:g} seconds") from None
        except OSError:
            raise ShortBody(self.received + self._left, self.received) from None
        return filled

    def _receive(self, view: memoryview) -> int:
        if data := self._reader.take(len(view)):
            view[: len(data)] = data
            return len(data)
        self._wire.await_bytes()
        try:
            count: int = self._wire.socket.recv_into(view)
        except BlockingIOError:
            raise TimeoutError from None
        return count

    def _next(self) -> None:
        """The next chunk's size; the end of the body at the last."""
        if self._begun and self._line() != b"\r\n":
            raise BadChunk("A chunk is longer than it says")
        self._begun = True
        size = _SIZE.fullmatch(self._line())
        if size is None:
            raise BadChunk("A chunk without its size")
        self._left = int(size[1], 16)
        if self._left:
            return
        trailers = 0
        while (line := self._line()) != b"\r\n":
            trailers += len(line)
            if trailers > MAX_TRAILERS:
                raise BadChunk("Too much stands behind the last chunk")
        self._ended = True

    def _line(self) -> bytes:
        line: bytes = self._reader.readline(MAX_LINE)
        if not line:
            raise ShortBody(self.received + 1, self.received)
        return line
