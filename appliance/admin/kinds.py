"""What kind of transfer it is: where imports, and those of oVirt's clients, which are of disks that exist, differ from uploads."""

from appliance.admin import models
from appliance.admin.phases import Phase

#: The client of transfers that were started through oVirt's API.
OVIRT = "ovirt"
#: The client of transfers whose bytes the appliance itself fetches.
IMPORT = "import"
#: The client of uploads that come by Glance's API, in one request each.
GLANCE = "glance"


def of_disk(transfer: models.Transfer) -> bool:
    """It is of a disk that was there before it; there are no heartbeats, and whoever knows its ticket may move its bytes."""
    return transfer.client == OVIRT


def imported(transfer: models.Transfer) -> bool:
    """The appliance itself fetches its bytes: there is no client to be there, and none to finalize it."""
    return transfer.client == IMPORT


def arrives(transfer: models.Transfer) -> bool:
    """What becomes of its bytes is the import pipeline's."""
    return transfer.imported is not None


def volumes(transfer: models.Transfer) -> tuple[str, ...]:
    """All that may be on the host of it: what its bytes come into, and what that is converted to."""
    target = transfer.imported.target if transfer.imported else None
    return (transfer.volume, target) if target else (transfer.volume,)


def beats(transfer: models.Transfer) -> bool:
    """Its client tells that it is there by heartbeats."""
    return not of_disk(transfer) and not imported(transfer)


def once(transfer: models.Transfer) -> bool:
    """Its bytes come in one request: when that is over, nobody can go on with it."""
    return transfer.client == GLANCE


def cut(transfer: models.Transfer) -> bool:
    """How many bytes come may be known only when they have: the volume that was made for them may be larger."""
    return transfer.client in (IMPORT, GLANCE)


def waits(transfer: models.Transfer) -> bool:
    """It is an import that has not begun, or begins anew: nothing of it has arrived, and the worker asks a host when its turn has come."""
    anew = transfer.phase == Phase.RESUMING and not transfer.durable
    return imported(transfer) and (transfer.phase == Phase.INITIALIZING or anew)


def begins(transfer: models.Transfer) -> bool:
    """Its host is asked for it at this moment, and nobody pauses that."""
    return transfer.phase == Phase.INITIALIZING and not imported(transfer)


def word(transfer: models.Transfer) -> str:
    """What people call it."""
    return "import" if imported(transfer) else transfer.direction


def download(transfer: models.Transfer) -> bool:
    return transfer.direction == "download"


def replaces(transfer: models.Transfer) -> bool:
    """It brings a whole new file for a disk: nothing of the old one is kept."""
    return of_disk(transfer) and not download(transfer) and not transfer.export and transfer.format == "qcow2"
