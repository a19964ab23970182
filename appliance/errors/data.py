"""The data path: tickets, sessions, and bodies full of bytes."""

from appliance.errors.base import ApplianceError


class BadTicket(ApplianceError):
    """A signed ticket was refused. `reason` is for the operator's log: whoever brought the ticket is not told which check it failed."""

    code = "bad-ticket"
    status = 401
    says = "The ticket is not valid."
    hint = "Ask for a new ticket for this transfer, and open a new session with it."

    def __init__(self, reason: str):
        self.reason = reason
        super().__init__()


class NoSession(ApplianceError):
    """A request for bytes without a session, or with one that is not known (any more)."""

    code = "no-session"
    status = 401
    says = "There is no such session."
    hint = "Ask for a new ticket for this transfer and open a new session; of an oVirt client's transfer, ask for its address again."


class SessionReplaced(ApplianceError):
    """A newer session for the same transfer has taken over."""

    code = "session-replaced"
    status = 409
    says = "A newer session for the same transfer has taken over."
    hint = "The transfer goes on where it was opened last."


class ForbiddenOp(ApplianceError):
    """The session's ticket does not allow `op` ("read" or "write")."""

    code = "forbidden-op"
    status = 403
    says = "The ticket forbids to {op}."
    hint = "Use a ticket that was issued for it."


class WrongImage(ApplianceError):
    """The session is for another image than the address names."""

    code = "no-ticket"
    status = 403
    says = "The session is for another image."
    hint = "Use the address that came with the ticket."


class Busy(ApplianceError):
    """As many transfers of bytes run as may."""

    code = "busy"
    status = 503
    says = "Too many transfers run at this moment."
    hint = "Try again in a moment."
    retry_after = 2


class LengthRequired(ApplianceError):
    """A body whose length is not announced."""

    code = "length-required"
    status = 411
    says = "The request needs a Content-Length, and no Transfer-Encoding."
    hint = "Send the body in one piece of known length."


class BadRange(ApplianceError):
    """Content-Range that cannot be understood, or that disagrees with Content-Length."""

    code = "bad-range"
    status = 400
    says = "The Content-Range is wrong: {reason}."
    hint = "Write it as bytes FIRST-LAST/SIZE, where LAST - FIRST + 1 is the Content-Length."


class OutOfRange(ApplianceError):
    """Bytes that the image has no place for. `size` is the image's, in bytes."""

    code = "out-of-range"
    status = 416
    says = "The range lies outside the image, which has {size} bytes."
    hint = "Stay between 0 and the image's size."


class ShortBody(ApplianceError):
    """The client's connection ended before the announced end of the body."""

    code = "short-body"
    status = 400
    says = "The body ended before its announced length."
    hint = "Send the piece again; what has arrived of it may not count."


class Stalled(ApplianceError):
    """Nothing came from the client for too long."""

    code = "stalled"
    status = 408
    says = "The body stopped arriving."
    hint = "Send the piece again."
