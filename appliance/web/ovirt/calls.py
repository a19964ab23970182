"""One call of the engine API, as a handler gets it: who asks, for what, with which body."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from appliance import errors
from appliance.admin import Admin, lists, views
from appliance.web.ovirt import search
from appliance.web.ovirt.given import Given

MAX_CORRELATION_ID = 50


@dataclasses.dataclass(frozen=True)
class Call:
    """`params` are the path's, `query` the parameters of the query string by name, `body` None where none was sent."""

    admin: Admin
    user: views.User
    params: dict[str, str]
    query: dict[str, str]
    body: Given | None = None
    correlation_id: str | None = None

    @property
    def id(self) -> str:
        return self.params["id"]

    @property
    def given(self) -> Given:
        """The body, where there must be one. Raises errors.BadRequest."""
        if self.body is None:
            raise errors.BadRequest(reason="its body is empty")
        return self.body

    def found(self, things: Iterable[Any], fields: search.Fields) -> list[Any]:
        """Those of `things` that the query asks for (`search`, `case_sensitive`, `max`). Raises errors.BadRequest, errors.Invalid."""
        asked = search.parse(self.query.get("search", ""), fields)
        return asked.apply(things, fields, case_sensitive=self.flag("case_sensitive", True), limit=self.limit)

    @property
    def limit(self) -> int | None:
        """`max`: how many things are wanted at most; None for all, as oVirt's -1."""
        wanted = self.integer("max", -1)
        return None if wanted is None or wanted == -1 else wanted

    def integer(self, name: str, low: int = 0) -> int | None:
        """A parameter of the query as a whole number, not below `low`; None if it is not there. Raises errors.Invalid."""
        text = self.query.get(name)
        if text is None:
            return None
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 19 and int(text) >= low):
            raise errors.Invalid(field=name, reason=f"it must be a whole number, not below {low}")
        return int(text)

    def flag(self, name: str, standard: bool) -> bool:
        """A parameter of the query as true or false. Raises errors.Invalid."""
        text = self.query.get(name)
        if text is None:
            return standard
        if text.lower() not in ("true", "false"):
            raise errors.Invalid(field=name, reason="it must be true or false")
        return text.lower() == "true"

    @property
    def follow(self) -> frozenset[str]:
        """The links whose things are wanted in full, by name."""
        return frozenset(name.strip() for name in self.query.get("follow", "").split(",") if name.strip())


def every(page: Callable[..., views.Page], **options: Any) -> Iterable[Any]:
    """All things of a list that comes in pages: the next page is asked for when it is needed."""
    after: str | None = None
    while True:
        found = page(limit=lists.MAX_LIMIT, after=after, **options)
        yield from found.items
        after = found.next
        if after is None:
            return


def correlation(query: dict[str, str], header: str | None) -> str | None:
    """The id that the client gives to all that this call sets off. Raises errors.Invalid."""
    given = query.get("correlation_id") or header or None
    if given is not None and not (len(given) <= MAX_CORRELATION_ID and given.isprintable()):
        raise errors.Invalid(field="correlation_id", reason=f"it must be at most {MAX_CORRELATION_ID} printable characters")
    return given
