"""Where images come from when nobody uploads them: one class for each scheme of a URL.

A scheme is an entry point of the group `image_appliance.sources`, whose value is called with `(url, policy, credentials)` and gives a
Source. What is offered is what is installed, as far as the policy allows it.
"""

import base64
import contextlib
import dataclasses
import logging
import math
import threading
import time
import typing
from collections.abc import Iterator
from importlib import metadata

from appliance import errors
from appliance.transfer.sources import guard

log = logging.getLogger(__name__)

GROUP = "image_appliance.sources"

#: Bytes of an image's beginning that `look` fetches.
HEAD = 1 << 20


class Interrupted(Exception):
    """`Source.interrupt` was called."""


@dataclasses.dataclass(frozen=True)
class Credentials:
    """A user and a password, or a bearer token. Never shown: not even by repr."""

    user: str = dataclasses.field(default="", repr=False)
    password: str = dataclasses.field(default="", repr=False)
    bearer: str = dataclasses.field(default="", repr=False)

    def __post_init__(self) -> None:
        """Raises BadCredentials."""
        if any(ord(character) < 32 or ord(character) == 127 for character in self.user + self.password + self.bearer):
            raise errors.BadCredentials(reason="there is a control character in them")
        if self.bearer and (self.user or self.password):
            raise errors.BadCredentials(reason="there are a token and a user, and only one can be sent")
        if ":" in self.user:
            raise errors.BadCredentials(reason="a user's name has no colon")
        if not self.bearer.isascii() or " " in self.bearer:
            raise errors.BadCredentials(reason="the token has characters that no token has")

    @property
    def header(self) -> str:
        """The value of an Authorization header."""
        if self.bearer:
            return f"Bearer {self.bearer}"
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of a file before it is fetched. `size` is bytes, None if the source does not say."""

    url: str  #: To be shown: without credentials, and without a query.
    name: str
    size: int | None
    content_type: str
    resumable: bool
    #: What changes when the file does (a strong ETag, or Last-Modified); None: nothing tells.
    validator: str | None
    head: bytes  #: At most HEAD bytes, fewer of a source that sends slowly.


class Stream(typing.Protocol):
    """Bytes that come from a source."""

    #: Where it really starts: 0 where the source cannot start elsewhere.
    start: int
    #: Bytes of the whole file; None if the source does not say.
    total: int | None
    validator: str | None

    def read(self, most: int) -> bytes:
        """At least one byte and at most so many, as soon as there are any; b"" at the end. Raises as `Source.reading`."""


class Source(typing.Protocol):
    """One file at its place. Not thread-safe but for `interrupt`."""

    url: str  #: To be shown.
    name: str
    host: str  #: Whom to name when it fails.

    def look(self) -> Facts:
        """What is there. Raises errors of ours; Interrupted."""

    def reading(self, start: int = 0, validator: str | None = None) -> contextlib.AbstractContextManager[Stream]:
        """The bytes from `start` on, or from 0. Raises errors of ours (SourceChanged unless `validator` still holds), Interrupted."""

    def beside(self, name: str) -> "Source":
        """The file of that name in the same place."""

    def interrupt(self) -> None:
        """From any thread: whoever waits for bytes, now or later, gets Interrupted."""


def beginning(stream: Stream, most: int, seconds: float = math.inf) -> bytes:
    """So many bytes, unless it ends before; of one that sends slowly, what has come by then. Raises as reading does."""
    found, until = bytearray(), time.monotonic() + seconds
    while len(found) < most and (data := stream.read(most - len(found))):
        found += data
        if time.monotonic() >= until:
            break
    return bytes(found)


@contextlib.contextmanager
def within(source: Source, seconds: float) -> Iterator[None]:
    """For what somebody waits for: the source is interrupted when it is not over in time, however busily it sends. Raises SourceSlow."""
    late = threading.Event()

    def end() -> None:
        late.set()
        source.interrupt()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Interrupted:
        if late.is_set():
            raise errors.SourceSlow(host=source.host, seconds=seconds) from None
        raise
    finally:
        timer.cancel()


def schemes(policy: guard.Policy) -> list[str]:
    """What URLs may begin with: installed, allowed, and possible. Sorted."""
    installed = {point.name for point in metadata.entry_points(group=GROUP)}
    return sorted(name for name in installed.intersection(policy.schemes) if name != "file" or policy.folder)


def open(url: str, policy: guard.Policy, credentials: Credentials | None = None) -> Source:
    """The source that `url` names; nothing is fetched yet. Raises BadUrl, UserInUrl, SchemeRefused, PortRefused, FileRefused."""
    url = url.strip()
    scheme = guard.scheme(url)
    offered = schemes(policy)
    if scheme not in offered:
        raise errors.SchemeRefused(scheme=scheme, allowed=", ".join(offered) or "none")
    (point,) = metadata.entry_points(group=GROUP, name=scheme)
    return point.load()(url, policy, credentials)
