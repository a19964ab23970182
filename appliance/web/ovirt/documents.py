"""What is answered: things with members, written as oVirt's XML or as JSON."""

import dataclasses
import datetime
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Union

from lxml import etree

XML = "application/xml; charset=utf-8"
JSON = "application/json"

Value = Union[str, int, bool, datetime.datetime, "Entity", "Many", None]

#: What XML cannot hold, however it is written: an answer with it would be no XML.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclasses.dataclass(frozen=True)
class Entity:
    """One thing. A member is a Value, and None is left out; `href`, `id` and `rel` are attributes in XML, members as others in JSON."""

    tag: str
    members: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    id: str | None = None
    href: str | None = None
    rel: str | None = None

    @property
    def attributes(self) -> dict[str, str]:
        named = {"href": self.href, "id": self.id, "rel": self.rel}
        return {name: value for name, value in named.items() if value is not None}


@dataclasses.dataclass(frozen=True)
class Many:
    """A list of things, which has a name of its own: `disks` of `disk`. Links stand in their owner, without such a name."""

    tag: str
    item: str
    items: tuple[Entity, ...]


def many(tag: str, item: str, items: Iterable[Entity]) -> Many:
    return Many(tag, item, tuple(items))


def xml(document: Entity | Many) -> bytes:
    """The document as XML, in UTF-8, with its declaration."""
    return etree.tostring(_element(document), encoding="UTF-8", xml_declaration=True)


def as_json(document: Entity | Many) -> bytes:
    """The document as JSON, in ASCII: a thing is an object without its name, a list an object with one member, the things' name."""
    return json.dumps(_plain(document), separators=(",", ":")).encode("ascii")


def _element(value: Entity | Many) -> etree._Element:
    if isinstance(value, Many):
        element = etree.Element(value.tag)
        element.extend(_element(item) for item in value.items)
        return element
    element = etree.Element(value.tag, {name: _writable(text) for name, text in value.attributes.items()})
    for name, member in value.members.items():
        if isinstance(member, Many) and name == "links":
            element.extend(_element(item) for item in member.items)
        elif isinstance(member, Entity | Many):
            element.append(_element(dataclasses.replace(member, tag=name)))
        elif member is not None:
            etree.SubElement(element, name).text = _writable(_text(member))
    return element


def _text(value: str | int | bool | datetime.datetime) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime.datetime():
            return moment(value)
    return str(value)


def _writable(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)


def _plain(value: Value) -> object:
    match value:
        case Many():
            return {value.item: [_plain(item) for item in value.items]}
        case Entity():
            shown = {name: _plain(member) for name, member in value.members.items() if member is not None and name != "links"}
            links = value.members.get("links")
            if isinstance(links, Many):
                shown["link"] = [_plain(item) for item in links.items]
            return {**value.attributes, **shown}
        case datetime.datetime():
            return moment(value)
    return value


def moment(value: datetime.datetime) -> str:
    """ISO 8601 in UTC, with milliseconds: `2026-11-21T01:02:03.456Z`."""
    return value.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
