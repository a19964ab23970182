"""The space of a domain's file system: what there is, what a volume needs, and how it is said that there is not enough."""

import errno
import os
from dataclasses import dataclass

from imaged import errors as daemon_errors
from imaged import units
from imaged.volumes import errors, files
from imaged.volumes.domains import Domain, Domains
from imaged.volumes.files import MAX_SIZE

ALLOCATIONS = ("sparse", "preallocated")


@dataclass(frozen=True)
class Space:
    """What a domain's file system has, in bytes. `reserved`: what the partial volumes on it have yet to fill."""

    capacity: int
    free: int
    reserved: int

    @property
    def available(self) -> int:
        return max(0, self.free - self.reserved)


def of(domains: Domains, directory: int) -> Space:
    """Of the open directory's file system: domains that share one share its space, so the partial volumes of all of them count."""
    device = os.fstat(directory).st_dev
    reserved = 0
    for domain in domains.all():
        try:
            with domain.directory() as other:
                if os.fstat(other).st_dev == device:
                    reserved += files.reserved(other)
        except errors.NoDomain:
            continue  # gone while we looked: it holds nothing
    system = os.fstatvfs(directory)
    return Space(system.f_blocks * system.f_frsize, system.f_bavail * system.f_frsize, reserved)


def needed(size: int, allocation: str, initial_size: int | None) -> int:
    """Bytes that must be available for such a volume. Raises BadRequest."""
    if allocation not in ALLOCATIONS:
        raise daemon_errors.BadRequest(f"Invalid allocation {allocation!r}: must be one of {', '.join(ALLOCATIONS)}")
    if not 0 < size <= MAX_SIZE:
        raise daemon_errors.BadRequest(f"Invalid size {size}: a volume has 1 to {MAX_SIZE} bytes")
    count = size if initial_size is None or allocation == "preallocated" else initial_size
    if not 0 <= count <= size:
        raise daemon_errors.BadRequest(f"Invalid initial_size {count}: must be from 0 to the size, {size}")
    return count


def too_little(domain: Domain, available: int, needed: int) -> daemon_errors.NoSpace:
    return daemon_errors.NoSpace(
        f"Storage domain {domain.name!r} has {units.size(available)} available, and the volume needs {units.size(needed)}",
        details={"available": available, "needed": needed},
    )


def refused(domain: Domain, error: OSError, available: int, needed: int) -> daemon_errors.DaemonError:
    """The file system's refusal to make the file so large, as ours."""
    if error.errno == errno.EFBIG:
        return daemon_errors.NoSpace(
            f"The file system of storage domain {domain.name!r} (or a limit of this process) does not take files of {units.size(needed)}",
            details={"available": available, "needed": needed},
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return too_little(domain, available, needed)
    return daemon_errors.ForbiddenPath(f"Storage domain {domain.name!r} cannot be written: {error.strerror}")
