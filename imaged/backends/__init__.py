"""Where an image's bytes lie: one file per URL scheme.

A backend has `size()`, `readinto(view, offset) -> count`, `write(view, offset)`, `zero(offset, count, punch)`, `flush()`,
`extents(context, start, end)`, `close()`, is a context manager, and says `features` ("extents", "dirty", "flush", "zero"), `max_readers`
and `max_writers`. `interrupt()` comes from another thread: whoever waits for the storage wakes up with an error. Offsets and counts are
bytes. What the storage refuses is NoSpace, what it cannot do Internal: no OSError comes out of it.
"""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from imaged import errors
from imaged.backends import file

_SCHEMES = {"file": file}


def locate(url: str, roots: Sequence[Path]) -> file.Place:
    """Where `url` leads. Raises BadRequest for an unknown or malformed URL, ForbiddenPath where policy says no."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        raise errors.BadRequest("Invalid value for 'url': cannot be parsed") from None
    if scheme not in _SCHEMES:
        raise errors.BadRequest(f"Invalid value for 'url': the scheme must be one of {', '.join(_SCHEMES)}")
    return _SCHEMES[scheme].locate(url, roots)
