"""The images that are sent: random bytes, so that nothing on the way can make less of them; and whether they arrived."""

import base64
import hashlib
import os
import pathlib
import subprocess
from collections.abc import Sequence

MIB = 1 << 20
#: A sparse disk has this part of its bytes, in pieces of this many bytes.
DATA, PIECE = 1 / 20, 16 * MIB


def full(path: pathlib.Path, size: int) -> pathlib.Path:
    """Writes `size` random bytes, a multiple of 1 MiB."""
    with path.open("wb") as file:
        for _ in range(0, size, MIB):
            file.write(os.urandom(MIB))
    return path


def sparse(path: pathlib.Path, size: int) -> pathlib.Path:
    """Writes a disk of `size` bytes, most of them holes."""
    with path.open("wb") as file:
        for start in range(0, size, int(PIECE / DATA)):
            file.seek(start)
            for _ in range(0, PIECE, MIB):
                file.write(os.urandom(MIB))
        file.truncate(size)
    return path


def digest(path: pathlib.Path) -> str:
    """The value of Content-Digest for the file's bytes."""
    with path.open("rb") as file:
        return f"sha-256=:{base64.b64encode(hashlib.file_digest(file, 'sha256').digest()).decode()}:"


def check(source: pathlib.Path, pieces: Sequence[pathlib.Path]) -> None:
    """The files `pieces`, one after the other, must be what `source` is. Raises AssertionError."""
    with source.open("rb") as wanted:
        for piece in pieces:
            with piece.open("rb") as found:
                while data := found.read(MIB):
                    assert data == wanted.read(len(data)), f"{piece.name} is not what was sent"
        assert not wanted.read(1), f"only {wanted.tell()} bytes of {source.name} arrived"


def check_disk(source: pathlib.Path, copy: pathlib.Path) -> None:
    """The same for disks that are mostly holes."""
    subprocess.run(["qemu-img", "compare", "-q", "-f", "raw", "-F", "raw", source, copy], check=True)
