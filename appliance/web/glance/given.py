"""What a client says of an image, read value by value with a word for each mistake."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from appliance import errors
from appliance.admin import views
from appliance.web.glance import documents

#: Our name of each, and what it must be.
KNOWN: dict[str, tuple[str, str]] = {
    "name": ("name", "text or null"),
    "disk_format": ("disk_format", "text or null"),
    "container_format": ("container_format", "text or null"),
    "visibility": ("visibility", "text"),
    "protected": ("protected", "true or false"),
    "os_hidden": ("hidden", "true or false"),
    "min_disk": ("min_disk", "a whole number"),
    "min_ram": ("min_ram", "a whole number"),
    "tags": ("tags", "a list of texts"),
}
MAX_NAME = 255


def facts(said: Mapping[str, Any], before: views.Facts) -> views.Facts:
    """`before` with what is said. Raises errors.Invalid for a value of a wrong type, errors.ReadOnly for what is not the client's."""
    known, properties = {}, dict(before.properties)
    for name, value in said.items():
        if name in documents.FOLLOWING:
            raise errors.ReadOnly(field=name)
        if name in KNOWN:
            ours, wanted = KNOWN[name]
            known[ours] = _value(name, value, wanted)
        elif isinstance(value, str):
            properties[name] = value
        else:
            raise errors.Invalid(field=name[:MAX_NAME], reason="it must be text")
    return dataclasses.replace(before, **known, properties=properties)


def shown(before: views.Facts) -> dict[str, Any]:
    """What a client can have said, by its names."""
    return {name: getattr(before, ours) for name, (ours, _) in KNOWN.items()} | before.properties


def _value(name: str, value: Any, wanted: str) -> Any:
    match wanted, value:
        case ("text or null", None):
            return None
        case ("text or null" | "text", str()):
            return value
        case ("true or false", bool()):
            return value
        case ("a whole number", int()) if not isinstance(value, bool):
            return value
        case ("a list of texts", list()) if all(isinstance(item, str) for item in value):
            return tuple(value)
    raise errors.Invalid(field=name, reason=f"it must be {wanted}")
