"""file: URLs: below the one folder of this server that the administrator has set aside."""

import contextlib
import mimetypes
import os
import pathlib
import stat
import urllib.parse
from collections.abc import Iterator

from appliance import errors
from appliance.transfer import sources
from appliance.transfer.sources import answers, guard

_HERE = "this server"


class Folder:
    """One file of the folder, as `sources.Source`. No symbolic link is followed, and nothing but a plain file is read."""

    def __init__(self, url: str, policy: guard.Policy, credentials: sources.Credentials | None = None):
        """Raises BadUrl, UserInUrl, SchemeRefused, FileRefused."""
        if policy.folder is None:
            raise errors.SchemeRefused(scheme="file", allowed=", ".join(sources.schemes(policy)))
        self._folder = policy.folder
        self._parts = _parts(url, policy.folder)
        self._interrupted = False
        self.url = "file://" + urllib.parse.quote(str(policy.folder.joinpath(*self._parts)))
        self.host = _HERE
        self.name = answers.tidy(self._parts[-1])

    def look(self) -> sources.Facts:
        with self.reading() as file:
            head = sources.beginning(file, sources.HEAD)
        content_type = mimetypes.guess_type(self.name)[0] or "application/octet-stream"
        return sources.Facts(self.url, self.name, file.total, content_type, True, file.validator, head)

    @contextlib.contextmanager
    def reading(self, start: int = 0, validator: str | None = None) -> Iterator["File"]:
        with self.explained():
            stream = self._open()
        with stream:
            file = File(self, stream, start if validator else 0)
            if validator is not None and file.validator != validator:
                raise errors.SourceChanged(host=self.host, name=self.name)
            yield file

    def beside(self, name: str) -> "Folder":
        there = self._folder.joinpath(*self._parts[:-1], name)
        return Folder("file://" + urllib.parse.quote(str(there)), guard.Policy(schemes=("file",), folder=self._folder))

    def interrupt(self) -> None:
        self._interrupted = True

    def check(self) -> None:
        """Raises Interrupted."""
        if self._interrupted:
            raise sources.Interrupted

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise errors.SourceMissing(host=self.host, name=self.name, status="no such file") from error
        except PermissionError as error:
            raise errors.SourceForbidden(host=self.host, name=self.name, status="permission denied") from error
        except OSError as error:
            raise errors.SourceReset(host=self.host, reason=(error.strerror or "it failed").lower()) from error

    def _open(self):
        """The file, found from the folder on without following a link. Raises FileRefused, OSError."""
        at = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in self._parts[:-1]:
                deeper = _no_link(part, os.O_RDONLY | os.O_DIRECTORY, at)
                os.close(at)
                at = deeper
            # Opening a pipe would wait for its other end.
            found = _no_link(self._parts[-1], os.O_RDONLY | os.O_NONBLOCK, at)
        finally:
            os.close(at)
        if not stat.S_ISREG(os.fstat(found).st_mode):
            os.close(found)
            raise errors.FileRefused(reason="it is no plain file")
        return open(found, "rb", buffering=0)


class File:
    """An open file from `start` on, as `sources.Stream`."""

    def __init__(self, folder: Folder, stream, start: int):
        self._folder = folder
        self._stream = stream
        status = os.fstat(stream.fileno())
        self.start = stream.seek(start)
        self._size = status.st_size
        self.total: int | None = self._size
        self.validator: str | None = f'"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"'
        self._at = start

    def read(self, most: int = answers.PIECE) -> bytes:
        self._folder.check()
        # What is written behind the end meanwhile is another file's.
        with self._folder.explained():
            data = self._stream.read(min(most, self._size - self._at))
        if not data and self._at < self._size:
            raise errors.SourceShort(host=self._folder.host, name=self._folder.name, missing=self._size - self._at, expected=self._size)
        self._at += len(data)
        return data


def _parts(url: str, folder: pathlib.Path) -> tuple[str, ...]:
    """The path below the folder. Raises BadUrl, UserInUrl, FileRefused."""
    guard.scheme(url)
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        raise errors.BadUrl(reason="it cannot be taken apart") from None
    if "@" in parts.netloc:
        raise errors.UserInUrl()
    if parts.netloc.lower() not in ("", "localhost") or parts.query or parts.fragment:
        raise errors.BadUrl(reason="a file of this server is written as file:///PATH")
    path = urllib.parse.unquote(parts.path)
    below = pathlib.PurePosixPath(path)
    if (
        "\0" in path
        or ".." in below.parts
        or not below.is_relative_to(folder)
        or below == pathlib.PurePosixPath(folder)
        or path.endswith("/")
    ):
        raise errors.FileRefused(reason="it is not below the folder for imports")
    return below.relative_to(folder).parts


def _no_link(name: str, flags: int, at: int) -> int:
    """Raises FileRefused, OSError."""
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    except OSError as error:
        with contextlib.suppress(OSError):
            if stat.S_ISLNK(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
                raise errors.FileRefused(reason="there is a symbolic link on the way to it") from error
        raise
