"""The partial file that an image is converted into: begun anew as often as that must be, and durable at the end."""

import os

from imaged import journal
from imaged.volumes import errors, files, space, volume
from imaged.volumes.domains import Domain, Domains


class Target:
    """That of the volume `name` in the open directory of its domain."""

    def __init__(self, domains: Domains, domain: Domain, directory: int, name: str):
        self._domains = domains
        self._domain = domain
        self._directory = directory
        self._name = name
        self._file_name = files.PARTIAL + name

    def check(self) -> None:
        """Raises Exists, unless there is nothing of that name, or what an earlier conversion left; NotAFile."""
        if files.look(self._directory, self._name) is not None:
            raise errors.Exists(f"Volume {self._name!r} already exists in storage domain {self._domain.name!r}")
        if files.look(self._directory, self._file_name) is not None and files.converted(self._directory, self._name) is None:
            raise errors.Exists(
                f"Volume {self._name!r} is being filled in storage domain {self._domain.name!r}: delete it, or choose another name"
            )

    def make(self, needed: int) -> int:
        """Under the volumes' lock: a descriptor of the new, empty file, for which `needed` bytes are reserved from now on.

        Raises as `check`; NoSpace, ForbiddenPath.
        """
        self.check()
        if files.look(self._directory, self._file_name) is not None:
            os.unlink(self._file_name, dir_fd=self._directory)
        files.remove_journal(self._directory, self._name)
        available = space.of(self._domains, self._directory).available
        if needed > available:
            raise space.too_little(self._domain, available, needed)
        try:
            # Before the file: without it, that would pass for an upload's.
            files.write_converted(self._directory, self._name, needed)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(self._file_name, flags, 0o600, dir_fd=self._directory)
            os.fsync(self._directory)
        except OSError as error:
            raise space.refused(self._domain, error, available, needed) from None
        return file

    def finish(self, file: int) -> None:
        """What was written is durable when this returns, and told to be. Raises NoVolume when it was deleted meanwhile, NoSpace."""
        try:
            os.fsync(file)
            if not self._is(file):
                raise volume.missing(self._domain, self._name)
            size = os.fstat(file).st_size
            durability = journal.open_for(str(self._domain.path / self._file_name), size)
            durability.finish(durability.begin(0, size), size)
            durability.flush(lambda: None)
            # Last: until then it is no image.
            files.write_converted(self._directory, self._name, 0)
        except OSError as error:
            available = space.of(self._domains, self._directory).available
            raise space.refused(self._domain, error, available, os.fstat(file).st_size) from None

    def remove(self, file: int) -> None:
        """Under the volumes' lock: the open file is gone, with all that was beside it; one that took its name is not touched."""
        if self._is(file):
            # First the file: what is beside it says that it is no upload's.
            os.unlink(self._file_name, dir_fd=self._directory)
            os.fsync(self._directory)
            files.remove_journal(self._directory, self._name)

    def _is(self, file: int) -> bool:
        found = files.look(self._directory, self._file_name)
        return found is not None and os.path.samestat(found, os.fstat(file))
