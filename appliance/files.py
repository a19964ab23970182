"""Files of the state directory: for their owner alone, and after a crash either the old or the new one, never a half."""

import contextlib
import os
import pathlib
import tempfile


def make_private(directory: pathlib.Path) -> None:
    """Makes the directory with mode 0700; an existing one gets that mode. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_mode & 0o777 != 0o700:
        directory.chmod(0o700)


def write(path: pathlib.Path, data: bytes) -> None:
    """Makes `path` hold `data`, durably, with mode 0600. Raises OSError."""
    # mkstemp makes it 0600 from the first instant.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
