"""The partial file of a volume: made, written by ourselves, and undone where that fails."""

import os
from collections.abc import Callable
from contextlib import suppress

from imaged import errors as daemon_errors
from imaged import journal
from imaged.volumes import errors, files, space, volume
from imaged.volumes.domains import Domain, Domains


class Partial:
    """That of the volume `name` in the open directory of its domain."""

    def __init__(self, domains: Domains, domain: Domain, directory: int, name: str):
        self._domains = domains
        self._domain = domain
        self._directory = directory
        self._name = name
        self._file_name = files.PARTIAL + name

    def make(self, size: int, needed: int) -> bool:
        """Under the volumes' lock: makes the file of its full size, without blocks, unless it is there. Returns whether it is new.

        Raises Exists, NotAFile, NoSpace unless `needed` bytes are available, ForbiddenPath.
        """
        if files.look(self._directory, self._name) is not None:
            raise errors.Exists(f"Volume {self._name!r} already exists in storage domain {self._domain.name!r}")
        before = files.look(self._directory, self._file_name)
        if before is not None and before.st_size == size:
            return False
        # A size of 0 is ours from a crash between creating and sizing: no volume is empty.
        if before is not None and before.st_size > 0:
            raise errors.Exists(
                f"Volume {self._name!r} is already being filled, with {before.st_size} bytes instead of {size}: "
                "delete it, or choose another name"
            )
        available = self._available()
        if needed > available:
            raise space.too_little(self._domain, available, needed)
        files.remove_journal(self._directory, self._name)
        try:
            if needed < size:
                files.write_expected(self._directory, self._name, needed)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(self._file_name, flags, 0o600, dir_fd=self._directory)
            try:
                os.ftruncate(file, size)
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            self._remove()
            files.remove_journal(self._directory, self._name)
            raise space.refused(self._domain, error, available, size) from None
        os.fsync(self._directory)
        return True

    def write(self, size: int, work: Callable[[int], None]) -> None:
        """What `work` does to the open file is durable when this returns; where it cannot be done the file is gone.

        Raises NoVolume, NotAFile, NoSpace, ForbiddenPath, and what `work` raises.
        """
        file = files.open_(self._directory, self._file_name, os.O_RDWR)
        if file is None:
            raise volume.missing(self._domain, self._name)  # deleted meanwhile
        try:
            work(file)
            os.fsync(file)
        except OSError as error:
            available = self._available()
            self._remove()
            raise space.refused(self._domain, error, available, size) from None
        except daemon_errors.DaemonError:
            self._remove()
            raise
        finally:
            os.close(file)

    def shrink(self, size: int) -> None:
        """Cuts the file off behind what it was to hold, which turned out to be less than it was made for; repeatable.

        Raises NoVolume, NotAFile, Conflict where it would grow.
        """
        file = files.open_(self._directory, self._file_name, os.O_RDWR)
        if file is None:
            raise volume.missing(self._domain, self._name)
        try:
            before = os.fstat(file).st_size
            if size > before:
                raise daemon_errors.Conflict(f"Volume {self._name!r} has {before} bytes: it can be cut off, and does not grow to {size}")
            if size < before:
                os.ftruncate(file, size)
                os.fsync(file)
        finally:
            os.close(file)

    def remove_unfinished(self) -> None:
        """Removes what a crash left of making a disk. Raises Exists where it may be an upload's, of which something has arrived."""
        if files.look(self._directory, self._file_name + journal.SUFFIX) is not None:
            raise errors.Exists(
                f"Volume {self._name!r} is being filled in storage domain {self._domain.name!r}: delete it, or choose another name"
            )
        self._remove()

    def _available(self) -> int:
        return space.of(self._domains, self._directory).available

    def _remove(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._file_name, dir_fd=self._directory)
