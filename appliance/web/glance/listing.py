"""Lists of images and tasks: filtered, sorted and paged as the query says."""

import dataclasses
import datetime
import functools
import operator
import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from appliance import errors
from appliance.admin import entries, tasks
from appliance.web.glance.calls import Query

#: Things of a page, unless the client says how many; and at most.
LIMIT, MAX_LIMIT = 25, 1000

DIRECTIONS = ("asc", "desc")
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
PAGING = ("limit", "marker", "sort", "sort_key", "sort_dir")


@dataclasses.dataclass(frozen=True)
class Kind:
    """What can be asked of a list: `fields` by Glance's names, each with how it is found in a thing, and its type.

    `elsewhere` are parameters that somebody else looks at; `free`: any other parameter is a property's value. `choices` are all values that
    a field can have.
    """

    fields: dict[str, tuple[Callable[[Any], Any], type]]
    sortable: tuple[str, ...]
    choices: dict[str, tuple[str, ...]]
    elsewhere: tuple[str, ...] = ()
    free: bool = False


STATUSES = ("queued", "saving", "uploading", "importing", "active", "killed", "deleted", "pending_delete", "deactivated")

IMAGES = Kind(
    fields={
        "id": (lambda entry: entry.id, str),
        "name": (lambda entry: entry.facts.name, str),
        "status": (lambda entry: entry.status, str),
        "owner": (lambda entry: entry.owner, str),
        "disk_format": (lambda entry: entry.facts.disk_format, str),
        "container_format": (lambda entry: entry.facts.container_format, str),
        "visibility": (lambda entry: entry.facts.visibility, str),
        "protected": (lambda entry: entry.facts.protected, bool),
        "min_disk": (lambda entry: entry.facts.min_disk, int),
        "min_ram": (lambda entry: entry.facts.min_ram, int),
        "size": (lambda entry: entry.size, int),
        "size_min": (lambda entry: entry.size, int),
        "size_max": (lambda entry: entry.size, int),
        "checksum": (lambda entry: entry.md5, str),
        "os_hash_algo": (lambda entry: "sha512" if entry.sha512 else None, str),
        "os_hash_value": (lambda entry: entry.sha512, str),
        "created_at": (lambda entry: entry.created_at, datetime.datetime),
        "updated_at": (lambda entry: entry.updated_at, datetime.datetime),
    },
    sortable=(
        "name",
        "status",
        "container_format",
        "disk_format",
        "size",
        "id",
        "created_at",
        "updated_at",
        "owner",
        "min_disk",
        "min_ram",
    ),
    choices={"status": STATUSES},
    elsewhere=("visibility", "os_hidden", "member_status", "tag"),
    free=True,
)

TASKS = Kind(
    fields={"type": (lambda task: task.type, str), "status": (lambda task: task.status, str)},
    sortable=("id", "type", "status", "owner", "created_at", "updated_at", "expires_at"),
    choices={"type": (*tasks.TYPES, "location_import"), "status": tasks.STATUSES},
)

#: What `elsewhere` may say.
SAID = {
    "visibility": (*entries.VISIBILITIES, "all"),
    "os_hidden": ("true", "false"),
    "member_status": ("accepted", "pending", "rejected", "all"),
}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A query, understood. `tests` are what a thing must pass, `order` the keys and whether each goes down."""

    query: Query
    kind: Kind
    tests: tuple[Callable[[Any], bool], ...]
    order: tuple[tuple[str, bool], ...]
    limit: int
    marker: str | None

    @classmethod
    def of(cls, query: Query, kind: Kind) -> "Wanted":
        """Raises errors.Invalid, which names the parameter."""
        given: dict[str, list[str]] = {}
        for name, value in query:
            given.setdefault(name, []).append(value)
        for name, values in given.items():
            if len(values) > 1 and name not in ("sort_key", "sort_dir", "tag"):
                raise errors.Invalid(field=name[:64], reason="it is given more than once")
            if name in kind.elsewhere and name in SAID and values[0].lower() not in SAID[name]:
                raise errors.Invalid(field=name, reason=f"it must be one of {', '.join(SAID[name])}")
        tests = [_test(kind, name, values[0]) for name, values in given.items() if name not in (*PAGING, *kind.elsewhere)]
        tests += [_tagged(tag) for tag in given.get("tag", ()) if "tag" in kind.elsewhere]
        return cls(query, kind, tuple(tests), _order(kind, given), _limit(given), given.get("marker", [None])[0])

    def one(self, name: str) -> str | None:
        """The parameter, in lower case; None if it is not there."""
        return next((value.lower() for key, value in self.query if key == name), None)

    def page(self, path: str, name: str, things: Iterable[Any], document: Callable[[Any], dict]) -> dict:
        """The page of `things` that is asked for, under `name`, and where it goes on. Raises errors.Invalid for an unknown marker."""
        # What was the last of a page may not be what is asked for any more: the next page begins where it would be.
        found = [thing for thing in things if thing.id == self.marker or all(test(thing) for test in self.tests)]
        for key, down in reversed(self.order):
            found.sort(key=functools.partial(self._rank, key), reverse=down)
        start = 0
        if self.marker is not None:
            places = [place for place, thing in enumerate(found) if thing.id == self.marker]
            if not places:
                raise errors.Invalid(field="marker", reason="it is the id of nothing in this list")
            start = places[0] + 1
        shown = found[start : start + self.limit]
        answer = {name: [document(thing) for thing in shown], "first": self._link(path, None)}
        if shown and start + self.limit < len(found):
            answer["next"] = self._link(path, shown[-1].id)
        return answer

    def _link(self, path: str, marker: str | None) -> str:
        pairs = [(name, value) for name, value in self.query if name != "marker"] + ([("marker", marker)] if marker else [])
        return path + (f"?{urllib.parse.urlencode(pairs)}" if pairs else "")

    def _rank(self, key: str, thing: Any) -> tuple[bool, Any]:
        """What is not known comes first."""
        known = self.kind.fields.get(key)
        value = known[0](thing) if known else getattr(thing, key)
        return value is not None, value.lower() if isinstance(value, str) else value or 0


def _limit(given: dict[str, list[str]]) -> int:
    text = given.get("limit", [str(LIMIT)])[0]
    if not (text.isascii() and text.isdigit()):
        raise errors.Invalid(field="limit", reason="it must be a whole number, not below 0")
    # Of a number with very many digits nobody needs the value.
    return min(int(text), MAX_LIMIT) if len(text) < 20 else MAX_LIMIT


def _order(kind: Kind, given: dict[str, list[str]]) -> tuple[tuple[str, bool], ...]:
    """Newest first without a word on it; of equals always the same one first."""
    keys, directions = given.get("sort_key", []), given.get("sort_dir", [])
    if "sort" in given:
        if keys or directions:
            raise errors.Invalid(field="sort", reason="it excludes sort_key and sort_dir")
        pairs = [part.partition(":")[::2] for part in given["sort"][0].split(",")]
    else:
        if len(directions) not in (0, 1, len(keys)):
            raise errors.Invalid(field="sort_dir", reason="there must be one, or one for each sort_key")
        if len(directions) < 2:
            directions = (directions or ["desc"]) * max(1, len(keys))
        pairs = list(zip(keys or ["created_at"], directions, strict=True))
    for key, direction in pairs:
        if key not in kind.sortable:
            raise errors.Invalid(field="sort_key", reason=f"it must be one of {', '.join(kind.sortable)}")
        if (direction or "desc") not in DIRECTIONS:
            raise errors.Invalid(field="sort_dir", reason=f"it must be one of {', '.join(DIRECTIONS)}")
    down = [(key, (direction or "desc") == "desc") for key, direction in pairs]
    last = down[-1][1]
    return (*down, *((key, last) for key in ("created_at", "id") if key not in dict(down)))


def _tagged(tag: str) -> Callable[[Any], bool]:
    return lambda entry: tag in entry.facts.tags


def _test(kind: Kind, name: str, text: str) -> Callable[[Any], bool]:
    """What a thing must pass for one parameter. Raises errors.Invalid."""
    if name not in kind.fields:
        if not kind.free:
            raise errors.Invalid(field=name[:64], reason=f"here can be asked for: {', '.join((*kind.fields, *PAGING))}")
        return lambda entry: entry.facts.properties.get(name) == text
    of, type = kind.fields[name]
    if type is datetime.datetime:
        word, _, time = text.partition(":")
        compare, wanted = (COMPARED[word], _moment(name, time)) if word in COMPARED else (operator.eq, _moment(name, text))
        return lambda thing: compare(of(thing).replace(microsecond=0), wanted)
    if type is int:
        return _sized(name, of, _number(name, text))
    if type is bool:
        if text.lower() not in ("true", "false"):
            raise errors.Invalid(field=name, reason="it must be true or false")
        return lambda thing: of(thing) == (text.lower() == "true")
    values = _values(name, text)
    for value in values:
        if name in kind.choices and value not in kind.choices[name]:
            raise errors.Invalid(field=name, reason=f"it must be one of {', '.join(kind.choices[name])}")
    negated = text.startswith("neq:")
    return lambda thing: (of(thing) in values) != negated


def _sized(name: str, of: Callable[[Any], Any], number: int) -> Callable[[Any], bool]:
    compare = {"size_min": operator.ge, "size_max": operator.le}.get(name, operator.eq)
    return lambda thing: of(thing) is not None and compare(of(thing), number)


def _values(name: str, text: str) -> Sequence[str]:
    """What a text field may be: `in:a,b`, `in:"a,b",c`, `eq:a`, `neq:a`, or the text itself."""
    word, colon, rest = text.partition(":")
    if not colon or word not in ("in", "eq", "neq"):
        return (text,)
    if word != "in":
        return (rest,)
    parts, quoted, current = [], False, ""
    for character in rest:
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            parts.append(current)
            current = ""
        else:
            current += character
    if quoted:
        raise errors.Invalid(field=name, reason="a quotation mark is not closed")
    return (*parts, current)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise errors.Invalid(field=name, reason="it must be a whole number, not below 0")
    return int(text)


def _moment(name: str, text: str) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise errors.Invalid(field=name, reason="it must be a time like 2026-11-21T19:00:00Z") from None
    return (moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment).replace(microsecond=0)
