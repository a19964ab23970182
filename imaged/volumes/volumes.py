"""Volumes: the files of a storage domain, from nothing to complete.

A volume that is being filled is the hidden file `.partial-NAME`, beside it the journal of what has arrived for good. Completing it gives it
its name; nothing else ever has that name. Every step can be repeated after a crash. Files are reached relative to the
domain's directory, and never through a link.
"""

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from imaged import errors as daemon_errors
from imaged import journal, units
from imaged.volumes import errors, files, formats, qemu
from imaged.volumes.domains import Domain, Domains, check_name
from imaged.volumes.files import MAX_SIZE
from imaged.volumes.keyed import Keyed

ALLOCATIONS = ("sparse", "preallocated")
#: What an empty disk can be made as.
DISKS = ("raw", "qcow2")
#: qcow2 counts in these.
SECTOR = 512
MAX_DIGESTS = 64
MAX_DIGEST_BYTES = 64 << 20
# 1 MiB: large enough that hashing, not calling, is what takes the time.
READ_SIZE = 1 << 20


@dataclass(frozen=True)
class Volume:
    """A volume as it is now. `size` and `allocated` (the file's) in bytes, `durable` as half-open ranges of bytes.

    `format` is how a guest's disk lies in it, by its name; `virtual_size` the bytes of that disk, None of a qcow2 without a header.
    """

    domain: str
    name: str
    state: str  # partial or complete
    size: int
    allocated: int
    path: str
    durable: list[list[int]]
    format: str
    virtual_size: int | None

    def as_json(self) -> dict:
        return {**vars(self), "url": "file://" + quote(self.path)}


@dataclass(frozen=True)
class Space:
    """What a domain's file system has, in bytes. `reserved`: what the partial volumes on it have yet to fill."""

    capacity: int
    free: int
    reserved: int

    @property
    def available(self) -> int:
        return max(0, self.free - self.reserved)


class Volumes:
    """The volumes of all domains. Thread-safe."""

    def __init__(self, domains: Domains):
        self._domains = domains
        # Over looking and doing: two that create, complete or delete must not both find the place free.
        self._lock = threading.Lock()
        # Who asks again for a disk that is being made waits for it.
        self._making = Keyed()

    def all(self, domain_id: str) -> list[Volume]:
        """Sorted by name. What is no volume (other names, links, pipes) is not shown."""
        domain = self._domains.get(domain_id)
        with _directory(domain) as directory:
            names = {name.removeprefix(files.PARTIAL) for name in os.listdir(directory) if not name.endswith(journal.SUFFIX)}
            return [volume for name in sorted(names) if (volume := _look(domain, directory, name))]

    def get(self, domain_id: str, name: str) -> Volume:
        """Raises InvalidName, NoDomain, NoVolume, NotAFile."""
        _check_name(name)
        domain = self._domains.get(domain_id)
        with _directory(domain) as directory:
            return _get(domain, directory, name)

    @contextmanager
    def reading(self, domain_id: str, name: str) -> Iterator[int]:
        """A descriptor to read the volume's file, partial or complete. Raises as `get`."""
        _check_name(name)
        domain = self._domains.get(domain_id)
        with _directory(domain) as directory:
            volume = _get(domain, directory, name)
            file = files.open_(directory, Path(volume.path).name)
        if file is None:
            raise _no_volume(domain, name)
        try:
            yield file
        finally:
            os.close(file)

    def space(self, domain: Domain) -> Space:
        """Raises NoDomain."""
        with _directory(domain) as directory:
            return self._space(directory)

    def create(self, domain_id: str, name: str, size: int, allocation: str, initial_size: int | None = None) -> tuple[Volume, bool]:
        """Makes the partial volume; repeatable. Returns it, and whether it is new.

        `initial_size`: bytes of a sparse volume that will be filled, where not all of them will be: only these need
        to be available, and are reserved.

        Raises InvalidName, BadRequest, NoDomain, NotAFile, NoSpace, and Exists when the name is taken by a complete volume, or by
        one of another size.
        """
        _check_name(name)
        needed = _needed(size, allocation, initial_size)
        domain = self._domains.get(domain_id)
        with _directory(domain) as directory:
            with self._lock:
                new = self._make(domain, directory, name, size, needed)
            # Outside the lock: where the file system cannot reserve blocks they are written one by one. The
            # file's size counts against the domain already.
            if allocation == "preallocated":
                self._write(domain, directory, name, size, lambda file: os.posix_fallocate(file, 0, size))
            return _get(domain, directory, name), new

    def create_disk(
        self, domain_id: str, name: str, size: int, allocation: str, initial_size: int | None = None, format: str = "raw"
    ) -> tuple[Volume, bool]:
        """Makes a complete volume: an empty disk of `size` bytes in `format`; repeatable. Returns it, and whether it is new.

        Raises as `create`; Exists, too, where the name is taken by a volume that is being filled; Rejected `virtual-size` where no qcow2
        can be so large.
        """
        _check_name(name)
        needed = _needed(size, allocation, initial_size)
        if format not in DISKS:
            raise daemon_errors.BadRequest(f"Invalid format {format[:64]!r}: an empty disk is one of {', '.join(DISKS)}")
        if format != disk_format(name):
            raise daemon_errors.BadRequest(
                f"Volume {name!r} cannot be a {format} disk: the names of qcow2 disks, and no others, end in .qcow2"
            )
        domain = self._domains.get(domain_id)
        with self._making(domain.id, name), _directory(domain) as directory:
            if files.look(directory, name) is not None:
                self._check_same(domain, directory, name, -(-size // SECTOR) * SECTOR if format == "qcow2" else size)
                return self.complete(domain_id, name), False
            with self._lock:
                _remove_unfinished(domain, directory, name)
                # A qcow2 grows as it is filled; only its header is made now.
                self._make(domain, directory, name, size if format == "raw" else 0, needed)
            if format == "qcow2":
                self._write(domain, directory, name, size, lambda file: qemu.create(file, size, allocation == "preallocated"))
            elif allocation == "preallocated":
                self._write(domain, directory, name, size, lambda file: os.posix_fallocate(file, 0, size))
            return self.complete(domain_id, name), True

    def complete(self, domain_id: str, name: str) -> Volume:
        """Makes the volume durable and gives it its name; repeatable. Raises InvalidName, NoDomain, NoVolume, NotAFile, Exists.

        Of a complete volume, which was written in its place: makes it durable, and forgets what its journal says.
        """
        _check_name(name)
        domain = self._domains.get(domain_id)
        with _directory(domain) as directory:
            partial = files.open_(directory, files.PARTIAL + name)
            if partial is not None:
                try:
                    os.fsync(partial)
                    with self._lock:
                        files.complete(directory, name, os.fstat(partial))
                finally:
                    os.close(partial)
            elif (complete := files.open_(directory, name)) is not None:
                try:
                    os.fsync(complete)
                finally:
                    os.close(complete)
            # Raises before anything is dropped.
            _get(domain, directory, name)
            os.fsync(directory)
            # Last: until the name is safe, the journal is what a resuming upload would need.
            files.remove_journal(directory, name)
            return _get(domain, directory, name)

    def reset(self, domain_id: str, name: str, size: int) -> Volume:
        """Drops the complete volume's content and journal; its file has `size` bytes of zeros (a hole) then. Repeatable.

        For an upload of another file in its place, which may be shorter: nothing of the old one is left behind the new one's end.

        Raises as `get`, BadRequest, NoSpace; Conflict for a volume that is being filled.
        """
        if not 0 <= size <= MAX_SIZE:
            raise daemon_errors.BadRequest(f"Invalid size {size}: must be from 0 to {MAX_SIZE} bytes")
        _check_name(name)
        domain = self._domains.get(domain_id)
        with _directory(domain) as directory, self._lock:
            if _get(domain, directory, name).state != "complete":
                raise daemon_errors.Conflict(f"Volume {name!r} is being filled: only a complete volume can be reset")
            # First and for good: the journal would vouch for bytes that are gone.
            files.remove_journal(directory, name)
            file = files.open_(directory, name, os.O_RDWR)
            if file is None:
                raise _no_volume(domain, name)
            try:
                os.ftruncate(file, 0)
                os.ftruncate(file, size)
                os.fsync(file)
            except OSError as error:
                raise _refused(domain, error, self._space(directory).available, size) from None
            finally:
                os.close(file)
            return _get(domain, directory, name)

    def digests(self, domain_id: str, name: str, ranges: list[tuple[int, int]]) -> list[str]:
        """SHA-256 (hex) of each half-open range of bytes. Raises as `get`, and BadRequest, OutOfRange, TooLarge."""
        if len(ranges) > MAX_DIGESTS:
            raise daemon_errors.TooLarge(f"{len(ranges)} ranges: at most {MAX_DIGESTS} are taken")
        if any(not 0 <= start <= end for start, end in ranges):
            raise daemon_errors.BadRequest("A range is [start, end] in bytes, with 0 <= start <= end")
        if sum(end - start for start, end in ranges) > MAX_DIGEST_BYTES:
            raise daemon_errors.TooLarge(f"The ranges have more than {MAX_DIGEST_BYTES} bytes in all")
        with self.reading(domain_id, name) as file:
            size = os.fstat(file).st_size
            if any(end > size for _, end in ranges):
                raise daemon_errors.OutOfRange(f"A range ends past the volume's {size} bytes", size)
            return [_sha256(file, start, end) for start, end in ranges]

    def delete(self, domain_id: str, name: str) -> None:
        """Removes the volume, partial or complete, and its journal; repeatable. Raises InvalidName, NoDomain, NotAFile."""
        _check_name(name)
        domain = self._domains.get(domain_id)
        with _directory(domain) as directory, self._lock:
            # First and for good: a journal that outlives its file would vouch for the bytes of the next one.
            files.remove_journal(directory, name)
            for file_name in (files.PARTIAL + name, name):
                if files.look(directory, file_name) is not None:
                    os.unlink(file_name, dir_fd=directory)
            os.fsync(directory)

    def _make(self, domain: Domain, directory: int, name: str, size: int, needed: int) -> bool:
        """Under the lock: makes the partial file of its full size, without blocks, unless it is there. Returns whether it is new."""
        if files.look(directory, name) is not None:
            raise errors.Exists(f"Volume {name!r} already exists in storage domain {domain.name!r}")
        before = files.look(directory, files.PARTIAL + name)
        if before is not None and before.st_size == size:
            return False
        # A size of 0 is ours from a crash between creating and sizing: no volume is empty.
        if before is not None and before.st_size > 0:
            raise errors.Exists(
                f"Volume {name!r} is already being filled, with {before.st_size} bytes instead of {size}: delete it, or choose another name"
            )
        available = self._space(directory).available
        if needed > available:
            raise _no_space(domain, available, needed)
        files.remove_journal(directory, name)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            if needed < size:
                files.write_expected(directory, name, needed)
            file = os.open(files.PARTIAL + name, flags, 0o600, dir_fd=directory)
            try:
                os.ftruncate(file, size)
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            self._undo(directory, name)
            files.remove_journal(directory, name)
            raise _refused(domain, error, available, size) from None
        os.fsync(directory)
        return True

    def _write(self, domain: Domain, directory: int, name: str, size: int, write: Callable[[int], None]) -> None:
        """What `write` does to the partial file is durable when it returns; where it cannot be done the file is gone."""
        file = files.open_(directory, files.PARTIAL + name, os.O_RDWR)
        if file is None:
            raise _no_volume(domain, name)  # deleted meanwhile
        try:
            write(file)
            os.fsync(file)
        except OSError as error:
            available = self._space(directory).available
            self._undo(directory, name)
            raise _refused(domain, error, available, size) from None
        except daemon_errors.DaemonError:
            self._undo(directory, name)
            raise
        finally:
            os.close(file)

    def _check_same(self, domain: Domain, directory: int, name: str, size: int) -> None:
        """Raises Exists unless the complete volume is a disk of `size` bytes."""
        if _get(domain, directory, name).virtual_size != size:
            raise errors.Exists(f"Volume {name!r} already exists in storage domain {domain.name!r}, with another size")

    @staticmethod
    def _undo(directory: int, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(files.PARTIAL + name, dir_fd=directory)

    def _space(self, directory: int) -> Space:
        """Of the file system: domains that share one share its space, so the partial volumes of all of them count."""
        device = os.fstat(directory).st_dev
        reserved = 0
        for domain in self._domains.all():
            try:
                with _directory(domain) as other:
                    if os.fstat(other).st_dev == device:
                        reserved += files.reserved(other)
            except errors.NoDomain:
                continue  # gone while we looked: it holds nothing
        system = os.fstatvfs(directory)
        return Space(system.f_blocks * system.f_frsize, system.f_bavail * system.f_frsize, reserved)


def disk_format(name: str) -> str:
    """How a guest's disk lies in the volume: what its name says, and never what its bytes look like, for those may be a guest's."""
    return "qcow2" if name.endswith(".qcow2") else "raw"


def _needed(size: int, allocation: str, initial_size: int | None) -> int:
    """Bytes that must be available for such a volume. Raises BadRequest."""
    if allocation not in ALLOCATIONS:
        raise daemon_errors.BadRequest(f"Invalid allocation {allocation!r}: must be one of {', '.join(ALLOCATIONS)}")
    if not 0 < size <= MAX_SIZE:
        raise daemon_errors.BadRequest(f"Invalid size {size}: a volume has 1 to {MAX_SIZE} bytes")
    needed = size if initial_size is None or allocation == "preallocated" else initial_size
    if not 0 <= needed <= size:
        raise daemon_errors.BadRequest(f"Invalid initial_size {needed}: must be from 0 to the size, {size}")
    return needed


def _check_name(name: str) -> str:
    """Raises InvalidName."""
    # The partial file of such a volume would be the journal of another.
    if journal.SUFFIX in name:
        raise errors.InvalidName(f"{name[:140]!r} cannot name a volume: {journal.SUFFIX!r} is kept for journals")
    return check_name(name, "volume")


@contextmanager
def _directory(domain: Domain) -> Iterator[int]:
    directory = domain.open()
    try:
        yield directory
    finally:
        os.close(directory)


def _look(domain: Domain, directory: int, name: str) -> Volume | None:
    """The volume `name`, or None where there is none, or what is there is no volume."""
    try:
        return _get(domain, directory, _check_name(name))
    except (errors.InvalidName, errors.NoVolume, errors.NotAFile):
        return None


def _get(domain: Domain, directory: int, name: str) -> Volume:
    partial, found = files.look(directory, files.PARTIAL + name), files.look(directory, name)
    state, file_name = "complete", name
    if partial is not None and (found is None or not os.path.samestat(partial, found)):
        state, file_name, found = "partial", files.PARTIAL + name, partial
    if found is None:
        raise _no_volume(domain, name)
    path, size, format = str(domain.path / file_name), found.st_size, disk_format(name)
    # A complete one has a journal while it is written anew in its place.
    written = state == "partial" or files.look(directory, name + journal.SUFFIX) is not None
    durable = journal.read(path, size).as_lists() if written else [[0, size]] if size else []
    virtual_size = size if format == "raw" else _virtual_size(directory, file_name)
    return Volume(domain.id, name, state, size, found.st_blocks * 512, path, durable, format, virtual_size)


def _virtual_size(directory: int, file_name: str) -> int | None:
    file = files.open_(directory, file_name)
    if file is None:
        return None  # deleted meanwhile
    try:
        return formats.virtual_size(file)
    finally:
        os.close(file)


def _remove_unfinished(domain: Domain, directory: int, name: str) -> None:
    """Removes what a crash left of making a disk. Raises Exists where it may be an upload's, of which something has arrived."""
    if files.look(directory, files.PARTIAL + name + journal.SUFFIX) is not None:
        raise errors.Exists(f"Volume {name!r} is being filled in storage domain {domain.name!r}: delete it, or choose another name")
    Volumes._undo(directory, name)


def _sha256(file: int, start: int, end: int) -> str:
    digest = hashlib.sha256()
    while start < end:
        data = os.pread(file, min(READ_SIZE, end - start), start)
        if not data:
            raise daemon_errors.Conflict("The volume became shorter while it was read")
        digest.update(data)
        start += len(data)
    return digest.hexdigest()


def _no_volume(domain: Domain, name: str) -> errors.NoVolume:
    return errors.NoVolume(f"There is no volume {name!r} in storage domain {domain.name!r}")


def _no_space(domain: Domain, available: int, needed: int) -> daemon_errors.NoSpace:
    return daemon_errors.NoSpace(
        f"Storage domain {domain.name!r} has {units.size(available)} available, and the volume needs {units.size(needed)}",
        details={"available": available, "needed": needed},
    )


def _refused(domain: Domain, error: OSError, available: int, needed: int) -> daemon_errors.DaemonError:
    """The file system's refusal to make the file so large, as ours."""
    if error.errno == errno.EFBIG:
        return daemon_errors.NoSpace(
            f"The file system of storage domain {domain.name!r} (or a limit of this process) does not take files of {units.size(needed)}",
            details={"available": available, "needed": needed},
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _no_space(domain, available, needed)
    return daemon_errors.ForbiddenPath(f"Storage domain {domain.name!r} cannot be written: {error.strerror}")
