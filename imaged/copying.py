"""Files to images and images to files: in parallel, holes left out, and able to go on where they broke off.

The bytes are copied as they are: a qcow2 file arrives as that very file. Each piece of an upload travels with its SHA-256, which the
server compares, and the server knows what is durable; a download keeps a journal beside the file until it is whole.
"""

import base64
import errno
import functools
import hashlib
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from imaged import client, journal
from imaged.backends.device import Device
from imaged.backends.extents import merged
from imaged.backends.file import File
from imaged.backends.kept import Opened
from imaged.httpd import buffers
from imaged.ranges import Ranges
from imaged.remote import Remote

#: Bytes of one request: what is lost at most when it breaks off. Zeros travel as a word.
PIECE = 32 << 20
ZERO_PIECE = 1 << 30
#: A resumed upload compares this many bytes at both ends of this many durable ranges: is it the same file?
SAMPLE, SAMPLES = 64 << 10, 16

Progress = Callable[[int], None]


class CannotCopy(Exception):
    """What is in the way, for the person who asked."""


def upload(path: Path, remote: Remote, *, workers: int, resume: bool, progress: Progress, total: Progress = lambda count: None) -> None:
    """The bytes of the file, or block device, into the image, all of them durable.

    `total` is told how many bytes there are, `progress` of those that are dealt with, from several threads.

    Raises CannotCopy, DaemonError, OSError, Unreachable, Refused.
    """
    with _open(path) as file:
        size = file.size()
        total(size)
        durable = _held(remote, size) if resume else Ranges()
        if not _same(remote, file, durable):
            raise CannotCopy("The server holds bytes of another file: upload without --resume")
        progress(sum(end - start for start, end in durable.common(0, size)))
        zeros = "zero" in remote.features
        pieces = []
        for start, end in durable.missing(0, size):
            for extent in merged(file.extents("zero", start, end)):
                zero = zeros and extent.about["zero"]
                pieces += [(low, high, zero) for low, high in _cut(extent.start, extent.end, ZERO_PIECE if zero else PIECE)]

        workers = min(workers, remote.max_writers)
        sending = threading.BoundedSemaphore(workers)

        def send(start: int, end: int, zero: bool) -> None:
            if zero:
                change = {"op": "zero", "offset": start, "size": end - start, "flush": False}
                with sending:
                    remote.call("PATCH", body=json.dumps(change).encode())
                progress(end - start)
            else:
                digest = _digest(file, start, end)
                with sending:
                    _put(remote, file, start, end, digest, progress)

        # One more than may send: it hashes its piece meanwhile.
        _in_parallel([functools.partial(send, *piece) for piece in pieces], workers + 1)
        # Each PUT was flushed, zeros were not.
        if any(zero for _, _, zero in pieces) and "flush" in remote.features:
            remote.call("PATCH", body=b'{"op": "flush"}')


def download(remote: Remote, path: Path, *, workers: int, resume: bool, progress: Progress, total: Progress = lambda count: None) -> None:
    """The image's bytes into a new file, which gets its name when it is whole and durable; until then it is `.part`.

    `total` is told the image's size (bytes) as soon as it is known, `progress` of bytes that are dealt with.

    Raises CannotCopy, DaemonError, OSError, Unreachable, Refused.
    """
    if path.exists():
        raise CannotCopy(f"{path} exists: choose another name, or remove it first")
    if "extents" in remote.features:
        extents = remote.extents("zero")
        size = sum(extent["length"] for extent in extents)
        data = [(e["start"], e["start"] + e["length"]) for e in extents if not e.get("zero")]
    else:
        size = remote.size()
        data = [(0, size)]
    total(size)
    part = Path(os.path.realpath(path.parent)) / f"{path.name}.part"
    record = Path(f"{part}{journal.SUFFIX}")
    _prepare(part, record, size, resume)
    durability = journal.open_for(str(part), size)
    durable = durability.durable

    with File(Opened(os.open(part, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW))) as file:
        if not _same(remote, file, durable):
            raise CannotCopy(f"{part} has bytes of another image: remove it first")
        pieces = [piece for start, end in data for gap in durable.missing(start, end) for piece in _cut(*gap, PIECE)]
        progress(size - sum(end - start for start, end in pieces))

        def receive(start: int, end: int) -> None:
            writing = durability.begin(start, end)
            done = start
            try:
                for count in _get(remote, file, start, end):
                    done += count
                    progress(count)
            finally:
                durability.finish(writing, done)
            durability.flush(file.flush)

        _in_parallel([functools.partial(receive, *piece) for piece in pieces], min(workers, remote.max_readers))
        file.flush()
    _name(part, path)
    record.unlink(missing_ok=True)


def _open(path: Path) -> File:
    """To be read. Raises CannotCopy, OSError."""
    # O_NONBLOCK: a pipe is refused, and not waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISBLK(mode):
        return Device(Opened(descriptor))
    if stat.S_ISREG(mode):
        return File(Opened(descriptor))
    os.close(descriptor)
    raise CannotCopy(f"{path} is neither a file nor a block device")


def _put(remote: Remote, file: File, start: int, end: int, digest: str, progress: Progress) -> None:
    about = (("Content-Range", f"bytes {start}-{end - 1}/*"), ("Content-Length", str(end - start)), ("Content-Digest", digest))
    with remote.exchange("PUT", "", about) as connection:
        for data in _bytes(file, start, end):
            connection.send(data)
            progress(len(data))
        remote.answer(connection).read()


def _digest(file: File, start: int, end: int) -> str:
    """As Content-Digest (RFC 9530) has it. A file that changes until its bytes are sent is noticed by that."""
    digest = hashlib.sha256()
    for data in _bytes(file, start, end):
        digest.update(data)
    return f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"


def _bytes(file: File, start: int, end: int) -> Iterator[memoryview]:
    """The file's bytes, in buffers that are valid until the next is asked for. Raises CannotCopy."""
    with buffers.borrow() as buffer:
        while start < end:
            count = file.readinto(buffer[: end - start], start)
            if not count:
                raise CannotCopy("The file became shorter while it was read")
            yield buffer[:count]
            start += count


def _get(remote: Remote, file: File, start: int, end: int) -> Iterator[int]:
    """Writes the bytes as they come; yields how many."""
    with buffers.borrow() as buffer, remote.exchange("GET", "", (("Range", f"bytes={start}-{end - 1}"),)) as connection:
        response = remote.answer(connection)
        if response.status != 206 or response.length != end - start:
            raise client.Unreachable(remote.address, "it does not answer ranges")
        while start < end:
            count = response.readinto(buffer[: end - start])
            file.write(buffer[:count], start)
            start += count
            yield count


def _held(remote: Remote, size: int) -> Ranges:
    """What of `size` bytes the server holds for good."""
    try:
        extents = remote.extents("durable")
    except client.Refused as error:
        if error.status in (400, 404):
            raise CannotCopy("The server cannot tell what is durable: upload without --resume") from None
        raise
    durable = Ranges((e["start"], e["start"] + e["length"]) for e in extents if e.get("durable"))
    return Ranges(durable.common(0, size))


def _same(remote: Remote, file: File, durable: Ranges) -> bool:
    """Are samples of what was copied before the same on both sides?"""
    ranges = list(durable)
    for start, end in ranges[:: max(1, len(ranges) // SAMPLES)]:
        for low, high in {(start, min(end, start + SAMPLE)), (max(start, end - SAMPLE), end)}:
            here = b"".join(map(bytes, _bytes(file, low, high)))
            if remote.call("GET", headers=(("Range", f"bytes={low}-{high - 1}"),)) != here:
                return False
    return True


def _prepare(part: Path, record: Path, size: int, resume: bool) -> None:
    """The file that is to be filled, of its full size."""
    # An empty one was broken off before it had its size: there is nothing in it.
    if part.exists() and part.stat().st_size:
        if not resume:
            raise CannotCopy(f"{part} exists: go on with --resume, or remove it first")
        if part.stat().st_size != size:
            raise CannotCopy(f"{part} has {part.stat().st_size} bytes, and the image {size}: it is of another image, remove it first")
        return
    record.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.truncate(descriptor, size)
    except OSError:
        part.unlink()
        raise
    finally:
        os.close(descriptor)


def _name(part: Path, path: Path) -> None:
    """Gives the whole file its name. Not by rename, which would replace what has got the name since, except where there are no links."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise CannotCopy(f"{path} has come to exist meanwhile: the whole copy is {part}") from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP):
            raise
        part.rename(path)
    else:
        part.unlink()


def _cut(start: int, end: int, length: int) -> Iterator[tuple[int, int]]:
    for low in range(start, end, length):
        yield low, min(end, low + length)


def _in_parallel(tasks: list[Callable[[], None]], workers: int) -> None:
    """Runs them all, in order, `workers` at a time. Raises what the first that failed raised, when the others have ended."""
    rest, lock = iter(tasks), threading.Lock()
    failures: list[BaseException] = []

    def work() -> None:
        while not failures:
            with lock:
                task = next(rest, None)
            if task is None:
                return
            try:
                task()
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(min(workers, len(tasks)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException as error:  # Ctrl-C: each ends with its piece
        failures.append(error)
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
