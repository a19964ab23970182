"""An image from its source into a host's volume: read, unpacked, hashed and written at once, and never whole anywhere but there.

One thread reads from the source, the one that calls `run` writes to the host; between them are a few pieces that are used again.
"""

import dataclasses
import hashlib
import logging
import queue
import threading
import time
import typing
from collections import deque
from collections.abc import Iterator, Sequence

from appliance import errors
from appliance.transfer import download, filling, sources, unpack
from imaged import client

log = logging.getLogger(__name__)

#: Bytes of a piece, which are one request to the host, and how many pieces there are.
PIECE, PIECES = 4 << 20, 6
#: Seconds after which a piece goes on to the host though it is not full: what comes slowly is kept too.
HAND_ON = 1.0
#: Seconds over which the rate is taken.
RATE_OVER, SAMPLE_EVERY = 5.0, 0.1

Lost = filling.Lost


class Stopped(Exception):
    """`Fetch.stop` or `Fetch.wind_up` was called."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a fetch is. Bytes; `total` is the download's, None if the source does not tell."""

    fetched: int  #: Of the file at its source, from its beginning.
    total: int | None
    written: int  #: Of the image, durable.
    rate: float  #: Bytes a second that come from the source.
    restarts: int  #: How often a source that gives no parts was read again from its beginning.
    trouble: str  #: What it waits for, as a sentence; "" while bytes come.


@dataclasses.dataclass(frozen=True)
class Result:
    """What came. All digests are in hex; None where the beginning was fetched by an earlier run, and nothing was asked to be hashed."""

    size: int  #: Bytes of the image.
    sha256: str | None  #: Of the file as it is at its source: of the image, unless it was packed.
    digests: dict[str, str]  #: Of the image, by algorithm: those that were asked for.
    validator: str | None  #: The file's; for a later run.


class Fetch:
    """Fetches `source` through `ticket` into the host's volume; what is durable there is not written again. Runs once.

    `host` is how the host is called; `limit` how many bytes its volume takes; `packed` one of unpack.KINDS, or None for a file that is the
    image. `validator` and `total` are what `Source.look` said: without a validator nothing that is there already is believed. `sha256`
    (hex) is expected of the file as it is at its source; `digests` are algorithms of hashlib, over the image. `attempts` and `bandwidth`
    as in `download.Download`.
    """

    def __init__(
        self,
        source: sources.Source,
        images: client.Images,
        ticket: str,
        *,
        host: str,
        limit: int,
        packed: str | None = None,
        validator: str | None = None,
        total: int | None = None,
        sha256: str | None = None,
        digests: Sequence[str] = (),
        attempts: int = 8,
        bandwidth: int = 0,
    ):
        self._source = source
        self._volume = filling.Volume(images, ticket, host)
        self._limit = limit
        self._packed = packed
        self._validator = validator
        self._total = total
        self._expected = sha256
        self._digests = {name: hashlib.new(name, usedforsecurity=False) for name in digests}
        self._attempts = attempts
        self._bandwidth = bandwidth
        self._stopped, self._ended = threading.Event(), threading.Event()
        self._download: download.Download | None = None
        self._belt: _Belt | None = None
        self._written = 0
        self._samples: deque[tuple[float, int]] = deque(maxlen=256)

    def run(self) -> Result:
        """Until everything is durable on the host.

        Raises Stopped; Lost where the host takes no more for now; errors.ApplianceError and HostRefused, after which the same would happen
        again unless something is changed. Whatever it raises, what is durable stays, and another Fetch goes on from there.
        """
        try:
            durable = self._volume.durable() if self._validator else []
            try:
                return self._run(durable)
            except download.StartsAgain:
                log.info("%s gives no parts: the import starts again from zero", self._source.url)
                return self._run([])
        except BaseException:
            if self._stopped.is_set():
                raise Stopped from None
            raise
        finally:
            self._ended.set()

    def wind_up(self, seconds: float) -> None:
        """From any thread: nothing more is fetched, and what has come is durable when this returns, unless that takes longer."""
        self._stopped.set()
        self._source.interrupt()
        self._ended.wait(seconds)

    def stop(self) -> None:
        """From any thread, any number of times: `run` ends at once, also while source or host are silent."""
        self._stopped.set()
        self._source.interrupt()
        self._volume.interrupt()
        if self._belt:
            self._belt.close()

    @property
    def progress(self) -> Progress:
        """From any thread."""
        now, coming = time.monotonic(), self._download
        if coming is None:
            return Progress(0, self._total, 0, 0.0, 0, "")
        return Progress(coming.position, coming.total, self._written, self._rate(now), coming.restarts, coming.trouble)

    def _rate(self, now: float) -> float:
        recent = [(moment, position) for moment, position in tuple(self._samples) if now - moment <= RATE_OVER]
        if len(recent) < 2:
            return 0.0
        (since, start), (_, end) = recent[0], recent[-1]
        return (end - start) / max(now - since, 0.001)

    def _run(self, durable: list[filling.Range]) -> Result:
        start = durable[0][1] if durable and durable[0][0] == 0 and not self._packed else 0
        self._written = start
        coming = self._download = download.Download(
            self._source,
            self._stopped,
            start=start,
            validator=self._validator,
            total=self._total,
            digest=self._primed(start),
            attempts=self._attempts,
            bandwidth=self._bandwidth,
        )
        filled = filling.Filling(self._volume, start, durable, self._flushed)
        belt = self._belt = _Belt()
        threading.Thread(target=self._read, args=(coming, belt, start), name="fetch", daemon=True).start()
        try:
            for piece, count in belt:
                filled.write(piece, count)
                belt.give_back(piece)
            # Also when the source failed: what came before it is kept.
            filled.flush()
        except BaseException:
            belt.close()
            self._source.interrupt()
            raise
        if belt.failure:
            raise belt.failure
        return self._finished(coming, filled.position)

    def _read(self, coming: download.Download, belt: "_Belt", start: int) -> None:
        """The reading thread: from the source onto the belt."""
        piece, count = bytearray(), 0
        try:
            read, position = coming.read, start
            if self._packed:
                read = unpack.Unpacker(self._packed, coming.read, limit=self._limit, name=self._source.name).read
            while True:
                # So that pieces end where blocks of a disk do.
                piece, count, room = belt.take(), 0, PIECE - position % PIECE
                began = time.monotonic()
                while count < room and (not count or time.monotonic() - began < HAND_ON):
                    data = read(room - count)
                    if not data:
                        return
                    self._took(coming, data, position + count)
                    if not count:
                        began = time.monotonic()
                    piece[count : count + len(data)] = data
                    count += len(data)
                belt.put(piece, count)
                position, count = position + count, 0
        except BaseException as error:
            # The other thread raises it, whatever it is.
            belt.failure = error
        finally:
            coming.close()
            if count:
                belt.put(piece, count)
            belt.end()

    def _took(self, coming: download.Download, data: bytes, position: int) -> None:
        """Counts and hashes what is at `position` of the image. Raises SourceLong."""
        if not self._packed and max(coming.total or 0, position + len(data)) > self._limit:
            raise errors.SourceLong(host=self._source.host, name=self._source.name, expected=self._limit)
        for digest in self._digests.values():
            digest.update(data)
        now = time.monotonic()
        if not self._samples or now - self._samples[-1][0] > SAMPLE_EVERY:
            self._samples.append((now, coming.position))

    def _finished(self, coming: download.Download, size: int) -> Result:
        """Raises WrongChecksum, SourceEmpty; Lost if not all is durable: then the host was another one for a while."""
        found = coming.digest.hexdigest() if coming.digest else None
        if self._expected and found != self._expected:
            raise errors.WrongChecksum(name=self._source.name, found=found, expected=self._expected)
        if not size:
            # Only now, where it is packed or its length was not announced.
            raise errors.SourceEmpty(host=self._source.host, name=self._source.name)
        if any(filling.missing(self._volume.durable(), 0, size)):
            raise Lost("host-down", f"Host {self._volume.host} was restarted, and what it had not stored yet is fetched again.")
        return Result(size, found, {name: digest.hexdigest() for name, digest in self._digests.items()}, coming.validator)

    def _flushed(self, position: int) -> None:
        self._written = position

    def _primed(self, start: int) -> typing.Any:
        """The SHA-256 of what is there already, and of the others too; None where nobody asks for any."""
        if not start or not (self._expected or self._digests):
            return None
        whole = hashlib.sha256()
        with memoryview(bytearray(PIECE)) as view:
            for data in self._volume.read(0, start, view):
                for digest in (whole, *self._digests.values()):
                    digest.update(data)
        return whole


class _Belt:
    """Pieces on their way from the thread that reads to the one that writes, and back."""

    def __init__(self) -> None:
        self._free: queue.SimpleQueue[bytearray | None] = queue.SimpleQueue()
        self._full: queue.SimpleQueue[tuple[bytearray, int] | None] = queue.SimpleQueue()
        self._made = 0
        #: Why the reading thread ended, if not because it came to the end.
        self.failure: BaseException | None = None

    def take(self) -> bytearray:
        """A piece to be filled. Raises Interrupted when the belt is closed."""
        if self._made < PIECES and self._free.empty():
            self._made += 1
            return bytearray(PIECE)
        piece = self._free.get()
        if piece is None:
            raise sources.Interrupted
        return piece

    def put(self, piece: bytearray, count: int) -> None:
        self._full.put((piece, count))

    def end(self) -> None:
        """Nothing more comes."""
        self._full.put(None)

    def give_back(self, piece: bytearray) -> None:
        self._free.put(piece)

    def close(self) -> None:
        """From any thread: nobody waits any more."""
        self._free.put(None)
        self._full.put(None)

    def __iter__(self) -> Iterator[tuple[bytearray, int]]:
        return iter(self._full.get, None)
