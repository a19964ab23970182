"""What becomes of an oVirt client's transfer on which nothing happens: there are no heartbeats, so silence must tell."""

from appliance.admin import kinds, models
from appliance.admin.phases import Event

#: A download whose every byte was sent, and on which nothing has happened for this long, is finalized unasked, in seconds.
READ_OUT = 5.0


def verdict(transfer: models.Transfer, silence: float, transferred: int) -> tuple[Event, tuple[str, str] | None] | None:
    """What has to happen to the transfer, and why, after `silence` seconds without a byte; None: nothing.

    `transferred` are the bytes that have moved.
    """
    if kinds.download(transfer) and transferred >= transfer.size and silence >= READ_OUT:
        return Event.FINALIZE, None
    if not transfer.inactivity_timeout or silence <= transfer.inactivity_timeout:
        return None
    ends = transfer.timeout_policy == "cancel" or (transfer.timeout_policy == "legacy" and kinds.download(transfer))
    reason = "inactivity", f"Nothing was transferred for {transfer.inactivity_timeout} seconds."
    return (Event.FAIL if ends else Event.LOST), reason
