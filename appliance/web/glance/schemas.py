"""/schemas: what images and tasks are made of. Clients check by them what they send, and what they show."""

from appliance import errors
from appliance.admin import entries, tasks
from appliance.web.glance import documents, listing
from appliance.web.glance.calls import Call

TEXT = {"type": "string"}
MAYBE_TEXT = {"type": ["null", "string"]}
NUMBER = {"type": "integer"}
MAYBE_NUMBER = {"type": ["null", "integer"]}
FLAG = {"type": "boolean"}
NAME = {"type": ["null", "string"], "maxLength": 255}
UUID = {"type": "string", "pattern": "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"}

IMAGE = {
    "id": UUID,
    "name": NAME,
    "status": {"type": "string", "enum": list(listing.STATUSES), "readOnly": True},
    "visibility": {"type": "string", "enum": list(entries.VISIBILITIES)},
    "protected": FLAG,
    "os_hidden": FLAG,
    "tags": {"type": "array", "items": {"type": "string", "maxLength": 255}},
    "disk_format": {"type": ["null", "string"], "enum": [None, *entries.DISK_FORMATS]},
    "container_format": {"type": ["null", "string"], "enum": [None, *entries.CONTAINER_FORMATS]},
    "min_disk": NUMBER,
    "min_ram": NUMBER,
    "size": {**MAYBE_NUMBER, "readOnly": True},
    "virtual_size": {**MAYBE_NUMBER, "readOnly": True},
    "checksum": {**MAYBE_TEXT, "readOnly": True},
    "os_hash_algo": {**MAYBE_TEXT, "readOnly": True},
    "os_hash_value": {**MAYBE_TEXT, "readOnly": True},
    "owner": {**MAYBE_TEXT, "readOnly": True},
    "created_at": {**TEXT, "readOnly": True},
    "updated_at": {**TEXT, "readOnly": True},
    "stores": {**TEXT, "readOnly": True},
    "self": {**TEXT, "readOnly": True},
    "file": {**TEXT, "readOnly": True},
    "schema": {**TEXT, "readOnly": True},
}
TASK = {
    "id": UUID,
    "type": {"type": "string", "enum": [*tasks.TYPES, "location_import"]},
    "status": {"type": "string", "enum": list(tasks.STATUSES)},
    "input": {"type": ["null", "object"]},
    "result": {"type": ["null", "object"]},
    "owner": TEXT,
    "message": MAYBE_TEXT,
    "image_id": MAYBE_TEXT,
    "request_id": MAYBE_TEXT,
    "user_id": MAYBE_TEXT,
    "expires_at": MAYBE_TEXT,
    "created_at": TEXT,
    "updated_at": TEXT,
    "self": TEXT,
    "schema": TEXT,
}


def _one(name: str, properties: dict) -> dict:
    return {"name": name, "properties": properties}


def _many(name: str, of: dict) -> dict:
    links = [{"rel": rel, "href": f"{{{rel}}}"} for rel in ("first", "next")]
    links.append({"rel": "describedby", "href": "{schema}"})
    return _one(name, {name: {"type": "array", "items": of}, "first": TEXT, "next": TEXT, "schema": TEXT}) | {"links": links}


ONE_IMAGE = _one("image", IMAGE) | {
    # Any other property is the owner's own.
    "additionalProperties": TEXT,
    "links": [{"rel": "self", "href": "{self}"}, {"rel": "enclosure", "href": "{file}"}, {"rel": "describedby", "href": "{schema}"}],
}
ONE_TASK = _one("task", TASK)
SCHEMAS = {"image": ONE_IMAGE, "images": _many("images", ONE_IMAGE), "task": ONE_TASK, "tasks": _many("tasks", ONE_TASK)}


def show(call: Call) -> dict:
    """Raises errors.NotFound: what is described nowhere is not there, either."""
    found = SCHEMAS.get(call.params["name"])
    if found is None:
        raise errors.NotFound(what=f"schema below {documents.SCHEMAS}")
    return found
