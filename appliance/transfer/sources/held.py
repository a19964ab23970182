"""An image that a host has already, as a source: what copies it to another storage domain."""

import contextlib
from collections.abc import Callable, Iterator

from appliance import errors
from appliance.transfer import filling, sources
from imaged import client

#: Bytes that are asked for at once.
PIECE = 4 << 20


class Held:
    """`opened` gives the host's images service, a ticket to read, and how the host is called. `validator` is what the image is known by."""

    def __init__(self, name: str, size: int, validator: str, opened: Callable[[], tuple[client.Images, str, str]]):
        self.name = name
        self.url = f"image:{name}"
        self.host = "The other storage domain"
        self._size = size
        self._validator = validator
        self._opened = opened
        self._volume: filling.Volume | None = None
        self._interrupted = False

    def look(self) -> sources.Facts:
        with self.reading() as stream:
            head = sources.beginning(stream, sources.HEAD)
        return sources.Facts(self.url, self.name, self._size, "application/octet-stream", True, self._validator, head)

    @contextlib.contextmanager
    def reading(self, start: int = 0, validator: str | None = None) -> Iterator["Bytes"]:
        if validator is not None and validator != self._validator:
            raise errors.SourceChanged(host=self.host, name=self.name)
        images, ticket, host = self._opened()
        self._volume = filling.Volume(images, ticket, host)
        if self._interrupted:
            raise sources.Interrupted
        with contextlib.closing(Bytes(self, self._volume, start, self._size, self._validator)) as stream:
            yield stream

    def beside(self, name: str) -> "Held":
        raise errors.NoChecksum(name=name, host=self.host)

    def interrupt(self) -> None:
        self._interrupted = True
        if self._volume is not None:
            self._volume.interrupt()

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        try:
            yield
        except filling.Lost as lost:
            if self._interrupted:
                raise sources.Interrupted from None
            raise errors.SourceReset(host=self.host, reason=lost.sentence.rstrip(".")) from lost


class Bytes:
    """The image from `start` on, as `sources.Stream`."""

    def __init__(self, held: Held, volume: filling.Volume, start: int, size: int, validator: str):
        self.start = start
        self.total: int | None = size
        self.validator: str | None = validator
        self._held = held
        self._pieces = self._read(volume, start, size)
        self._rest = memoryview(b"")

    def read(self, most: int) -> bytes:
        if not self._rest:
            with self._held.explained():
                self._rest = next(self._pieces, memoryview(b""))
        data, self._rest = bytes(self._rest[:most]), self._rest[most:]
        return data

    def close(self) -> None:
        self._pieces.close()

    @staticmethod
    def _read(volume: filling.Volume, start: int, size: int):
        with memoryview(bytearray(PIECE)) as view:
            if start < size:
                yield from volume.read(start, size, view)
