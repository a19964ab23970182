"""Files of the state directory: for their owner alone."""

import pathlib

from imaged.files import write

__all__ = ["make_private", "write"]


def make_private(directory: pathlib.Path) -> None:
    """Makes the directory with mode 0700; an existing one gets that mode. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_mode & 0o777 != 0o700:
        directory.chmod(0o700)
