"""/imagetransfers: the appliance's transfers, those of browsers too."""

import functools
from collections.abc import Callable

from appliance import errors
from appliance.admin import views
from appliance.web.ovirt import disks, hosts, search
from appliance.web.ovirt.calls import Call, every
from appliance.web.ovirt.documents import Entity, Many, many
from appliance.web.ovirt.given import Given
from appliance.web.ovirt.paths import of

FOLLOWS = ("host", "disk", "image")

ACTIONS = ("extend", "pause", "resume", "cancel", "finalize")

FORMATS = {"raw": "raw", "cow": "qcow2"}

#: The longest inactivity that can be waited for, in seconds: what oVirt's 32 bits hold.
MAX_INACTIVITY = (1 << 31) - 1

FIELDS = {
    "id": lambda transfer: transfer.id,
    "name": lambda transfer: transfer.name,
    "disk": lambda transfer: transfer.image_id,
    "phase": lambda transfer: search.Word(transfer.phase),
    "direction": lambda transfer: search.Word(transfer.direction),
    "correlation_id": lambda transfer: transfer.correlation_id,
    "storage.name": lambda transfer: transfer.domain.name,
}


def index(call: Call) -> Many:
    found = call.found(every(functools.partial(call.admin.transfers.page, call.user)), FIELDS)
    return many("image_transfers", "image_transfer", (entity(call, transfer) for transfer in found))


def show(call: Call) -> Entity:
    return entity(call, call.admin.transfers.get(call.user, call.id))


def add(call: Call) -> Entity:
    return entity(call, call.admin.transfers.start(call.user, _wanted(call)))


def action(name: str) -> Callable[[Call], Entity]:
    """The handler of one of ACTIONS. Its answer has a body: oVirt's SDK takes nothing else for success."""

    def act(call: Call) -> Entity:
        getattr(call.admin.transfers, name)(call.user, call.id)
        return Entity("action", {"status": "complete"})

    return act


def entity(call: Call, transfer: views.Transfer) -> Entity:
    href = of("imagetransfers", transfer.id)
    members = {
        "active": transfer.phase == "transferring",
        "direction": transfer.direction,
        "format": disks.format_of(transfer.format),
        "inactivity_timeout": transfer.inactivity_timeout,
        "name": transfer.name,
        "phase": transfer.phase,
        "proxy_url": transfer.proxy_url,
        # Not oVirt's: why it is paused, or what went wrong.
        "reason": transfer.reason,
        "shallow": transfer.shallow,
        "timeout_policy": transfer.timeout_policy,
        "transfer_url": transfer.transfer_url,
        # A ticket counts its own bytes: after a resume, what came before is known by what is durable.
        "transferred": max(transfer.transferred_bytes, transfer.durable_bytes),
        "host": _host(call, transfer),
        "disk": _disk(call, transfer, "disk"),
        "image": _disk(call, transfer, "image"),
    }
    return Entity("image_transfer", members, id=transfer.id, href=href)


def _host(call: Call, transfer: views.Transfer) -> Entity | None:
    if transfer.host is None:
        return None
    return hosts.entity(call.admin.hosts.get(transfer.host.id)) if "host" in call.follow else hosts.ref(transfer.host)


def _disk(call: Call, transfer: views.Transfer, tag: str) -> Entity | None:
    if transfer.image_id is None:
        return None
    if tag in call.follow:
        return disks.entity(call, call.admin.images.get(transfer.image_id))
    return disks.ref(tag, transfer.image_id)


def _wanted(call: Call) -> views.NewImageTransfer:
    given = call.given
    if given.child("snapshot") is not None or given.child("backup") is not None:
        raise errors.Invalid(field="image_transfer", reason="here are neither snapshots nor backups: name a disk")
    host = given.child("host")
    image = _image(given)
    format = given.choice("format", tuple(FORMATS))
    return views.NewImageTransfer(
        image=image,
        direction=given.choice("direction", ("upload", "download")) or "upload",
        shallow=given.boolean("shallow") or False,
        inactivity_timeout=given.number("inactivity_timeout", 0, MAX_INACTIVITY),
        timeout_policy=given.choice("timeout_policy", ("legacy", "pause", "cancel")) or "legacy",
        host=None if host is None else host.id,
        filename=given.text("filename"),
        correlation_id=call.correlation_id,
        # Without a word on it, the disk's own: what travels is the file.
        format=FORMATS[format or disks.format_of(call.admin.images.get(image).format)],
    )


def _image(given: Given) -> str:
    """The id of the disk, which old clients call image. Raises errors.Invalid."""
    found = given.child("disk") or given.child("image")
    if found is None:
        raise given.missing("disk")
    if not found.id:
        raise errors.Invalid(field="image_transfer.disk", reason="it needs an id")
    return found.id
