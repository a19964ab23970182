"""Where an image's bytes lie: one file per URL scheme, and one for block devices.

A backend has `size()`, `readinto(view, offset) -> count`, `write(view, offset)`, `zero(offset, count, punch)`, `flush()`,
`extents(context, start, end)`, `close()`, is a context manager, and says `features` ("extents", "dirty", "flush", "zero"), `max_readers`
and `max_writers`. `interrupt()` comes from another thread: whoever waits for the storage wakes up with an error. Offsets and counts are
bytes. What the storage refuses is NoSpace, what it cannot do Internal: no OSError comes out of it.
"""

from typing import Any, Protocol
from urllib.parse import urlsplit

from imaged import errors
from imaged.backends import device, file, http, nbd
from imaged.backends.policy import Policy

SCHEMES = ("file", "nbd", "http", "https")


class Place(Protocol):
    """Where an image is. Equal places are the same image."""

    #: The file, if it is one, beside which a journal may tell what is durable of it.
    @property
    def journaled(self) -> str | None: ...

    def open(self, *, write: bool) -> Any:
        """A backend. Raises DaemonError."""

    def close(self) -> None:
        """No ticket leads here any more: connections that were kept are closed."""

    def tidy(self) -> None:
        """Called now and then: files that were kept for a next request, which did not come, are closed."""


def locate(url: str, allowed: Policy, *, dirty: bool = False) -> Place:
    """Where `url` leads. Raises BadRequest for an unknown or malformed URL, ForbiddenPath where policy says no."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        raise errors.BadRequest("Invalid value for 'url': cannot be parsed") from None
    if scheme == "file":
        return device.locate(url, allowed) or file.locate(url, allowed.roots)
    if scheme == "nbd":
        return nbd.locate(url, allowed, dirty)
    if scheme in ("http", "https"):
        return http.locate(url, allowed)
    raise errors.BadRequest(f"Invalid value for 'url': the scheme must be one of {', '.join(SCHEMES)}")
