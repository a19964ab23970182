"""Tables of routes, as each face of ours has one: which route a request is for."""

import functools
import re
from collections.abc import Iterable
from typing import Protocol, TypeVar

from appliance import errors

#: What an id or a name looks like; anything else is 404 without a look into the database.
PARAMETER = "[A-Za-z0-9-]{1,64}"


class Route(Protocol):
    """One method of one path, in which `{name}` is a parameter, and `{name*}` one that may be any text."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...


Known = TypeVar("Known", bound=Route)


def find(routes: Iterable[Known], method: str, path: str, what: str) -> tuple[Known, dict[str, str]]:
    """The route for a path, and its parameters. HEAD goes where GET goes. Raises NotFound (of `what`), MethodNotAllowed."""
    here = [(route, match) for route in routes if (match := _pattern(route.path).fullmatch(path))]
    # A literal path is before one with parameters: /transfers/check is not the transfer named "check".
    fewest = min((len(match.groupdict()) for _, match in here), default=0)
    methods = {route.method: (route, match) for route, match in here if len(match.groupdict()) == fewest}
    if not methods:
        raise errors.NotFound(what=what)
    chosen = methods.get(method) or (methods.get("GET") if method == "HEAD" else None)
    if chosen is None:
        allowed = sorted({*methods, *(("HEAD",) if "GET" in methods else ())})
        raise errors.MethodNotAllowed(method=method, allowed=", ".join(allowed))
    return chosen[0], chosen[1].groupdict()


@functools.cache
def _pattern(path: str) -> re.Pattern[str]:
    text = re.sub(r"\\\{(\w+)\\\*\\\}", r"(?P<\1>[^/]+)", re.escape(path))
    return re.compile(re.sub(r"\\\{(\w+)\\\}", rf"(?P<\1>{PARAMETER})", text))
