"""/events: what happened, newest first."""

import itertools

from appliance import errors
from appliance.admin import views
from appliance.web.ovirt import search
from appliance.web.ovirt.calls import Call, every
from appliance.web.ovirt.documents import Entity, Many, many
from appliance.web.ovirt.paths import of

SEVERITIES = {"info": "normal", "warning": "warning", "error": "error"}

#: The engine's numbers for what both know; scripts wait for some of them.
CODES = {
    "login": 30,
    "transfer-created": 1031,
    "transfer-finished-success": 1032,
    "transfer-cancelled-user": 1033,
    "transfer-finished-failure": 1034,
    "transfer-finished-cleanup": 1053,
    "transfer-paused-user": 1073,
    "transfer-resuming": 1074,
    "transfer-cancelled-system": 1076,
    "transfer-paused-system": 1077,
}
#: For what the engine has no number for.
OTHER = 9999

FIELDS = {
    "id": lambda event: event.id,
    "severity": lambda event: search.Word(SEVERITIES[event.severity]),
    "code": lambda event: (CODES.get(event.code, OTHER), event.code),
    "message": lambda event: event.message,
    "description": lambda event: event.message,
    "time": lambda event: event.time,
    "user": lambda event: event.user,
    "correlation_id": lambda event: event.correlation_id,
}


def index(call: Call) -> Many:
    """`from=N` asks for those after event N."""
    first = call.integer("from")
    events = every(call.admin.events.page)
    if first is not None:
        events = itertools.takewhile(lambda event: event.id > first, events)
    return many("events", "event", (_entity(event) for event in call.found(events, FIELDS)))


def show(call: Call) -> Entity:
    if not (call.id.isdigit() and len(call.id) < 19):
        raise errors.NotFound(what="event")
    found = call.admin.events.page(limit=1, after=str(int(call.id) + 1)).items
    if not found or found[0].id != int(call.id):
        raise errors.NotFound(what="event")
    return _entity(found[0])


def _entity(event: views.Event) -> Entity:
    members = {
        "name": event.code,
        "description": event.message,
        "code": CODES.get(event.code, OTHER),
        "correlation_id": event.correlation_id,
        "custom_id": -1,
        "flood_rate": 0,
        "index": event.id,
        "origin": "image-appliance",
        "severity": SEVERITIES[event.severity],
        "time": event.time,
        "user": Entity("user", {"name": event.user}) if event.user else None,
    }
    return Entity("event", members, id=str(event.id), href=of("events", str(event.id)))
