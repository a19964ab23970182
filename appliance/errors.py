"""Every error a person can meet, declared once: a stable code, a status, a sentence, and what to do about it.

Deep code raises one; each face of `web/` renders it in its own protocol's form; nobody in between catches it.
`says` and `hint` are format strings over the keyword arguments given; the spec `size` writes bytes as a person would: `{free:size}`.
"""

from imaged import units


class _Words:
    """Gives a value the extra format spec `size`."""

    def __init__(self, value):
        self._value = value

    def __format__(self, spec: str) -> str:
        return units.size(self._value) if spec == "size" else format(self._value, spec)


class ApplianceError(Exception):
    """Base of them all. `details` (JSON-able) is shown to API clients beside the sentence."""

    code = "error"
    status = 500
    says = "Something went wrong."
    hint = ""

    def __init__(self, *, details: dict | None = None, **words):
        self.words = words
        self.details = details or {}
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        return self.says.format(**{key: _Words(value) for key, value in self.words.items()})

    @property
    def advice(self) -> str:
        return self.hint.format(**{key: _Words(value) for key, value in self.words.items()})


class NotAllowed(ApplianceError):
    """The transfer's phase has no such move. `phase` and `event` are their names."""

    code = "not-allowed"
    status = 409
    says = "The transfer is {phase}: it cannot {event} now."
    hint = "Look at the transfer's phase, and use one of the actions it lists."


class NoSpace(ApplianceError):
    """The domain cannot take the image. `needed` and `free` are bytes."""

    code = "no-space"
    status = 409
    says = "{domain} has {free:size} free, and {name} needs {needed:size}."
    hint = "Delete an image or choose another storage domain."


class HostDown(ApplianceError):
    """The host did not answer."""

    code = "host-down"
    status = 503
    says = "Host {host} does not answer."
    hint = "Check that imaged runs there and that the network is up; what has arrived is safe, try again then."


class NoHost(ApplianceError):
    """No active host sees the storage domain, or not the one that was asked for."""

    code = "no-host"
    status = 503
    says = "No host that could do it is active and sees storage domain {domain}."
    hint = "Activate a host that sees the domain, or leave the choice of the host to the appliance."


class HostExists(ApplianceError):
    code = "host-exists"
    status = 409
    says = "There already is a host named {name}, or one at its address."
    hint = "Choose another name, or remove that host first; `image-appliance host token NAME` enrols a host that is there anew."


class HostInUse(ApplianceError):
    """A host that cannot go yet. `reason` is a clause."""

    code = "host-in-use"
    status = 409
    says = "Host {host} cannot be removed: {reason}."
    hint = "Put it into maintenance, and end or cancel what it still has; a storage domain that only it sees has to be removed before."


class BadEnrolment(ApplianceError):
    """A host's request for its first certificate that is refused. `reason` is a clause."""

    code = "bad-enrolment"
    status = 403
    says = "The host cannot be enrolled: {reason}."
    hint = "Get a new token from an administrator: `image-appliance host token NAME`. Each is good for one host, once, for an hour."


class DomainExists(ApplianceError):
    code = "domain-exists"
    status = 409
    says = "There already is a storage domain named {name}."
    hint = "Choose another name. On another host, shared storage is found by itself as soon as that host sees it under one of its roots."


class DomainInUse(ApplianceError):
    """A storage domain that cannot go yet. `reason` is a clause."""

    code = "domain-in-use"
    status = 409
    says = "Storage domain {domain} cannot be removed: {reason}."
    hint = "Delete its images, and end or cancel its transfers; then remove it. Its directory stays on the host."


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
    hint = "Ask for a new ticket for this transfer, and open a new session with it."


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


class NotFound(ApplianceError):
    """There is no such thing. `what` is the kind of thing: "image", "transfer", "page"."""

    code = "not-found"
    status = 404
    says = "There is no such {what}."
    hint = "It may have been deleted: look at the list it came from."


class MethodNotAllowed(ApplianceError):
    """The address exists and does not take this method. `allowed` names those it takes."""

    code = "method-not-allowed"
    status = 405
    says = "This address does not take {method}."
    hint = "Use one of: {allowed}."


class NotLoggedIn(ApplianceError):
    """No session cookie or API token, or one that is not valid (any more): the asker is not told which."""

    code = "not-logged-in"
    status = 401
    says = "You are not logged in, or your login has ended."
    hint = "Log in again; a script needs a valid API token in its Authorization header: Bearer TOKEN."


class Forbidden(ApplianceError):
    """The user's role, or not being the owner, forbids it. `role` is the user's, `action` completes "may not"."""

    code = "forbidden"
    status = 403
    says = "Your role ({role}) may not {action}."
    hint = "Ask an administrator to do it, or for another role."


class BadCsrf(ApplianceError):
    """An unsafe request with a cookie that did not prove that it comes from our own page."""

    code = "bad-csrf"
    status = 403
    says = "This request does not come from a page of this appliance, or its page is too old."
    hint = "Load the page again, then repeat what you did."


class BadRequest(ApplianceError):
    """A request that cannot be understood. `reason` is a clause that says why."""

    code = "bad-request"
    status = 400
    says = "The request cannot be understood: {reason}."
    hint = "Correct the request; docs/api.md and /api/v1/openapi.json show what is expected."


class TooLarge(ApplianceError):
    """A body above the cap. `limit` is bytes."""

    code = "too-large"
    status = 413
    says = "The body of this request may have at most {limit:size}."
    hint = "Send a smaller body; an image's bytes go to the address that its ticket names."


class UnsupportedType(ApplianceError):
    """A body of another content type than the `wanted` one."""

    code = "unsupported-type"
    status = 415
    says = "The body of this request must be {wanted}."
    hint = "Send it with the header Content-Type: {wanted}."


class Invalid(ApplianceError):
    """A value that cannot be accepted. `field` is its name in the request, `reason` a clause that says why."""

    code = "invalid"
    status = 422
    says = "{field}: {reason}."
    hint = "Correct {field} and try again."


class Internal(ApplianceError):
    """A fault of ours: the traceback is in the log, under the id that the answer shows."""

    code = "internal"
    status = 500
    says = "Something went wrong inside the appliance."
    hint = "Try again. If it happens again, give the administrator this error's id: it finds the cause in the log."


class BadName(ApplianceError):
    """A name that an image cannot have. `reason` is a clause."""

    code = "bad-name"
    status = 422
    says = "This name cannot be used: {reason}."
    hint = "Choose another name; it need not be the file's."


class NameTaken(ApplianceError):
    """The domain has a good image, or a running upload, of that name."""

    code = "name-taken"
    status = 409
    says = "{domain} already has an image named {name}, or an unfinished upload of it."
    hint = "Choose another name, delete the image, or resume or cancel the unfinished upload."


class WrongDomain(ApplianceError):
    """The domain does not take images of this format."""

    code = "wrong-domain"
    status = 422
    says = "{domain} takes ISO images only, and this one is {format}."
    hint = "Choose a storage domain for disks."


class DifferentFile(ApplianceError):
    """What a resuming client shows is not the file that the upload was started with. `difference` is a clause about the file."""

    code = "different-file"
    status = 409
    says = "This is not the same file: it {difference}."
    hint = "Choose the file that the upload was started with, or cancel the upload and start a new one."


class Unproven(ApplianceError):
    """A resume that does not show what was asked for. `reason` is a clause."""

    code = "unproven"
    status = 422
    says = "The upload cannot be resumed like this: {reason}."
    hint = "Ask for the transfer's pieces, hash them from the file, and send size and digests with the resume."


class Incomplete(ApplianceError):
    """Finalize with bytes missing. `missing` is their number; the ranges are in the details."""

    code = "incomplete"
    status = 409
    says = "{missing:size} of the image have not arrived for good."
    hint = "Send the missing ranges, flush, and finalize again."


class ImageLocked(ApplianceError):
    """A transfer of the image is not finished, or it is being made or deleted. `reason` is a clause."""

    code = "image-locked"
    status = 409
    says = "{name} is locked: {reason}."
    hint = "Wait until it is finished, or cancel its transfer."


class IdTaken(ApplianceError):
    """A client's own choice of an id that something has already."""

    code = "id-taken"
    status = 409
    says = "There already is an image with the id {id}."
    hint = "Choose another id, or leave the choice to the appliance."


class NoPause(ApplianceError):
    """A person wants to pause a download."""

    code = "no-pause"
    status = 409
    says = "A download cannot be paused: its client decides when it reads."
    hint = "Cancel it, or let its client wait: a download ends by itself only when nothing is read for its inactivity timeout."


class NoSignedTicket(ApplianceError):
    """A signed ticket is asked for a transfer that needs none."""

    code = "no-signed-ticket"
    status = 409
    says = "This transfer was started by an oVirt client: its bytes go to its own addresses, without a signed ticket."
    hint = "Use the transfer_url or the proxy_url that the oVirt API shows for it."


class ImageIllegal(ApplianceError):
    """There are no bytes to read: the image failed its verification."""

    code = "image-illegal"
    status = 409
    says = "{name} is not a good image: {reason}"
    hint = "Delete it, and upload it again."


class HostRefused(ApplianceError):
    """The host answered no where none was expected. `reason` is its own sentence."""

    code = "host-refused"
    status = 502
    says = "Host {host} refused: {reason}"
    hint = "Look at the log of imaged on that host."


class WrongPassword(ApplianceError):
    """The same whether the user exists or not."""

    code = "wrong-password"
    status = 401
    says = "The name or the password is wrong."
    hint = "Try again, or ask an administrator for a new password."


class TooManyAttempts(ApplianceError):
    """Logins of this user or from this address failed too often. `seconds` until the next try."""

    code = "too-many-attempts"
    status = 429
    says = "Too many logins failed."
    hint = "Try again in {seconds} seconds."

    def __init__(self, seconds: int):
        self.retry_after = seconds
        super().__init__(seconds=seconds)


class BadPassword(ApplianceError):
    """A new password that is not accepted. `reason` is a clause."""

    code = "bad-password"
    status = 422
    says = "This password cannot be used: {reason}."
    hint = "Choose another one; a few unrelated words are long and easy to remember."


class UserExists(ApplianceError):
    code = "user-exists"
    status = 409
    says = "There already is a user named {name}."
    hint = "Choose another name."


class LastAdmin(ApplianceError):
    """Without an administrator nobody could make one."""

    code = "last-admin"
    status = 409
    says = "{name} is the only administrator."
    hint = "Make another user an administrator first."


class AlreadyRunning(ApplianceError):
    """Another process has the state directory. `pid` is its number, as text."""

    code = "already-running"
    status = 409
    says = "The appliance is running already on {state_dir} (process {pid})."
    hint = "Stop that one first, or give this one a state directory of its own with --state-dir."


class BadState(ApplianceError):
    """The state directory cannot be used. `reason` is a clause that says why."""

    code = "bad-state"
    status = 500
    says = "The state directory cannot be used: {reason}."
    hint = "Make it usable for this user, or choose another one with --state-dir."


class PortTaken(ApplianceError):
    """An address that cannot be listened on. `setting` is the port's setting, `reason` a clause that says why."""

    code = "port-taken"
    status = 500
    says = "Cannot listen on {host}, port {port}: {reason}."
    hint = "Stop the program that uses it, or choose another port: --port N, or the setting {setting} (0 switches a second port off)."


class NoSuchAddress(ApplianceError):
    """An address to listen on that is not this machine's."""

    code = "no-address"
    status = 500
    says = "Cannot listen on {host}: this machine has no such address."
    hint = "Give --host, or the setting host, an address of this machine; left empty, it stands for all of them."


class DaemonFailed(ApplianceError):
    """The local imaged does not start. `reason` is what it said last."""

    code = "daemon-failed"
    status = 500
    says = "The host daemon imaged does not start: {reason}."
    hint = "Its messages are in the log; the settings daemon_port and state_dir decide where it listens."
