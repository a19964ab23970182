"""What can be done to an image: operations that run, report what they have done, and can be cancelled from another thread.

An operation moves bytes between a connection and a backend. Whether it may, and what its progress means, is the ticket's affair.
"""

import contextlib
import hashlib
import hmac
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from imaged import ahead, behind, choice, errors, httpd
from imaged.backends import file, huge, mapped
from imaged.backends.extents import merged
from imaged.httpd import buffers, traffic
from imaged.journal import Durability

#: What has been read and written here since the start, by the road that it took.
TRAFFIC = traffic.Traffic("imaged")

#: How bytes that lie in the page cache leave by a plain socket.
ROADS = choice.Choice(traffic.MAPPED, traffic.BUFFER)
#: Bytes that stay on one of these roads: in the first MiB of each the processor's caches still hold what the other needed.
STRETCH = 64 << 20

#: Bytes zeroed between two looks at `canceled`.
ZERO_STEP = 128 << 20


class Operation:
    """Base: bytes [offset, offset + done) have been dealt with."""

    #: Does it change the image?
    changes = False

    def __init__(self, backend: Any, offset: int = 0):
        self._backend = backend
        self.offset = offset
        self.done = 0
        self.canceled = False
        #: The road that the bytes take (httpd.traffic); None where none move, or not yet.
        self.path: str | None = None

    @property
    def progress(self) -> tuple[int, int]:
        """The range that counts as transferred."""
        return self.offset, self.offset + self.done

    def cancel(self) -> None:
        """From any thread: the operation ends soon, also when its peer is silent."""
        self.canceled = True
        self._backend.interrupt()

    def _check(self) -> None:
        if self.canceled:
            raise errors.Canceled()

    def _begin(self, path: str) -> Callable[[int], None]:
        """The bytes go by `path` from here on; returns what counts them."""
        self.path = path
        return TRAFFIC.begin(type(self).__name__.lower(), path)


class Write(Operation):
    """The request's body into the image from `offset` on. `digest` is (a hash object, the value it must come to), or None."""

    changes = True

    def __init__(self, backend: Any, body: httpd.Body, offset: int, durability: Durability, *, digest: tuple[Any, bytes] | None = None):
        super().__init__(backend, offset)
        self._body = body
        self._durability = durability
        self._digest = digest

    def cancel(self) -> None:
        super().cancel()
        self._body.interrupt()

    def run(self) -> None:
        """Raises ShortBody, Stalled, DigestMismatch, NoSpace, Canceled. What was written until then stays written."""
        with file.storage():
            writing = self._durability.begin(self.offset, self.offset + self._body.length)
        # With a digest to come, nothing is known to be good before all of it is.
        whole = self.offset
        try:
            self._copy()
            self._verify()
            whole = self.offset + self.done
        except httpd.ShortBody as error:
            if not self._digest:
                whole = self.offset + self.done
            self._check()
            raise errors.ShortBody(error.expected, error.received) from error
        except httpd.Stalled as error:
            self._check()
            raise errors.Stalled() from error
        finally:
            self._durability.finish(writing, whole)

    def _copy(self) -> None:
        if expect := getattr(self._backend, "expect", None):
            expect(self.offset, self.offset + self._body.length)
        if self._digest and getattr(self._backend, "cached", False) and self._body.length >= behind.WORTHWHILE:
            with behind.Follower(self._backend, self._digest[0], self.offset) as follower:
                self._move(lambda: follower.wrote(self.offset + self.done))
                follower.finish()
        elif self._digest:
            # What is not in the page cache afterwards is hashed while it is here.
            self._pass(lambda view: behind.meanwhile(self._digest[0], view), lambda: None)  # type: ignore[index]
        else:
            self._move(lambda: None)

    def _move(self, wrote: Callable[[], None]) -> None:
        """By the fastest road; `wrote` is called after each step."""
        if self._body.spliceable and getattr(self._backend, "cached", False):
            self._splice(wrote)
        else:
            self._pass(lambda _: contextlib.nullcontext(), wrote)

    def _splice(self, wrote: Callable[[], None]) -> None:
        """By a pipe, or right into the file's pages where the backend has a place for that and the client is fast."""
        count = 0
        spliced = self._begin(traffic.SPLICE)
        received: Callable[[int], None] | None = None
        with httpd.Pipe() as pipe:
            while self._body.received < self._body.length:
                at = self.offset + self.done
                place = self._backend.place(at) if count >= huge.FAST else None
                if place:
                    moved = received = received or self._begin(traffic.MAPPED)
                    count = self._receive(place)
                    self._check()
                else:
                    moved = spliced
                    count = self._body.splice(pipe)
                    self._check()
                    self._backend.splice(pipe, count, at)
                self.done += count
                moved(count)
                wrote()

    def _receive(self, place: memoryview) -> int:
        try:
            return self._body.receive(place)
        except httpd.Gone:
            raise errors.Internal("The image became shorter while it was written") from None

    def _pass(self, meanwhile: Callable[[memoryview], contextlib.AbstractContextManager], wrote: Callable[[], None]) -> None:
        """Through a buffer, which is written inside of `meanwhile`."""
        past_cache = getattr(self._backend, "past_cache", None) and self._body.length >= self._backend.least_direct
        moved = self._begin(traffic.DIRECT if past_cache and self._body.path == traffic.BUFFER else self._body.path)
        with self._pieces(bool(past_cache)) as pieces:
            for piece in pieces:
                self._check()
                with meanwhile(piece):
                    self._backend.write(piece, self.offset + self.done)
                self.done += len(piece)
                moved(len(piece))
                wrote()

    @contextlib.contextmanager
    def _pieces(self, past_cache: bool) -> Iterator[Iterable[memoryview]]:
        """The body's bytes; where each write waits for the disk, the next ones come meanwhile."""
        with contextlib.ExitStack() as held:
            if past_cache and self._body.length >= ahead.WORTHWHILE and held.enter_context(ahead.place()):
                yield held.enter_context(ahead.Reader(self._body))
            else:
                buffer = held.enter_context(buffers.borrow())
                yield (buffer[:count] for count in iter(lambda: self._body.readinto(buffer), 0))

    def _verify(self) -> None:
        if self._digest and not hmac.compare_digest(self._digest[0].digest(), self._digest[1]):
            self.done = 0
            raise errors.DigestMismatch("The data does not match its Content-Digest: send it again")


class Read(Operation):
    """The image's bytes from `offset` on, as an iterable of buffers; each is valid until the next is asked for."""

    def __init__(self, backend: Any, offset: int, count: int, body: httpd.Body):
        """`body` is that of the request, which has none: it leads to the connection."""
        super().__init__(backend, offset)
        self._count = count
        self._body = body

    def cancel(self) -> None:
        super().cancel()
        self._body.break_off()

    def __iter__(self) -> Generator[memoryview, None, None]:
        if self._body.path == traffic.BUFFER and getattr(self._backend, "cached", False) and self._count > mapped.PIECE:
            return self._send_mapped()
        return self._send_read()

    def _send_mapped(self) -> Generator[memoryview, None, None]:
        """Out of maps, or through a buffer: whatever takes less processor time here."""
        windows = self._backend.mapped(self.offset + self._count)
        moved: dict[str, Callable[[int], None]] = {}
        while self.done < self._count:
            path, start, began = ROADS.pick(), self.done, time.thread_time()
            end = min(start + STRETCH, self._count)
            # However many stretches there are, it is one request.
            if path not in moved:
                moved[path] = self._begin(path)
            if path == traffic.BUFFER:
                yield from self._read(moved[path], end - start)
            else:
                yield from self._stretch(moved[path], windows, end)
            if end - start == STRETCH:
                ROADS.note(path, STRETCH, time.thread_time() - began)

    def _stretch(self, moved: Callable[[int], None], windows: mapped.Windows, end: int) -> Generator[memoryview, None, None]:
        """Up to `end` out of maps, and through a buffer where there are none."""
        while self.done < end:
            view = windows.at(self.offset + self.done)
            if view:
                yield from self._map(moved, view[: end - self.done])
            else:
                yield from self._read(moved, min(mapped.PIECE, end - self.done))

    def _map(self, moved: Callable[[int], None], view: memoryview) -> Generator[memoryview, None, None]:
        """The bytes of `view`, a window's map."""
        for start in range(0, len(view), mapped.PIECE):
            piece = view[start : start + mapped.PIECE]
            self._check()
            if self._backend.size() < self.offset + self.done + len(piece):
                raise _shorter()
            # Before the client has it: who asks afterwards finds it counted.
            moved(len(piece))
            yield piece
            self.done += len(piece)

    def _send_read(self) -> Generator[memoryview, None, None]:
        yield from self._read(self._begin(self._body.path), self._count)

    def _read(self, moved: Callable[[int], None], count: int) -> Generator[memoryview, None, None]:
        """The next `count` bytes, through a buffer."""
        end = self.done + count
        with buffers.borrow() as buffer:
            while self.done < end:
                self._check()
                count = self._backend.readinto(buffer[: end - self.done], self.offset + self.done)
                if not count:
                    raise _shorter()
                moved(count)
                yield buffer[:count]
                self.done += count


class Checksum(Operation):
    """The digest of the digests of the image's first `size` bytes, taken in blocks of `block`. Holes are not read."""

    def __init__(self, backend: Any, size: int, block: int, algorithm: str, interrupt: Callable[[], None]):
        super().__init__(backend)
        self._size = size
        self._block = block
        self._algorithm = algorithm
        self._interrupt = interrupt

    def cancel(self) -> None:
        super().cancel()
        self._interrupt()

    def run(self) -> str:
        """In hex. Raises Canceled, Internal."""
        whole = self._hash()
        zeros = (extent for extent in merged(self._backend.extents("zero", 0, self._size)) if extent.about["zero"])
        hole = next(zeros, None)
        of_zeros = b""
        with buffers.borrow() as buffer:
            while self.done < self._size:
                end = min(self.done + self._block, self._size)
                while hole and hole.end < end:
                    hole = next(zeros, None)
                if hole and hole.start <= self.done and end - self.done == self._block:
                    of_zeros = of_zeros or self._hash(bytes(self._block)).digest()
                    whole.update(of_zeros)
                    self.done = end
                else:
                    whole.update(self._digest(buffer, end))
        return whole.hexdigest()

    def _digest(self, buffer: memoryview, end: int) -> bytes:
        """Of the bytes from where we are up to `end`."""
        block = self._hash()
        while self.done < end:
            self._check()
            count = self._backend.readinto(buffer[: end - self.done], self.done)
            if not count:
                raise _shorter()
            block.update(buffer[:count])
            self.done += count
        return block.digest()

    def _hash(self, data: bytes = b"") -> Any:
        # The contract's: BLAKE2 always makes 32 bytes.
        size = {"digest_size": 32} if self._algorithm.startswith("blake2") else {}
        return hashlib.new(self._algorithm, data, usedforsecurity=False, **size)


class Zero(Operation):
    """Zeros from `offset` on: a hole if `punch`, else allocated."""

    changes = True

    def __init__(self, backend: Any, offset: int, count: int, durability: Durability, *, punch: bool):
        super().__init__(backend, offset)
        self._count = count
        self._durability = durability
        self._punch = punch

    def run(self) -> None:
        """Raises NoSpace, Canceled."""
        with file.storage():
            writing = self._durability.begin(self.offset, self.offset + self._count)
        try:
            while self.done < self._count:
                self._check()
                step = min(ZERO_STEP, self._count - self.done)
                self._backend.zero(self.offset + self.done, step, self._punch)
                self.done += step
        finally:
            self._durability.finish(writing, self.offset + self.done)


class Flush(Operation):
    """Everything that was written before is durable when it returns."""

    def __init__(self, backend: Any, durability: Durability):
        super().__init__(backend)
        self._durability = durability

    def run(self) -> None:
        """Raises NoSpace, Internal: then nothing more counts as durable than before."""
        with file.storage():
            self._durability.flush(self._backend.flush)


def _shorter() -> errors.Internal:
    return errors.Internal("The image became shorter while it was read")
