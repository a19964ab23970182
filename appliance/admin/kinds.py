"""What kind of transfer it is: where those of oVirt's clients, which are of disks that exist, differ from uploads of new images."""

from appliance.admin import models

#: The client of transfers that were started through oVirt's API.
OVIRT = "ovirt"


def of_disk(transfer: models.Transfer) -> bool:
    """It is of a disk that was there before it; there are no heartbeats, and whoever knows its ticket may move its bytes."""
    return transfer.client == OVIRT


def download(transfer: models.Transfer) -> bool:
    return transfer.direction == "download"


def replaces(transfer: models.Transfer) -> bool:
    """It brings a whole new file for a disk: nothing of the old one is kept."""
    return of_disk(transfer) and not download(transfer) and not transfer.export and transfer.format == "qcow2"
