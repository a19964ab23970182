"""Downloads: an image's bytes from its host to whoever may have them, resumable with any tool."""

import base64
import logging
import re
import unicodedata
import urllib.parse

import webob

from appliance import errors
from appliance.admin import views
from appliance.transfer import relay, sessions, slots
from appliance.web import answers, reading
from imaged import httpd

log = logging.getLogger(__name__)

#: Characters of a file's name; with its encoding, browsers and file systems take no more than 255 bytes.
MAX_NAME = 200

#: One range of bytes: from a place on, or so many from the end. Longer numbers mean no image of ours.
_RANGE = re.compile(r"bytes=(?:([0-9]{1,30})-([0-9]{1,30})?|-([0-9]{1,30}))", re.ASCII | re.IGNORECASE)


class Downloads:
    """Answers requests for a whole image: `GET, HEAD /api/v1/images/{id}/data`."""

    def __init__(self, live: sessions.Sessions, passing: relay.Relay, room: slots.Slots):
        self._sessions = live
        self._relay = passing
        self._slots = room

    def __call__(self, image: views.OpenImage, request: webob.Request) -> answers.Answer:
        """The answer to a GET or HEAD of an image's bytes, which the asker may read: that has been decided.

        One range, If-Range and If-None-Match are honoured; several ranges are answered with the whole, as the standard allows.
        Its digest is its ETag; while that is not known, when it was completed tells it from what it was before.
        Raises errors.OutOfRange, Busy, HostDown.
        """
        completed = image.completed_at.timestamp() if image.completed_at else 0
        etag = f'"{image.sha256 or f"{image.id}-{completed:.6f}"}"'
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": disposition(image.name),
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Cache-Control": "private, no-cache",
            "X-Content-Type-Options": "nosniff",
        }
        if image.sha256:
            headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(image.sha256)).decode()}:"
        if _lists(request.environ.get("HTTP_IF_NONE_MATCH", ""), etag):
            return answers.Answer(304, b"", {"ETag": etag})
        part = _part(request.environ, image.size, etag)
        start, end = part or (0, image.size)
        status = 206 if part else 200
        if part:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{image.size}"
        headers["Content-Length"] = str(end - start)
        if request.method == "HEAD" or start == end:
            return answers.Answer(status, b"", headers)
        session = self._sessions.detached(host=image.host, ticket=image.ticket, size=image.size)
        head, pieces = reading.begin(
            self._relay, self._slots, session, [("Range", f"bytes={start}-{end - 1}")], httpd.Body(request.environ)
        )
        if head.status != 206:
            pieces.close()
            log.error("Host %s refused a download: %s %s", image.host, head.status, head.headers.get("Error-Code"))
            raise errors.HostDown(host=image.host)
        return answers.Answer(status, pieces, headers)


def disposition(name: str) -> str:
    """The Content-Disposition that saves a file as `name` (RFC 6266, 8187), whatever is in it: no path, no control character."""
    kept = "".join("_" if character in '/\\:*?"<>|' or unicodedata.category(character)[0] == "C" else character for character in name)
    kept = kept.strip(" .")[:MAX_NAME] or "image"
    plain = unicodedata.normalize("NFKD", kept).encode("ascii", "ignore").decode().replace("%", "_").strip(" .") or "image"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{urllib.parse.quote(kept, safe='')}"


def _part(environ: dict, size: int, etag: str) -> tuple[int, int] | None:
    """The half-open range of bytes that is asked for, None for the whole. Raises errors.OutOfRange if the image has no byte of it."""
    wanted = environ.get("HTTP_RANGE")
    if wanted is None or environ["REQUEST_METHOD"] != "GET" or environ.get("HTTP_IF_RANGE", etag) != etag:
        return None
    match = _RANGE.fullmatch(wanted.strip())
    if match is None:
        return None  # several ranges, another unit, or none that could be understood: the standard has them ignored
    first, last, suffix = match.groups()
    if suffix is not None:
        # More than there is means all of it; of none, nothing can be sent.
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise errors.OutOfRange(size=size)
    return start, end


def _lists(header: str, etag: str) -> bool:
    """Whether an If-None-Match names the ETag; a weak comparison, as it asks for."""
    return any(given.strip().removeprefix("W/") in (etag, "*") for given in header.split(","))
