"""/jobs: each transfer is one, so that a script can wait by correlation id until nothing is left to do."""

import functools

from appliance.admin import views
from appliance.web.ovirt import search
from appliance.web.ovirt.calls import Call, every
from appliance.web.ovirt.documents import Entity, Many, many
from appliance.web.ovirt.paths import of

#: How a transfer that has ended is called; any other is still started.
STATUSES = {"finished_success": "finished", "finished_failure": "failed", "finished_cleanup": "aborted"}


def _description(transfer: views.Transfer) -> str:
    return f"{transfer.direction.capitalize()} of disk {transfer.name}"


def _status(transfer: views.Transfer) -> str:
    return STATUSES.get(transfer.phase, "started")


FIELDS = {
    "id": lambda transfer: transfer.id,
    "description": _description,
    "status": lambda transfer: search.Word(_status(transfer)),
    "correlation_id": lambda transfer: transfer.correlation_id,
}


def index(call: Call) -> Many:
    found = call.found(every(functools.partial(call.admin.transfers.page, call.user)), FIELDS)
    return many("jobs", "job", (_entity(transfer) for transfer in found))


def show(call: Call) -> Entity:
    return _entity(call.admin.transfers.get(call.user, call.id))


def _entity(transfer: views.Transfer) -> Entity:
    status = _status(transfer)
    members = {
        "description": _description(transfer),
        "auto_cleared": True,
        "external": False,
        "last_updated": transfer.updated_at,
        "start_time": transfer.created_at,
        "end_time": None if status == "started" else transfer.updated_at,
        "status": status,
    }
    return Entity("job", members, id=transfer.id, href=of("jobs", transfer.id))
