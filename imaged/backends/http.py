"""Images on another images server: `https://host:port/images/ID` or `http://…`. A chain of such daemons is a proxy.

The other server's ticket must let at least what ours does. Each buffer is one request to it, on connections that are kept.
"""

import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from imaged import client, errors
from imaged.backends import policy
from imaged.backends.extents import DATA, Extent, clipped
from imaged.backends.gate import Gate

log = logging.getLogger(__name__)

#: Bytes of JSON that are read of a map: about ten million extents.
MAX_MAP = 1 << 30
MAX_ANSWER = 64 << 10
#: What the other server says no with that our client should hear: it is the client's to put right.
_PASSED_ON = (403, 416, 507)
_ZEROS = bytes(1 << 20)


class Refused(errors.DaemonError):
    """The other server's answer, passed on with its code."""

    def __init__(self, refused: client.Refused):
        super().__init__(refused.message.splitlines()[0][:500] if refused.message else "Refused")
        self.status, self.code = refused.status, refused.code


@dataclass(frozen=True)
class Place:
    url: str
    images: client.Images = field(compare=False, repr=False)
    #: What OPTIONS said, asked once.
    about: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    journaled = None

    def open(self, *, write: bool) -> "Upstream":
        """Raises Internal where the server does not answer, Refused where it says no."""
        upstream = self.upstream()
        if not self.about:
            self.about.update(upstream.options())
        return upstream

    def upstream(self) -> "Upstream":
        return Upstream(self)

    def close(self) -> None:
        self.images.close()

    def tidy(self) -> None:
        """Its connections are the server's to close."""


def locate(url: str, allowed: policy.Policy) -> Place:
    """The image that `url` names. Raises BadRequest, ForbiddenPath. Whether it is there is seen when it is used."""
    wrong = errors.BadRequest("Invalid value for 'url': must be https://HOST:PORT/images/ID or http://HOST:PORT/images/ID")
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise wrong from None
    if not parts.hostname or not parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise wrong
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise wrong
    allowed.server(parts.scheme, parts.hostname, port)
    address = f"{parts.scheme}://[{parts.hostname}]:{port}" if ":" in parts.hostname else f"{parts.scheme}://{parts.hostname}:{port}"
    return Place(url, client.Images(address, tls=allowed.tls))


class Upstream:
    """An image of another server, for one thread at a time."""

    def __init__(self, place: Place):
        self._place = place
        self._target = urlsplit(place.url).path
        self._connection: client.Connection | None = None
        self._gate = Gate()

    def __enter__(self) -> "Upstream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def features(self) -> frozenset[str]:
        return self._offered | {"flush"}

    @property
    def max_readers(self) -> int:
        return self._limit("max_readers")

    @property
    def max_writers(self) -> int:
        return self._limit("max_writers")

    def options(self) -> dict[str, Any]:
        """What the other server offers. One without features (405, 204) offers none."""
        try:
            about = _object(self._ask("OPTIONS"))
        except client.Refused as error:
            if error.status != 405:
                raise _refused(error) from error
            about = {}
        features = about.get("features")
        return {**about, "features": features if isinstance(features, list) else []}

    def size(self) -> int:
        """The image's size: asked for once, since it has a price."""
        if "size" not in self._place.about:
            self._place.about["size"] = self._ask_size()
        return int(self._place.about["size"])

    def readinto(self, view: memoryview, offset: int) -> int:
        """Reads at most len(view) bytes from `offset`; returns how many, 0 past the end."""
        view = view[: max(0, self.size() - offset)]
        if not view:
            return 0
        with self._request("GET", [("Range", f"bytes={offset}-{offset + len(view) - 1}")]) as response:
            if response.status != 206 or response.length != len(view):
                raise client.Unreachable(self._place.images.address, "it does not answer ranges")
            return response.readinto(view)

    def write(self, view: memoryview, offset: int) -> None:
        """Writes all of it. Raises NoSpace or Refused as the other server says."""
        # A server that cannot flush by itself flushes with each write.
        query = "?flush=n" if "flush" in self._offered else ""
        where = ("Content-Range", f"bytes {offset}-{offset + len(view) - 1}/*")
        with self._gate.change(), self._request("PUT", [where], view, query) as response:
            response.read()
        self._grown(offset + len(view))

    def zero(self, offset: int, count: int, punch: bool) -> None:
        """Makes the range read as zeros; whether they are a hole is between the other server and its ticket."""
        if "zero" in self._offered:
            with self._gate.change():
                self._patch({"op": "zero", "offset": offset, "size": count, "flush": False})
            self._grown(offset + count)
            return
        for start in range(offset, offset + count, len(_ZEROS)):
            self.write(memoryview(_ZEROS)[: offset + count - start], start)

    def flush(self) -> None:
        if "flush" in self._offered:
            self._patch({"op": "flush"})

    def extents(self, context: str, start: int, end: int) -> Iterator[Extent]:
        """The other server's map. Raises NotFound where it has none of that context."""
        if "extents" not in self._offered:
            if context != "zero":
                raise errors.NotFound(f"The other server has no {context} extents")
            return iter([Extent(start, end, DATA)])
        # A server that does not know of parts answers with the whole.
        return clipped(self._map(f"?context={context}&offset={start}&length={end - start}", context), start, end)

    def interrupt(self) -> None:
        """From any thread: reads, maps and flushes end at once, writes and zeros when the server has answered; no more follow."""
        self._gate.close(self._break_off)

    def _break_off(self) -> None:
        connection = self._connection
        if connection:
            connection.interrupt()

    def close(self) -> None:
        """The connections are the place's."""

    @property
    def _offered(self) -> frozenset[str]:
        return frozenset(name for name in self._place.about.get("features", ()) if isinstance(name, str))

    def _limit(self, name: str) -> int:
        limit = self._place.about.get(name, 1)
        return limit if isinstance(limit, int) and 1 <= limit <= 64 else 1

    def _grown(self, end: int) -> None:
        if end > self._place.about.get("size", end):
            self._place.about["size"] = end

    def _ask_size(self) -> int:
        if "extents" in self._offered:
            return max((extent.end for extent in self._map("", "zero")), default=0)
        with self._request("GET", []) as response:
            if response.status != 200 or response.length is None:
                raise client.Unreachable(self._place.images.address, "it does not tell the image's size")
            # The answer's body is not wanted: left unread, the connection ends with it.
            return response.length

    def _map(self, query: str, context: str) -> Iterator[Extent]:
        about = ("dirty", "zero") if context == "dirty" else ("zero", "hole")
        with self._request("GET", [], query=query, path="/extents") as response:
            text = response.read(MAX_MAP)
            try:
                value = json.loads(text)
                if not isinstance(value, list):
                    raise TypeError("no list")
                extents = [
                    Extent(int(e["start"]), int(e["start"]) + int(e["length"]), {name: bool(e[name]) for name in about}) for e in value
                ]
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise client.Unreachable(self._place.images.address, "its map cannot be understood") from error
        return iter(extents)

    def _patch(self, change: dict[str, Any]) -> None:
        with self._request("PATCH", [], json.dumps(change).encode()) as response:
            response.read()

    def _ask(self, method: str) -> bytes:
        with self._calling(), self._exchange(method, []) as response:
            return response.read(MAX_ANSWER)

    @contextlib.contextmanager
    def _request(
        self, method: str, headers: list[tuple[str, str]], body: bytes | memoryview | None = None, query: str = "", path: str = ""
    ) -> Iterator[client.Response]:
        try:
            with self._calling(), self._exchange(method, headers, body, path + query) as response:
                yield response
        except client.Refused as error:
            raise _refused(error) from error

    @contextlib.contextmanager
    def _exchange(
        self, method: str, headers: list[tuple[str, str]], body: bytes | memoryview | None = None, behind: str = ""
    ) -> Iterator[client.Response]:
        with self._place.images.connection() as connection:
            self._connection = connection
            try:
                # Interrupted before there was a connection that could be.
                if self._gate.closed:
                    raise errors.Canceled()
                if body is not None:
                    headers = [*headers, ("Content-Length", str(len(body)))]
                connection.start(method, self._target + behind, headers)
                try:
                    connection.send(body or b"")
                except client.Unreachable:
                    response = connection.reason()
                else:
                    response = connection.response()
                if response.status >= 300:
                    raise client.refused(response, response.read(MAX_ANSWER))
                yield response
            finally:
                self._connection = None

    @contextlib.contextmanager
    def _calling(self) -> Iterator[None]:
        try:
            yield
        except client.Unreachable as error:
            log.error("The other images server failed: %s", error)
            raise errors.Internal() from error


def _refused(error: client.Refused) -> errors.DaemonError:
    if error.status in _PASSED_ON:
        return Refused(error)
    log.error("The other images server refused: %s %s", error.status, error)
    return errors.Internal()


def _object(text: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(text)
        if isinstance(value, dict):
            return value
    return {}
