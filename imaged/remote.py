"""An image behind a URL, from the outside: what `imaged upload` and `imaged download` speak to. Any server of this API will do."""

import contextlib
import json
import os
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from imaged import client

#: Bytes of an answer that are read: of a map, about ten million extents.
MAX_ANSWER = 1 << 30


class Remote:
    """One image. `url` is https://HOST:PORT/images/ID or http://…; on the same host the server's unix socket is taken, if it is offered."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None):
        """Raises ValueError for what is no URL of an image, Unreachable, Refused."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.strip("/") or not url.isascii():
            raise ValueError(f"{url!r} is not the URL of an image: it must be https://HOST:PORT/images/ID or http://HOST:PORT/images/ID")
        self._target = parts.path
        self._images = client.Images(f"{parts.scheme}://{parts.netloc}", tls=tls)
        about, here = self._options()
        offered = about.get("unix_socket")
        if here and isinstance(offered, str) and offered.startswith("/") and os.access(offered, os.W_OK):
            self._take(client.Images(f"unix:{offered}"))
        self.features = frozenset(name for name in about.get("features", ()) if isinstance(name, str))
        self.max_readers, self.max_writers = (_limit(about.get(name)) for name in ("max_readers", "max_writers"))

    @property
    def address(self) -> str:
        """The server's: `unix:/path` where its socket was taken."""
        return self._images.address

    def call(self, method: str, *, path: str = "", headers: tuple[tuple[str, str], ...] = (), body: bytes | None = None) -> bytes:
        """The whole answer. Raises Unreachable, Refused."""
        lengths = (("Content-Length", str(len(body))),) if body is not None else ()
        with self.exchange(method, path, (*headers, *lengths)) as connection:
            if body:
                connection.send(body)
            return _accepted(connection.response()).read(MAX_ANSWER)

    @contextlib.contextmanager
    def exchange(self, method: str, path: str, headers: tuple[tuple[str, str], ...]) -> Iterator[client.Connection]:
        """A request that was begun: its body, if there is one, and its answer are the caller's. Raises Unreachable, Refused."""
        with self._images.connection() as connection:
            connection.start(method, self._target + path, list(headers))
            try:
                yield connection
            except client.Unreachable:
                # Refused, and closed before the body was through: then the reason waits to be read.
                with contextlib.suppress(client.Unreachable):
                    _accepted(connection.reason())
                raise

    def answer(self, connection: client.Connection) -> client.Response:
        """The head of the answer to a request that was begun. Raises Refused."""
        return _accepted(connection.response())

    def extents(self, context: str) -> list[dict[str, Any]]:
        """The map, as the API has it. Raises Unreachable where it makes no sense."""
        answer = self.call("GET", path=f"/extents?context={context}")
        with client.unreachable(self.address):
            value = json.loads(answer)
            end = 0
            for extent in value:
                if extent["start"] != end or not isinstance(extent["length"], int) or extent["length"] <= 0:
                    raise ValueError("its map has gaps")
                end += extent["length"]
            return list(value)

    def size(self) -> int:
        """Of the image, in bytes, where there is no map to tell it."""
        with self.exchange("GET", "", ()) as connection:
            response = self.answer(connection)
            # The body is not wanted: left unread, the connection ends with it.
            if response.length is None:
                raise client.Unreachable(self.address, "it does not tell the image's size")
            return response.length

    def _options(self) -> tuple[dict[str, Any], bool]:
        """What the server offers (a server that knows no OPTIONS: nothing), and whether it is on this host."""
        with self._images.connection() as connection:
            here = connection.sock.getsockname()[0] == connection.sock.getpeername()[0]
            connection.start("OPTIONS", self._target, [])
            response = connection.response()
            answer = response.read(1 << 20)
        if response.status in (204, 405):
            return {}, here
        if response.status != 200:
            raise client.refused(response, answer)
        with contextlib.suppress(ValueError):
            value = json.loads(answer)
            if isinstance(value, dict):
                return value, here
        return {}, here

    def _take(self, local: client.Images) -> None:
        """Uses the socket, if the same image is behind it."""
        before, self._images = self._images, local
        try:
            self.call("OPTIONS")
        except (client.Unreachable, client.Refused):
            self._images = before


def _accepted(response: client.Response) -> client.Response:
    if response.status not in (200, 206):
        raise client.refused(response, response.read(client.MAX_ERROR))
    return response


def _limit(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 64 else 1
