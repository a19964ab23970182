"""Volumes: the files of a storage domain, from nothing to complete.

A volume that is being filled is the hidden file `.partial-NAME`, beside it the journal of what has arrived for good. Completing it gives it
its name; nothing else ever has that name. Every step can be repeated after a crash. Files are reached relative to the
domain's directory, and never through a link.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imaged import errors as daemon_errors
from imaged import journal
from imaged.volumes import digests, errors, files, qemu, space, volume
from imaged.volumes.domains import Domain, Domains
from imaged.volumes.files import MAX_SIZE
from imaged.volumes.keyed import Keyed
from imaged.volumes.partial import Partial
from imaged.volumes.space import Space
from imaged.volumes.target import Target
from imaged.volumes.volume import Volume

#: What an empty disk can be made as.
DISKS = ("raw", "qcow2")
#: qcow2 counts in these.
SECTOR = 512


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
        with domain.directory() as directory:
            names = {name.removeprefix(files.PARTIAL) for name in os.listdir(directory) if not name.endswith(journal.SUFFIX)}
            return [found for name in sorted(names) if (found := volume.look(domain, directory, name))]

    def get(self, domain_id: str, name: str) -> Volume:
        """Raises InvalidName, NoDomain, NoVolume, NotAFile."""
        volume.check_name(name)
        domain = self._domains.get(domain_id)
        with domain.directory() as directory:
            return volume.get(domain, directory, name)

    @contextmanager
    def reading(self, domain_id: str, name: str) -> Iterator[int]:
        """A descriptor to read the volume's file, partial or complete. Raises as `get`."""
        volume.check_name(name)
        domain = self._domains.get(domain_id)
        with domain.directory() as directory:
            found = volume.get(domain, directory, name)
            file = files.open_(directory, Path(found.path).name)
        if file is None:
            raise volume.missing(domain, name)
        try:
            yield file
        finally:
            os.close(file)

    def space(self, domain: Domain) -> Space:
        """Raises NoDomain."""
        with domain.directory() as directory:
            return space.of(self._domains, directory)

    def available(self, domain_id: str) -> int:
        """Bytes that the domain has for further volumes. Raises InvalidName, NoDomain."""
        return self.space(self._domains.get(domain_id)).available

    def create(self, domain_id: str, name: str, size: int, allocation: str, initial_size: int | None = None) -> tuple[Volume, bool]:
        """Makes the partial volume; repeatable. Returns it, and whether it is new.

        `initial_size`: bytes of a sparse volume that will be filled, where not all of them will be: only these need
        to be available, and are reserved.

        Raises InvalidName, BadRequest, NoDomain, NotAFile, NoSpace, and Exists when the name is taken by a complete volume, or by
        one of another size.
        """
        volume.check_name(name)
        needed = space.needed(size, allocation, initial_size)
        domain = self._domains.get(domain_id)
        with domain.directory() as directory:
            partial = Partial(self._domains, domain, directory, name)
            with self._lock:
                new = partial.make(size, needed)
            # Outside the lock: where the file system cannot reserve blocks they are written one by one. The
            # file's size counts against the domain already.
            if allocation == "preallocated":
                partial.write(size, lambda file: os.posix_fallocate(file, 0, size))
            return volume.get(domain, directory, name), new

    def create_disk(
        self, domain_id: str, name: str, size: int, allocation: str, initial_size: int | None = None, format: str = "raw"
    ) -> tuple[Volume, bool]:
        """Makes a complete volume: an empty disk of `size` bytes in `format`; repeatable. Returns it, and whether it is new.

        Raises as `create`; Exists, too, where the name is taken by a volume that is being filled; Rejected `virtual-size` where no qcow2
        can be so large.
        """
        volume.check_name(name)
        needed = space.needed(size, allocation, initial_size)
        if format not in DISKS:
            raise daemon_errors.BadRequest(f"Invalid format {format[:64]!r}: an empty disk is one of {', '.join(DISKS)}")
        if format != volume.disk_format(name):
            raise daemon_errors.BadRequest(
                f"Volume {name!r} cannot be a {format} disk: the names of qcow2 disks, and no others, end in .qcow2"
            )
        domain = self._domains.get(domain_id)
        with self._making(domain.id, name), domain.directory() as directory:
            if files.look(directory, name) is not None:
                _check_same(domain, directory, name, -(-size // SECTOR) * SECTOR if format == "qcow2" else size)
                return self.complete(domain_id, name), False
            partial = Partial(self._domains, domain, directory, name)
            with self._lock:
                partial.remove_unfinished()
                # A qcow2 grows as it is filled; only its header is made now.
                partial.make(size if format == "raw" else 0, needed)
            if format == "qcow2":
                partial.write(size, lambda file: qemu.create(file, size, allocation == "preallocated"))
            elif allocation == "preallocated":
                partial.write(size, lambda file: os.posix_fallocate(file, 0, size))
            return self.complete(domain_id, name), True

    def complete(self, domain_id: str, name: str) -> Volume:
        """Makes the volume durable and gives it its name; repeatable. Raises InvalidName, NoDomain, NoVolume, NotAFile, Exists.

        Of a complete volume, which was written in its place: makes it durable, and forgets what its journal says.
        """
        volume.check_name(name)
        domain = self._domains.get(domain_id)
        with domain.directory() as directory:
            filled = files.open_(directory, files.PARTIAL + name)
            if filled is not None:
                _check_whole(directory, name)
                try:
                    os.fsync(filled)
                    with self._lock:
                        files.complete(directory, name, os.fstat(filled))
                finally:
                    os.close(filled)
            elif (complete := files.open_(directory, name)) is not None:
                try:
                    os.fsync(complete)
                finally:
                    os.close(complete)
            # Raises before anything is dropped.
            volume.get(domain, directory, name)
            os.fsync(directory)
            # Last: until the name is safe, the journal is what a resuming upload would need.
            files.remove_journal(directory, name)
            return volume.get(domain, directory, name)

    @contextmanager
    def converting(self, domain_id: str, name: str, needed: int) -> Iterator[int]:
        """A descriptor of a new, empty partial volume's file, which comes to `needed` bytes at most; what a crash left of it is replaced.

        At the end it is durable, and its journal says so; where anything is raised inside, it is gone.

        Raises InvalidName, NoDomain, NotAFile, NoSpace; Exists where the name is taken; NoVolume where it was deleted meanwhile.
        """
        domain = self._domains.get(domain_id)
        with domain.directory() as directory:
            target = Target(self._domains, domain, directory, name)
            with self._lock:
                file = target.make(needed)
            try:
                yield file
                target.finish(file)
            except BaseException:
                with self._lock:
                    target.remove(file)
                raise
            finally:
                os.close(file)

    def check_target(self, domain_id: str, name: str) -> None:
        """Raises InvalidName, NoDomain, NotAFile, and Exists where the name is taken by anything but an earlier conversion."""
        volume.check_name(name)
        domain = self._domains.get(domain_id)
        with domain.directory() as directory:
            Target(self._domains, domain, directory, name).check()

    def reset(self, domain_id: str, name: str, size: int) -> Volume:
        """Drops the complete volume's content and journal; its file has `size` bytes of zeros (a hole) then. Repeatable.

        For an upload of another file in its place, which may be shorter: nothing of the old one is left behind the new one's end.

        Raises as `get`, BadRequest, NoSpace; Conflict for a volume that is being filled.
        """
        if not 0 <= size <= MAX_SIZE:
            raise daemon_errors.BadRequest(f"Invalid size {size}: must be from 0 to {MAX_SIZE} bytes")
        volume.check_name(name)
        domain = self._domains.get(domain_id)
        with domain.directory() as directory, self._lock:
            if volume.get(domain, directory, name).state != "complete":
                raise daemon_errors.Conflict(f"Volume {name!r} is being filled: only a complete volume can be reset")
            # First and for good: the journal would vouch for bytes that are gone.
            files.remove_journal(directory, name)
            file = files.open_(directory, name, os.O_RDWR)
            if file is None:
                raise volume.missing(domain, name)
            try:
                os.ftruncate(file, 0)
                os.ftruncate(file, size)
                os.fsync(file)
            except OSError as error:
                raise space.refused(domain, error, space.of(self._domains, directory).available, size) from None
            finally:
                os.close(file)
            return volume.get(domain, directory, name)

    def shrink(self, domain_id: str, name: str, size: int) -> Volume:
        """The volume that is being filled has `size` bytes, no more than before. Repeatable.

        Raises as `get`, BadRequest; NoVolume for a complete one; Conflict where it would grow.
        """
        volume.check_name(name)
        if not 0 < size <= MAX_SIZE:
            raise daemon_errors.BadRequest(f"Invalid size {size}: a volume has 1 to {MAX_SIZE} bytes")
        domain = self._domains.get(domain_id)
        with domain.directory() as directory, self._lock:
            Partial(self._domains, domain, directory, name).shrink(size)
            return volume.get(domain, directory, name)

    def digests(self, domain_id: str, name: str, ranges: list[tuple[int, int]]) -> list[str]:
        """SHA-256 (hex) of each half-open range of bytes. Raises as `get`, and BadRequest, OutOfRange, TooLarge."""
        digests.check(ranges)
        with self.reading(domain_id, name) as file:
            return digests.of(file, ranges)

    def delete(self, domain_id: str, name: str) -> None:
        """Removes the volume, partial or complete, and its journal; repeatable. Raises InvalidName, NoDomain, NotAFile."""
        volume.check_name(name)
        domain = self._domains.get(domain_id)
        with domain.directory() as directory, self._lock:
            # First and for good: a journal that outlives its file would vouch for the bytes of the next one.
            files.remove_journal(directory, name)
            for file_name in (files.PARTIAL + name, name):
                if files.look(directory, file_name) is not None:
                    os.unlink(file_name, dir_fd=directory)
            os.fsync(directory)


def _check_whole(directory: int, name: str) -> None:
    """Raises Conflict for what is no image: a volume that is converted to, and one that is only converted from."""
    if files.converted(directory, name):
        raise daemon_errors.Conflict(f"Volume {name!r} is being converted to: wait for the end of that, or convert again")
    if volume.disk_format(name) not in DISKS:
        raise daemon_errors.Conflict(f"Volume {name!r} is not served as an image: convert it to qcow2 or raw, and complete the result")


def _check_same(domain: Domain, directory: int, name: str, size: int) -> None:
    """Raises Exists unless the complete volume is a disk of `size` bytes."""
    if volume.get(domain, directory, name).virtual_size != size:
        raise errors.Exists(f"Volume {name!r} already exists in storage domain {domain.name!r}, with another size")
