"""A server's answer, taken apart. What could be understood in two ways is refused: two readings of where an answer ends would let one
image's bytes pass for another answer.

Not http.client's, whose parser is that of e-mails: each chunk of an upload waits for an answer's head.
"""

import re
import socket

#: Bytes of a head, and of a line between the chunks of a body.
MAX_HEAD, MAX_LINE = 32 << 10, 4 << 10
#: Interim answers (1xx) before the answer.
MAX_INTERIM = 16
#: Bytes of one receive, where the length is not known.
RECEIVE = 8192

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t -~\x80-\xff]*))?")
_HEADER = re.compile(rb"([!#$%&'*+.^`|~0-9A-Za-z_-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_LENGTH = re.compile(r"[0-9]{1,20}", re.ASCII)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t -~\x80-\xff]*)?")
#: Headers that must not be given twice: they say where the answer ends, and which bytes it has.
_SINGLE = {"content-length", "transfer-encoding", "content-range"}


class Malformed(Exception):
    """This is not HTTP, or could be understood in two ways."""


class BrokenOff(Exception):
    """The connection ended before the answer did."""

    def __init__(self) -> None:
        super().__init__("the answer broke off")


class Headers:
    """Headers by their name, in any case. Several of one name are one, with commas."""

    def __init__(self, lines: list[tuple[str, str]]):
        self._lines = lines
        self._values: dict[str, str] = {}
        for name, value in lines:
            name = name.lower()
            if name in self._values:
                if name in _SINGLE:
                    raise Malformed(f"{name} is given twice")
                value = f"{self._values[name]}, {value}"
            self._values[name] = value

    def get(self, name: str, default: str | None = None) -> str | None:
        return self._values.get(name.lower(), default)

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._values

    def items(self) -> list[tuple[str, str]]:
        """All lines, as they came."""
        return list(self._lines)


class Raw:
    """The answer to a request of `method` on `sock`: receives its head at once, and its body as it is asked for.

    `length` is how many bytes of the body are still to be read, None where that is not known. Everything raises Malformed, BrokenOff and
    OSError.
    """

    def __init__(self, sock: socket.socket, method: str):
        self._sock = sock
        self._data = b""
        for _ in range(MAX_INTERIM):
            version = self._receive_head()
            if self.status >= 200:
                break
        else:
            raise Malformed("too many interim answers")
        words = {word.strip().lower() for word in (self.headers.get("connection") or "").split(",")}
        self._keeps = version == 1 and "close" not in words
        self._chunked = False
        self.length: int | None = self._announced()
        if method == "HEAD" or self.status in (204, 304):
            self.length, self._chunked = 0, False
        self._ended = self.length == 0
        #: Of the current chunk, bytes still to come.
        self._chunk = 0

    @property
    def reusable(self) -> bool:
        """Read to the end, and the server keeps the connection; what came beyond the end is nothing that anybody asked for."""
        return self._ended and self._keeps and not self._data

    def readinto(self, view: memoryview) -> int:
        """Fills `view` unless the body ends before; how many bytes came, 0 at the end."""
        filled = 0
        while filled < len(view) and not self._ended:
            filled += self._some(view[filled:])
        return filled

    def read(self, count: int | None = None) -> bytes:
        """At most `count` bytes, all without it; b"" at the end."""
        found = bytearray()
        while not self._ended and (count is None or len(found) < count):
            left = self.length if self.length is not None else RECEIVE
            piece = bytearray(min(left, count - len(found) if count is not None else left, 1 << 20))
            found += memoryview(piece)[: self._some(memoryview(piece))]
        return bytes(found)

    def _some(self, view: memoryview) -> int:
        """At least one byte of the body, unless it ends here."""
        if self._chunked and not self._chunk and not self._next_chunk():
            self._ended = True
            return 0
        left = self._chunk if self._chunked else self.length
        count = self._take(view if left is None else view[:left])
        if left is None:
            self._ended, self._keeps = count == 0, False
            return count
        if not count:
            raise BrokenOff
        if self._chunked:
            self._chunk -= count
            if not self._chunk and self._line():
                raise Malformed("a chunk is longer than announced")
        else:
            self.length = left - count
            self._ended = not self.length
        return count

    def _take(self, view: memoryview) -> int:
        """What is here already; or else of what comes. 0 at the connection's end."""
        if not self._data:
            return self._sock.recv_into(view)
        count = min(len(view), len(self._data))
        view[:count], self._data = self._data[:count], self._data[count:]
        return count

    def _next_chunk(self) -> int:
        """Bytes of the next chunk; 0 after the last one, and what follows it is through."""
        match = _CHUNK.fullmatch(self._line())
        if not match:
            raise Malformed("a chunk's size cannot be understood")
        self._chunk = int(match[1], 16)
        if not self._chunk:
            left = MAX_HEAD
            while line := self._line():
                left -= len(line)
                if left < 0:
                    raise Malformed("its trailer is too long")
        return self._chunk

    def _line(self) -> bytes:
        """Without its end."""
        return self._until(b"\r\n", MAX_LINE)

    def _until(self, end: bytes, most: int) -> bytes:
        """What comes before `end`, which is taken too."""
        at = self._data.find(end)
        while at < 0:
            if len(self._data) > most:
                break
            if not (data := self._sock.recv(RECEIVE)):
                raise BrokenOff
            seen = max(0, len(self._data) - len(end))
            self._data += data
            at = self._data.find(end, seen)
        if not 0 <= at <= most:
            raise Malformed("a line or a head is too long")
        found, self._data = self._data[:at], self._data[at + len(end) :]
        return found

    def _receive_head(self) -> int:
        """Sets `status`, `reason` and `headers`; returns HTTP's minor version."""
        first, *lines = self._until(b"\r\n\r\n", MAX_HEAD).split(b"\r\n")
        if not (match := _STATUS_LINE.fullmatch(first)):
            raise Malformed("it does not begin as an answer of HTTP/1.1")
        self.status = int(match[2])
        self.reason = (match[3] or b"").decode("latin-1").strip()
        self.headers = Headers([_header(line) for line in lines])
        return int(match[1])

    def _announced(self) -> int | None:
        """Bytes of the body; None where chunks or the connection's end tell."""
        length, encoding = self.headers.get("content-length"), self.headers.get("transfer-encoding")
        if encoding is not None:
            if length is not None or encoding.lower() != "chunked":
                raise Malformed("its length could be understood in two ways")
            self._chunked = True
            return None
        if length is None:
            return None
        if not _LENGTH.fullmatch(length):
            raise Malformed("its Content-Length is not a number of bytes")
        return int(length)


def _header(line: bytes) -> tuple[str, str]:
    # A line that begins with a blank would go on the one before: no server of today folds lines.
    if not (match := _HEADER.fullmatch(line)):
        raise Malformed("a header cannot be understood")
    return match[1].decode("ascii"), match[2].decode("latin-1")
