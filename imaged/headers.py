"""The request headers of the images service, understood strictly: what could mean two things is refused."""

import base64
import binascii
import re
from typing import Any

from imaged import errors
from imaged.message import Request

_RANGE = re.compile(r"bytes=([0-9]{1,20})-([0-9]{1,20})?", re.ASCII)
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,20})-([0-9]{1,20}|\*)/([0-9]{1,20}|\*)", re.ASCII)
_DIGEST = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):\s*", re.ASCII)


def content_range(request: Request, length: int) -> int:
    """The offset at which a body of `length` bytes goes: the first byte of Content-Range, 0 without one.

    Raises BadRange when it cannot be understood, or names other bytes than the body has. (The last byte and the size may be left open.)
    """
    text = request.header("Content-Range")
    if text is None:
        return 0
    match = _CONTENT_RANGE.fullmatch(text)
    if not match:
        raise errors.BadRange(f"Invalid Content-Range {text[:100]!r}: must be bytes FIRST-LAST/SIZE or bytes FIRST-*/*")
    first = int(match[1])
    if match[2] != "*":
        last = int(match[2])
        if last < first or (match[3] != "*" and last >= int(match[3])):
            raise errors.BadRange(f"Invalid Content-Range {text!r}: the last byte lies before the first, or past the size")
        if last - first + 1 != length:
            raise errors.BadRange(f"Content-Range {text!r} has {last - first + 1} bytes, and Content-Length says {length}: make them agree")
    return first


def requested_range(request: Request) -> tuple[int, int | None] | None:
    """`(first, last or None)` of Range, both inclusive; None without one. Raises BadRange (416 here, as the contract has it)."""
    text = request.header("Range")
    if text is None:
        return None
    match = _RANGE.fullmatch(text)
    if not match or (match[2] and int(match[2]) < int(match[1])):
        error = errors.BadRange(f"Invalid Range {text[:100]!r}: must be bytes=FIRST-LAST or bytes=FIRST-")
        error.status = 416
        raise error
    return int(match[1]), int(match[2]) if match[2] else None


def content_digest(request: Request) -> bytes | None:
    """The body's SHA-256 as Content-Digest (RFC 9530) announces it; None without one. Raises BadRequest."""
    text = request.header("Content-Digest")
    if text is None:
        return None
    digests = {}
    for member in text.split(","):
        match = _DIGEST.fullmatch(member)
        if not match:
            raise errors.BadRequest("Invalid Content-Digest: must be sha-256=:BASE64:")
        digests[match[1]] = match[2]
    if "sha-256" not in digests:
        raise errors.BadRequest("Unsupported Content-Digest: the algorithm must be sha-256")
    try:
        digest = base64.b64decode(digests["sha-256"], validate=True)
    except binascii.Error:
        raise errors.BadRequest("Invalid Content-Digest: the sha-256 is not valid base64") from None
    if len(digest) != 32:
        raise errors.BadRequest(f"Invalid Content-Digest: a sha-256 has 32 bytes, not {len(digest)}")
    return digest


def flush(request: Request) -> bool:
    """Does the PUT end with a flush? `?flush=y|n`, y without. Raises BadRequest."""
    value = request.query.get("flush", "y")
    if value not in ("y", "n"):
        raise errors.BadRequest(f"Invalid value for 'flush' {value[:100]!r}: must be y or n")
    return value == "y"


def close(request: Request) -> bool:
    """Does the client want the connection to end after the answer? `?close=y`."""
    return request.query.get("close") == "y"


def number(request: Request, name: str, default: Any) -> Any:
    """The count of bytes that the argument `name` says, `default` without it. Raises BadRequest."""
    text = request.query.get(name)
    if text is None:
        return default
    if not re.fullmatch("[0-9]{1,20}", text, re.ASCII):
        raise errors.BadRequest(f"Invalid value for {name!r} {text[:100]!r}: must be a number of bytes")
    return int(text)
