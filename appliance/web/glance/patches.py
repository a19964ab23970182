"""Changes of an image as JSON-patch (RFC 6902), as far as Glance takes it: add, replace and remove of whole properties."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from appliance import errors
from appliance.admin import views
from appliance.web.glance import documents, given

TYPES = ("application/openstack-images-v2.1-json-patch",)
OPERATIONS = ("add", "replace", "remove")
MAX_OPERATIONS = 256
#: One step, as a JSON pointer has it (RFC 6901).
PATH = re.compile(r"/(?:[^/~]|~[01])+", re.DOTALL)


def edit(body: Any) -> Callable[[views.Entry], views.Facts]:
    """What a patch makes of an image; that raises errors.Invalid, ReadOnly, NotRemovable, NoProperty.

    Raises errors.BadRequest for what is no patch.
    """
    if not isinstance(body, list) or len(body) > MAX_OPERATIONS:
        raise errors.BadRequest(reason=f"its body must be a list of at most {MAX_OPERATIONS} changes")
    changes = [_change(item) for item in body]

    def apply(entry: views.Entry) -> views.Facts:
        facts = entry.facts
        for op, name, value in changes:
            facts = _applied(facts, op, name, value)
        return facts

    return apply


def _change(item: Any) -> tuple[str, str, Any]:
    """The operation, the property's name, and its value. Raises errors.BadRequest."""
    if not isinstance(item, dict) or item.get("op") not in OPERATIONS:
        raise errors.BadRequest(reason=f"each change must be an object with an op, one of {', '.join(OPERATIONS)}")
    path = item.get("path")
    if not isinstance(path, str) or not PATH.fullmatch(path):
        raise errors.BadRequest(reason="each change must have a path: / and a property's name, in which ~1 stands for / and ~0 for ~")
    if item["op"] != "remove" and "value" not in item:
        raise errors.BadRequest(reason="a change that adds or replaces must have a value")
    return item["op"], path[1:].replace("~1", "/").replace("~0", "~"), item.get("value")


def _applied(facts: views.Facts, op: str, name: str, value: Any) -> views.Facts:
    if name in documents.FOLLOWING:
        raise errors.ReadOnly(field=name)
    if op == "remove" and name in given.KNOWN:
        raise errors.NotRemovable(field=name)
    if op != "add" and name not in given.shown(facts):
        raise errors.NoProperty(name=name)
    if op != "remove":
        return given.facts({name: value}, facts)
    kept = {other: text for other, text in facts.properties.items() if other != name}
    return dataclasses.replace(facts, properties=kept)
