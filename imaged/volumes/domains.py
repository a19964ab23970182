"""Storage domains: directories under the configured roots that carry a marker.

A domain is found by looking, never from a list: each root, and each directory directly in one, that has the file `.image-domain`
(JSON: id and name). So a file system that is moved to another host brings its domain along.
"""

import contextlib
import json
import logging
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imaged import errors as daemon_errors
from imaged.volumes import errors

log = logging.getLogger("imaged.domains")

MARKER = ".image-domain"
#: Bytes: a marker is a hundred, and whatever is longer is not ours.
MAX_MARKER = 4 << 10
#: What a domain's id and a volume's name look like: no separator, no leading dot, nothing that is not plain ASCII.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
MAX_TITLE = 128


def check_name(name: str, what: str) -> str:
    """`name`, when it may name a `what`. Raises InvalidName."""
    if not NAME.fullmatch(name):
        raise errors.InvalidName(
            f"{name[:140]!r} cannot name a {what}: use 1 to 128 of a-z, A-Z, 0-9, dot, dash and underscore, a letter or digit first"
        )
    return name


@dataclass(frozen=True)
class Domain:
    """One domain. `id` is for programs and never changes, `name` is for people."""

    id: str
    name: str
    path: Path

    @contextlib.contextmanager
    def directory(self) -> Iterator[int]:
        """A descriptor of the domain's directory, while inside. Raises NoDomain when it is gone, or no longer the domain."""
        try:
            directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise errors.NoDomain(f"Storage domain {self.name!r} cannot be opened: {self.path}: {error.strerror}") from None
        try:
            if _read_marker(directory) != (self.id, self.name):
                raise errors.NoDomain(f"{self.path} is no longer storage domain {self.name!r}: its marker {MARKER} is missing or another's")
            yield directory
        finally:
            os.close(directory)


class Domains:
    """The domains under `roots`, which are directories that exist. Thread-safe: it keeps nothing but the roots."""

    def __init__(self, roots: Sequence[Path]):
        # Resolved once: a root may be a link of the administrator's, what lies below it may not.
        self.roots = [Path(os.path.realpath(root)) for root in roots]

    def all(self) -> list[Domain]:
        """Every domain there is, sorted by name. Where two claim one id, the first found has it, and the log says so."""
        found: dict[str, Domain] = {}
        for path in self._directories():
            domain = _look(path)
            if domain is None or found.setdefault(domain.id, domain).path == domain.path:
                continue
            log.warning("%s and %s both claim to be storage domain %s: using the first", found[domain.id].path, path, domain.id)
        return sorted(found.values(), key=lambda domain: (domain.name, domain.id))

    def get(self, domain_id: str) -> Domain:
        """Raises InvalidName, NoDomain."""
        check_name(domain_id, "storage domain")
        for domain in self.all():
            if domain.id == domain_id:
                return domain
        raise errors.NoDomain(f"There is no storage domain {domain_id!r} on this host")

    def add(self, domain_id: str, name: str, path: str) -> tuple[Domain, bool]:
        """Makes `path` the domain `domain_id`; repeatable. Returns it, and whether it is new.

        `path` is a root or lies directly in one; the directory is made (mode 0700) when missing.
        Raises InvalidName, BadRequest, ForbiddenPath, Exists.
        """
        check_name(domain_id, "storage domain")
        _check_title(name)
        place = self._place(path)
        for domain in self.all():
            if domain.id == domain_id and domain.path != place:
                raise errors.Exists(f"Storage domain {domain_id!r} is already at {domain.path}")
        directory = _make_directory(place)
        try:
            before = _read_marker(directory)
            if before is not None and before[0] != domain_id:
                raise errors.Exists(f"{place} already is storage domain {before[1]!r} (id {before[0]})")
            if before != (domain_id, name):
                _write_marker(directory, domain_id, name)
        finally:
            os.close(directory)
        return Domain(domain_id, name, place), before is None

    def _place(self, path: str) -> Path:
        """The resolved path of a domain to be made. Raises ForbiddenPath unless it is a root or directly in one."""
        if "\0" in path or not path.startswith("/") or ".." in path.split("/"):
            raise daemon_errors.ForbiddenPath(f"A storage domain's path must be absolute and without '..': {path!r}")
        given = Path(os.path.normpath(path))
        if Path(os.path.realpath(given)) in self.roots:
            return Path(os.path.realpath(given))
        place = Path(os.path.realpath(given.parent)) / given.name
        if place.parent not in self.roots:
            roots = ", ".join(map(str, self.roots))
            raise daemon_errors.ForbiddenPath(
                f"{given} is not directly in one of this host's roots ({roots}): choose a path there, or start imaged with another --root"
            )
        return place

    def _directories(self) -> Iterator[Path]:
        for root in self.roots:
            yield root
            try:
                with os.scandir(root) as entries:
                    children = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
            except OSError as error:
                log.error("root %s cannot be read: %s", root, error.strerror)
                continue
            yield from (root / name for name in children)


def _check_title(name: str) -> None:
    if not 0 < len(name) <= MAX_TITLE or not name.isprintable():
        raise errors.InvalidName(f"A storage domain's name has 1 to {MAX_TITLE} printable characters")


def _look(path: Path) -> Domain | None:
    """The domain at `path`, if there is one."""
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None  # gone since it was listed, or not ours to read: no domain
    try:
        marker = _read_marker(directory)
    finally:
        os.close(directory)
    return None if marker is None else Domain(*marker, path)


def _read_marker(directory: int) -> tuple[str, str] | None:
    """Id and name as the marker says, or None when there is none that can be trusted."""
    try:
        # O_NONBLOCK: a pipe of that name must not hold us.
        marker = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(marker).st_mode):
            return None
        value = json.loads(os.read(marker, MAX_MARKER))
        domain_id, name = value["id"], value["name"]
        check_name(domain_id, "storage domain")
        _check_title(name)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, errors.InvalidName):
        return None
    finally:
        os.close(marker)
    return domain_id, name


def _write_marker(directory: int, domain_id: str, name: str) -> None:
    """Whole or not at all: written beside, then renamed."""
    beside = f"{MARKER}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside, dir_fd=directory)  # of a process that died here
    marker = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
    with open(marker, "w", encoding="utf-8") as file:
        json.dump({"id": domain_id, "name": name}, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(beside, MARKER, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


def _make_directory(place: Path) -> int:
    """A descriptor of the directory `place`, made when missing. Raises ForbiddenPath for a link or anything else that is no directory."""
    try:
        os.mkdir(place, 0o700)
    except FileExistsError:
        pass  # which may be no directory: opening it tells
    except OSError as error:
        raise daemon_errors.ForbiddenPath(f"Directory {place} cannot be made: {error.strerror}") from None
    try:
        return os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise daemon_errors.ForbiddenPath(f"{place} is there, but it is no directory (links are not followed)") from None
