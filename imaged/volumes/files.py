"""The files of a storage domain: reached relative to its directory's descriptor, and never through a link."""

import errno
import os
import stat
from contextlib import suppress

from imaged import errors as daemon_errors
from imaged import journal
from imaged.volumes import errors

#: A volume that is being filled has its name behind this.
PARTIAL = ".partial-"
#: Beside a partial volume of which only a part will be filled: how many bytes that is. Goes with the journal.
EXPECTED = journal.SUFFIX + ".expected"
#: Beside a partial volume that is converted to, until it is complete: how many bytes it may yet come to. Goes with the journal.
CONVERTED = journal.SUFFIX + ".converted"
#: The largest that a file's offset can say (8 EiB - 1).
MAX_SIZE = (1 << 63) - 1


def look(directory: int, file_name: str) -> os.stat_result | None:
    """None when there is no such file. Raises NotAFile."""
    try:
        found = os.stat(file_name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    _check(found.st_mode, file_name)
    return found


def open_(directory: int, file_name: str, flags: int = os.O_RDONLY) -> int | None:
    """A descriptor, or None when there is no such file. Raises NotAFile."""
    try:
        # O_NONBLOCK: opening a pipe must not hold us; on a plain file it means nothing.
        file = os.open(file_name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        found = look(directory, file_name)
        if found is None:
            return None
        raise daemon_errors.ForbiddenPath(f"File {file_name} cannot be opened: {error.strerror}") from None
    try:
        _check(os.fstat(file).st_mode, file_name)
    except errors.NotAFile:
        os.close(file)
        raise
    return file


def _check(mode: int, file_name: str) -> None:
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a named pipe", stat.S_IFDIR: "a directory", stat.S_IFSOCK: "a socket"}
        kind = kinds.get(stat.S_IFMT(mode), "a device")
        raise errors.NotAFile(f"{file_name} in the storage domain is {kind}, not a file: have the host's administrator look at it")


def complete(directory: int, name: str, partial: os.stat_result) -> None:
    """Gives the partial file its name. Raises Exists, never replaces. Under the lock.

    A link and an unlink: rename would replace. A crash between the two leaves both names of one file, which the repetition finds.
    """
    complete = look(directory, name)
    if complete is not None and not os.path.samestat(partial, complete):
        raise errors.Exists(f"Another file took the name {name!r} while the volume was filled: have the host's administrator look at it")
    if complete is None:
        try:
            os.link(PARTIAL + name, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        except FileExistsError:
            raise errors.Exists(
                f"Another file took the name {name!r} while the volume was filled: have the host's administrator look at it"
            ) from None
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            # No hard links on this file system. Only this process writes here, and it holds the lock.
            os.rename(PARTIAL + name, name, src_dir_fd=directory, dst_dir_fd=directory)
            return
        os.fsync(directory)
    os.unlink(PARTIAL + name, dir_fd=directory)


def remove_journal(directory: int, name: str) -> None:
    """Removes it for good, with what a crash left of writing it, and what was expected."""
    prefixes = (PARTIAL + name + journal.SUFFIX, name + journal.SUFFIX)
    for found in os.listdir(directory):
        if found.startswith(prefixes):
            try:
                os.unlink(found, dir_fd=directory)
            except FileNotFoundError:
                continue
    os.fsync(directory)


def reserved(directory: int) -> int:
    """Bytes that the partial volumes in `directory` have yet to fill."""
    total = 0
    for name in os.listdir(directory):
        if name.startswith(PARTIAL) and journal.SUFFIX not in name:
            try:
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(found.st_mode):
                # One that is converted to grows by itself.
                promised = _number(directory, name + CONVERTED)
                if promised is None:
                    expected = _number(directory, name + EXPECTED)
                    promised = found.st_size if expected is None else min(found.st_size, expected)
                total += max(0, promised - found.st_blocks * 512)
    return total


def converted(directory: int, name: str) -> int | None:
    """Bytes that the partial volume may yet come to by a conversion, 0 when that has ended; None when it is not converted to."""
    return _number(directory, PARTIAL + name + CONVERTED)


def write_converted(directory: int, name: str, count: int) -> None:
    """Durably, and at once: whoever reads it finds this number, or the one before. Raises OSError."""
    path, beside = PARTIAL + name + CONVERTED, PARTIAL + name + CONVERTED + ".new"
    with suppress(FileNotFoundError):
        os.unlink(beside, dir_fd=directory)  # of a process that died here
    _write_number(directory, beside, count)
    os.rename(beside, path, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


def write_expected(directory: int, name: str, count: int) -> None:
    _write_number(directory, PARTIAL + name + EXPECTED, count)


def _number(directory: int, file_name: str) -> int | None:
    try:
        file = os.open(file_name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        with open(file, "rb") as stream:
            return int(stream.read(32))
    except (OSError, ValueError):
        return None


def _write_number(directory: int, file_name: str, count: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(file_name, flags, 0o600, dir_fd=directory), "wb") as file:
        file.write(b"%d\n" % count)
        file.flush()
        os.fsync(file.fileno())
