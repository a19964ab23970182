"""Writes an image that comes from its beginning to its end into a volume of a host: pieces, holes, and what is there already."""

import contextlib
import json
import threading
import time
import typing
from collections.abc import Callable, Iterator

from appliance import errors
from appliance.transfer import relay
from imaged import client

Range = tuple[int, int]

#: Bytes that are looked at for being zero at once: the smallest hole.
BLOCK = 64 << 10
_ZEROS = bytes(BLOCK)
#: Bytes, and seconds, after which what was written is brought to the disk.
FLUSH_BYTES, FLUSH_SECONDS = 128 << 20, 2.0
#: Bytes of one zero request.
MOST_ZEROS = 1 << 30
MAX_EXTENTS = 64 << 20
_JSON = "application/json"


class Lost(Exception):
    """The host takes no more for now: the transfer is paused with `code`, one of the daemon's words or host-down, and `sentence`."""

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Volume:
    """The volume behind a ticket of a host. Used by one thread, interrupted by any. Everything raises Lost and HostRefused."""

    def __init__(self, images: client.Images, ticket: str, host: str):
        """`host` is how the host is called."""
        self._images = images
        self._target = f"/images/{ticket}"
        self.host = host
        self._lock = threading.Lock()
        self._running: list[client.Connection] = []
        self._interrupted = False

    def durable(self) -> list[Range]:
        """What would survive a power cut: sorted, apart, half-open, in bytes."""
        with self._asked("GET", f"{self._target}/extents?context=durable") as answer:
            extents = json.loads(answer.read(MAX_EXTENTS))
        return [(extent["start"], extent["start"] + extent["length"]) for extent in extents if extent["durable"]]

    def read(self, start: int, end: int, view: memoryview) -> Iterator[memoryview]:
        """The bytes of a range, as parts of `view`."""
        with self._asked("GET", self._target, [("Range", f"bytes={start}-{end - 1}")]) as answer:
            while count := answer.readinto(view):
                yield view[:count]

    def write(self, data: memoryview, offset: int) -> None:
        """Not durable before the next flush."""
        about = [("Content-Length", str(len(data))), ("Content-Range", f"bytes {offset}-{offset + len(data) - 1}/*")]
        with self._asked("PUT", f"{self._target}?flush=n", about, data):
            pass

    def zero(self, start: int, end: int) -> None:
        self._patch({"op": "zero", "offset": start, "size": end - start, "flush": False})

    def flush(self) -> None:
        """What was written and zeroed until now is durable."""
        self._patch({"op": "flush"})

    def interrupt(self) -> None:
        """From any thread: what runs, or is begun later, raises Lost."""
        with self._lock:
            self._interrupted = True
            for connection in self._running:
                connection.interrupt()

    def _patch(self, change: dict[str, typing.Any]) -> None:
        body = json.dumps(change).encode()
        with self._asked("PATCH", self._target, [("Content-Type", _JSON), ("Content-Length", str(len(body)))], memoryview(body)):
            pass

    @contextlib.contextmanager
    def _asked(
        self, method: str, target: str, headers: list[tuple[str, str]] | None = None, body: memoryview | None = None
    ) -> Iterator[client.Response]:
        """The answer, if it is a good one."""
        try:
            with self._images.connection() as connection, self._holding(connection):
                try:
                    connection.start(method, target, headers or [], body or b"")
                except client.Unreachable:
                    answer = connection.reason()
                else:
                    answer = connection.response()
                if answer.status >= 400:
                    raise self._refused(answer)
                yield answer
                answer.read()
        except client.Unreachable as error:
            raise Lost("host-down", f"Host {self.host} does not answer.") from error

    def _refused(self, answer: client.Response) -> Exception:
        refused = client.refused(answer, answer.read(client.MAX_ERROR))
        if refused.code in relay.STOPPING:
            # Of a ticket that it has not, the host's own words name it: it is good again as soon as the host has it again.
            gone = f"Host {self.host} takes no more by this ticket: it has ended, or the host was restarted."
            return Lost(refused.code, refused.message if refused.code == "no-space" else gone)
        return errors.HostRefused(host=self.host, reason=refused.message)

    @contextlib.contextmanager
    def _holding(self, connection: client.Connection) -> Iterator[None]:
        with self._lock:
            if self._interrupted:
                connection.interrupt()
            self._running.append(connection)
        try:
            yield
        finally:
            with self._lock:
                self._running.remove(connection)


class Filling:
    """Writes pieces in order. `durable` is what need not be written again; `flushed` is called after each flush, with the next byte."""

    def __init__(self, volume: Volume, start: int, durable: list[Range], flushed: Callable[[int], None]):
        self._volume = volume
        self._durable = durable
        self._flushed = flushed
        self._zeros: Range | None = None
        self._since, self._last = 0, time.monotonic()
        self.position = start

    def write(self, data: bytearray, count: int) -> None:
        """The next `count` bytes are those at the beginning of `data`."""
        view = memoryview(data)
        base = self.position
        for start, end, zero in _runs(data, count, base):
            for low, high in missing(self._durable, base + start, base + end):
                if zero:
                    self._zero(low, high)
                else:
                    self._volume.write(view[low - base : high - base], low)
                self._since += high - low
        self.position = base + count
        if self._since >= FLUSH_BYTES or time.monotonic() - self._last > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """All that came is durable."""
        if self._zeros:
            self._volume.zero(*self._zeros)
            self._zeros = None
        if self._since:
            self._volume.flush()
        self._since, self._last = 0, time.monotonic()
        self._flushed(self.position)

    def _zero(self, start: int, end: int) -> None:
        """Holes that touch are asked for at once."""
        if self._zeros and self._zeros[1] == start and end - self._zeros[0] <= MOST_ZEROS:
            self._zeros = self._zeros[0], end
            return
        if self._zeros:
            self._volume.zero(*self._zeros)
        self._zeros = start, end


def _runs(data: bytearray, count: int, base: int) -> Iterator[tuple[int, int, bool]]:
    """`(start, end, are they zeros)` of data[:count], whose first byte is at `base` of the image: zeros are whole blocks of the image."""
    start = 0
    at = min(-base % BLOCK, count)
    was = False
    while at + BLOCK <= count:
        zero = data.startswith(_ZEROS, at)
        if zero != was:
            if at > start:
                yield start, at, was
            start, was = at, zero
        at += BLOCK
    if was:
        yield start, at, True
        start = at
    if count > start:
        yield start, count, False


def missing(ranges: list[Range], start: int, end: int) -> Iterator[Range]:
    """What of a range is in none of the `ranges`, which are sorted and apart."""
    for low, high in ranges:
        if high > start and low < end:
            if low > start:
                yield start, low
            start = max(start, high)
    if start < end:
        yield start, end
