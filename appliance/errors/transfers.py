"""The life of a transfer: what it cannot do now, and what does not fit it."""

from appliance.errors.base import ApplianceError


class NotAllowed(ApplianceError):
    """The transfer's phase has no such move. `phase` and `event` are their names."""

    code = "not-allowed"
    status = 409
    says = "The transfer is {phase}: it cannot {event} now."
    hint = "Look at the transfer's phase, and use one of the actions it lists."


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
