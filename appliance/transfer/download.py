"""A source's bytes as one stream, however often the source breaks off: asked again where it was, with growing pauses."""

import contextlib
import hashlib
import logging
import random
import threading
import time
import typing

from appliance import errors
from appliance.transfer import sources

log = logging.getLogger(__name__)

#: What may be over when it is asked again.
PASSING = (
    errors.SourceStalled,
    errors.SourceSlow,
    errors.SourceReset,
    errors.SourceShort,
    errors.SourceUnreachable,
    errors.SourceGarbled,
    errors.UnknownName,
)
#: Answers that mean the same.
PASSING_STATUS = {408, 425, 429, 500, 502, 503, 504}
#: Seconds of the first pause, which doubles each time, and of the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
PIECE = 1 << 20
#: With a limit of bandwidth, so many pieces come in a second.
PIECES_A_SECOND = 10


class StartsAgain(Exception):
    """The source gives its file from the beginning alone, and what came before is not known well enough to be compared."""


class Download:
    """Bytes of `source` from `start` on. Used by one thread, looked at by any.

    `validator` and `total` (bytes) are what is known of the file already. `digest` is the SHA-256 of what lies before `start`; without it a
    download that begins elsewhere than at 0 has none. `attempts` is how often a source may fail without giving a byte more, `bandwidth`
    bytes a second, 0 for all. When `stopped` is set reading ends with Interrupted, as soon as the source is interrupted too.
    """

    def __init__(
        self,
        source: sources.Source,
        stopped: threading.Event,
        *,
        start: int = 0,
        validator: str | None = None,
        total: int | None = None,
        digest: typing.Any = None,
        attempts: int = 8,
        bandwidth: int = 0,
    ):
        self._source = source
        self._stopped = stopped
        self._attempts = attempts
        self._bandwidth = bandwidth
        self._stack = contextlib.ExitStack()
        self._stream: sources.Stream | None = None
        self._failures = 0
        self._due = 0.0
        #: The next byte to come.
        self.position = start
        self.validator = validator
        self.total = total
        self.digest = digest if start else hashlib.sha256()
        #: Why it waits, for people; "" while bytes come.
        self.trouble = ""
        #: How often all was read again from the beginning, because the source gives no parts.
        self.restarts = 0

    def read(self, most: int = PIECE) -> bytes:
        """At least one byte; b"" at the end. Raises errors of ours, StartsAgain, Interrupted."""
        if self._bandwidth:
            most = max(1, min(most, self._bandwidth // PIECES_A_SECOND))
        while True:
            if self._stopped.is_set():
                raise sources.Interrupted
            if self._stream is None and self.position == self.total:
                # Nothing lies behind the last byte, and a server would refuse to give that.
                return b""
            try:
                data = self._opened().read(most)
                if not data:
                    self._check_end()
            except errors.ApplianceError as error:
                self.close()
                if not passing(error):
                    raise
                self._pause(error)
                continue
            self._took(data)
            return data

    def close(self) -> None:
        self._stream = None
        self._stack.close()

    def _opened(self) -> sources.Stream:
        """The stream at `position`."""
        if self._stream:
            return self._stream
        stream = self._stack.enter_context(self._source.reading(self.position, self.validator))
        if self.total is not None and stream.total not in (None, self.total):
            raise errors.SourceChanged(host=self._source.host, name=self._source.name)
        self.validator = self.validator or stream.validator
        self.total = stream.total if self.total is None else self.total
        if stream.start != self.position:
            self._skip(stream)
        self._stream = stream
        return stream

    def _skip(self, stream: sources.Stream) -> None:
        """Reads what came already once more, and sees that it is the same."""
        if self.digest is None:
            raise StartsAgain
        log.info("%s gives no parts: %s is read again from its beginning", self._source.host, self._source.url)
        self.restarts += 1
        again = hashlib.sha256()
        left = self.position
        while left:
            if self._stopped.is_set():
                raise sources.Interrupted
            data = stream.read(min(left, PIECE))
            if not data:
                raise errors.SourceChanged(host=self._source.host, name=self._source.name)
            again.update(data)
            left -= len(data)
        if again.digest() != self.digest.digest():
            raise errors.SourceChanged(host=self._source.host, name=self._source.name)

    def _took(self, data: bytes) -> None:
        self.position += len(data)
        if data:
            self._failures = 0
            self.trouble = ""
        if self.total is not None and self.position > self.total:
            raise errors.SourceLong(host=self._source.host, name=self._source.name, expected=self.total)
        if self.digest is not None:
            self.digest.update(data)
        if self._bandwidth:
            self._due = max(self._due, time.monotonic()) + len(data) / self._bandwidth
            self._stopped.wait(self._due - time.monotonic())

    def _check_end(self) -> None:
        if self.total is not None and self.position < self.total:
            missing = self.total - self.position
            raise errors.SourceShort(host=self._source.host, name=self._source.name, missing=missing, expected=self.total)

    def _pause(self, error: errors.ApplianceError) -> None:
        """Waits before the next attempt. Raises `error` if there is none."""
        self._failures += 1
        if self._failures > self._attempts:
            raise error
        self.trouble = error.sentence
        # Half of it by chance: a source that many wait for is not asked by all of them at once. The first time at once.
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self._failures - 2)) * random.uniform(0.5, 1) if self._failures > 1 else 0
        log.info("%s: %s Attempt %d of %d in %.1f s", self._source.url, error.sentence, self._failures, self._attempts, pause)
        self._stopped.wait(pause)


def passing(error: errors.ApplianceError) -> bool:
    """May it be over when it is asked again?"""
    return isinstance(error, PASSING) or (isinstance(error, errors.SourceFailed) and error.words["status"] in PASSING_STATUS)
