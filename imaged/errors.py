"""Every way in which the daemon says no: a stable code, a status, and one line that says what is wrong.

Deep code raises one of these; `services.App` renders it: a line of text with the header `Error-Code` on the images and tickets
resources, as oVirt's clients expect, and `{"code", "message", "details"}` on the storage resources.
"""

import errno
import logging

log = logging.getLogger(__name__)


class DaemonError(Exception):
    """Base of them all. `details` (JSON-able) and `headers` go out with the answer; the message is one line, for people."""

    code = "internal"
    status = 500
    #: The answer ends the connection even where the request's body was read.
    close = False

    def __init__(
        self,
        message: str,
        *,
        details: dict | None = None,
        headers: dict[str, str] | None = None,
    ):
        super().__init__(message)
        self.message = message
        self.details = details or {}
        self.headers = headers or {}


class Internal(DaemonError):
    """The daemon's own failure. The reason is in the log, not in the answer."""

    def __init__(self, message: str = "Server failed to perform the request, check logs"):
        super().__init__(message)


class BadRequest(DaemonError):
    """The request is malformed, whoever sent it."""

    code = "bad-request"
    status = 400


class LengthRequired(BadRequest):
    """A body without Content-Length: absent, not a number, negative, or chunked."""

    code = "length-required"
    close = True


class TooLarge(BadRequest):
    """A JSON body or a list that is longer than the daemon takes."""

    code = "too-large"
    status = 413


class TooLong(BadRequest):
    """The request's target is longer than any of ours."""

    code = "too-long"
    status = 414
    close = True


class BadRange(BadRequest):
    """Range or Content-Range cannot be understood, or disagrees with the body's length."""

    code = "bad-range"


class OutOfRange(DaemonError):
    """The range ends past the ticket's or the image's size."""

    code = "out-of-range"
    status = 416

    def __init__(self, message: str, size: int):
        super().__init__(message, headers={"Content-Range": f"bytes */{size}"})


class ShortBody(BadRequest):
    """The peer ended before it had sent what it announced. What came is written, but not flushed."""

    code = "short-body"
    close = True

    def __init__(self, expected: int, received: int):
        super().__init__(f"Requested {expected} bytes, available {received} bytes")


class Stalled(DaemonError):
    """The peer sent (or took) nothing for the ticket's inactivity_timeout."""

    code = "stalled"
    status = 500
    close = True

    def __init__(
        self,
        message: str = "The connection stalled: nothing moved for the inactivity timeout",
    ):
        super().__init__(message)


class DigestMismatch(BadRequest):
    """The bytes that arrived are not those that were digested: the range does not count."""

    code = "digest-mismatch"


class NotAuthorized(DaemonError):
    """Base of the refusals that end the connection. `reason` completes the sentence."""

    status = 403
    close = True

    def __init__(self, reason: str):
        super().__init__(f"You are not allowed to access this resource: {reason}")


class NoTicket(NotAuthorized):
    code = "no-ticket"


class TicketExpired(NotAuthorized):
    code = "ticket-expired"


class TicketCanceled(NotAuthorized):
    code = "ticket-canceled"


class ForbiddenOp(NotAuthorized):
    code = "forbidden-op"


class ForbiddenPath(DaemonError):
    """The path lies outside the configured roots, or is not a plain file."""

    code = "forbidden-path"
    status = 403


class NotFound(DaemonError):
    code = "not-found"
    status = 404


class MethodNotAllowed(DaemonError):
    """`allow` is the comma list of the methods that the resource has."""

    code = "method-not-allowed"
    status = 405

    def __init__(self, method: str, allow: str):
        super().__init__(
            f"Invalid method {method!r}: this resource allows {allow}",
            headers={"Allow": allow},
        )


class Conflict(DaemonError):
    code = "conflict"
    status = 409


class StillActive(Conflict):
    """A revoked ticket's operation did not end in time. The ticket stays, canceled: ask again."""

    code = "still-active"


class NoSpace(DaemonError):
    """The device, the quota or the file system's size limit is reached."""

    code = "no-space"
    status = 507


class NoFile(DaemonError):
    """The ticket's file is not there (any more), or the daemon may not open it."""

    code = "no-file"
    status = 500


class Canceled(Exception):
    """An operation stopped because its ticket was revoked: the ticket turns it into TicketCanceled."""


def storage(error: OSError) -> DaemonError:
    """What the storage's refusal means to a client: NoSpace, or Internal with the reason in the log alone."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoSpace(f"The storage cannot take the data: {error.strerror}")
    log.error("The storage failed: %s", error)
    return Internal()
