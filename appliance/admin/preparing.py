"""What a ticket on a host leads to: a volume that is made for it, a disk's file, or the disk that a guest would see in that file."""

from appliance.admin import kinds, models
from appliance.admin.phases import Phase
from imaged import client


def prepare(control: client.Control, transfer: models.Transfer) -> str:
    """The URL for the transfer's ticket; what it names is there, and ready. Repeatable. Raises as `control` does."""
    domain, volume = transfer.domain_id, transfer.volume
    if not kinds.of_disk(transfer):
        made = control.create_volume(domain, volume, size=transfer.size, allocation=transfer.allocation, initial_size=transfer.initial_size)
        return made["url"]
    if transfer.export:
        return control.export(domain, volume, transfer.id, read_only=kinds.download(transfer))["url"]
    if kinds.download(transfer) or transfer.phase != Phase.INITIALIZING:
        return control.volume(domain, volume)["url"]
    # Nobody has the ticket yet. What an earlier upload left (its journal; the end of a longer file) must not pass for this one's.
    if kinds.replaces(transfer):
        return control.reset_volume(domain, volume)["url"]
    return control.complete_volume(domain, volume)["url"]


def release(control: client.Control, transfer: models.Transfer) -> None:
    """Nobody reads or writes by what was made for the transfer alone; its ticket has been revoked. Repeatable. Raises as `control` does."""
    if transfer.export:
        control.end_export(transfer.domain_id, transfer.volume, transfer.id)
