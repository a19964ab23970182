"""POST …/import, /info/import, and the input of tasks that import: what a client asks for, checked before anything begins."""

from typing import Any

from appliance import errors
from appliance.admin import arrivals, entries, views
from appliance.admin import stores as admin_stores
from appliance.web.glance import given
from appliance.web.glance.calls import Call

METHODS = ("glance-direct", "web-download", "copy-image")

#: Of a task's input: what must be there.
INPUT = ("import_from", "import_from_format", "image_properties")


def methods(call: Call) -> dict:
    return {"import-methods": {"description": "Import methods available.", "type": "array", "value": list(METHODS)}}


def start(call: Call) -> None:
    said = call.object
    method = said.get("method")
    if not isinstance(method, dict) or not isinstance(method.get("name"), str):
        raise errors.Invalid(field="method", reason="it must be an object with the name of a method")
    name, stores = method["name"], _stores(said)
    if name not in METHODS:
        raise errors.Invalid(field="method.name", reason=f"it must be one of {', '.join(METHODS)}")
    shown = {"name": name}
    asked = {"image_id": call.id, "import_req": {"method": shown}}
    match name:
        case "glance-direct":
            entry = call.admin.entries.get(call.user, call.id)
            if _one(call, stores) not in (None, *entry.stores):
                raise errors.Invalid(field="stores", reason="the bytes are staged where they stay: name the store when they are sent")
            call.admin.arrivals.staged(call.user, call.id, asked)
        case "web-download":
            uri = method.get("uri")
            if not isinstance(uri, str):
                raise errors.Invalid(field="method.uri", reason="it is required")
            shown["uri"] = _shown(uri)
            call.admin.arrivals.download(call.user, call.id, uri, asked, _one(call, stores))
        case "copy-image":
            if stores == []:
                raise errors.Invalid(field="stores", reason="name where it is to be copied to, or ask for all_stores")
            call.admin.arrivals.copy(call.user, call.id, stores, asked)


def task(call: Call, said: Any) -> views.Task:
    """The task for an input. Raises errors.Invalid, which names what is wrong."""
    if not isinstance(said, dict):
        raise errors.Invalid(field="input", reason="it must be an object")
    for field in INPUT:
        if field not in said:
            raise errors.Invalid(field=f"input.{field}", reason="it is required")
    url, format, properties = (said[field] for field in INPUT)
    if not isinstance(url, str):
        raise errors.Invalid(field="input.import_from", reason="it must be text")
    arrivals.check_url(url, "input.import_from")
    if format not in entries.DISK_FORMATS:
        raise errors.Invalid(field="input.import_from_format", reason=f"it must be one of {', '.join(entries.DISK_FORMATS)}")
    if not isinstance(properties, dict):
        raise errors.Invalid(field="input.image_properties", reason="it must be an object")
    facts = given.facts(properties, views.Facts(disk_format=format, container_format="bare"))
    if facts.disk_format not in (format, *entries.KEPT):
        reason = f"what it becomes must be one of {', '.join(entries.KEPT)}"
        raise errors.Invalid(field="input.image_properties.disk_format", reason=reason)
    shown = {"import_from": _shown(url), "import_from_format": format, "image_properties": properties}
    return call.admin.arrivals.task(call.user, url, format, facts, shown)


def _stores(said: dict) -> list[str] | None:
    """The stores that are asked for; None for all of them. Raises errors.Invalid."""
    for field in ("all_stores", "all_stores_must_succeed"):
        if not isinstance(said.get(field, False), bool):
            raise errors.Invalid(field=field, reason="it must be true or false")
    stores = said.get("stores") or []
    if not isinstance(stores, list) or not all(isinstance(store, str) for store in stores):
        raise errors.Invalid(field="stores", reason="it must be a list of stores' names")
    if said.get("all_stores"):
        if stores:
            raise errors.Invalid(field="all_stores", reason="it excludes stores")
        return None
    return list(dict.fromkeys(stores))


def _one(call: Call, stores: list[str] | None) -> str | None:
    """None where it is left to us. Raises errors.Invalid: they are several."""
    if stores is None:
        stored = entries.stored(call.admin.entries.get(call.user, call.id))
        stores = [store.name for store in admin_stores.taking(call.admin.stores.all(), stored.format)]
    if len(stores) > 1:
        reason = f"an image comes to one store, and these are {', '.join(stores)}; copy-image brings it to others afterwards"
        raise errors.Invalid(field="stores", reason=reason)
    return stores[0] if stores else None


def _shown(url: str) -> str:
    """Without its query, in which there may be a secret."""
    return url.partition("?")[0].partition("#")[0]
