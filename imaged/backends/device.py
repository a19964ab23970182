"""Images on block devices, as logical volumes and loop devices are: past the page cache, which would only hold a second copy.

How that is done, and why parallel writers are safe, stands in `direct`.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from imaged import errors
from imaged.backends import direct, policy
from imaged.backends.direct import BLOCK
from imaged.backends.file import File, path_of, storage
from imaged.backends.kept import Opened


@dataclass(frozen=True)
class Place:
    path: Path
    journaled = None

    def open(self, *, write: bool) -> "Device":
        """Raises NoFile where it is gone, ForbiddenPath where something else has taken its place."""
        flags = (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            opened = Opened(os.open(self.path, flags))
        except OSError as error:
            raise errors.NoFile(f"The image's device cannot be opened: {error.strerror}") from error
        if not opened.block:
            opened.close()
            raise errors.ForbiddenPath("The image is not a block device")
        return Device(opened)

    def close(self) -> None:
        """Nothing is kept."""

    tidy = close


def locate(url: str, allowed: policy.Policy) -> Place | None:
    """The block device that `file:///path` names; None if it names no device that is allowed. Raises BadRequest."""
    real = path_of(url)
    try:
        block = stat.S_ISBLK(os.stat(real).st_mode)
    except OSError:
        return None
    return Place(real) if block and allowed.device(real) else None


class Device(File):
    """An open block device (or a file, which will do for tests)."""

    least_direct = BLOCK
    # Only whole, aligned blocks go past the cache: they are gathered in a buffer first.
    cached = False

    def _find_past(self) -> direct.Direct | None:
        return direct.opened(self._descriptor)

    def size(self) -> int:
        with storage():
            return os.lseek(self._descriptor, 0, os.SEEK_END)

    def readinto(self, view: memoryview, offset: int) -> int:
        """Reads at most len(view) bytes from `offset`; returns how many, 0 past the end."""
        if offset % BLOCK or len(view) < BLOCK:
            # Up to where blocks begin: the next call goes on from there.
            return super().readinto(view[: BLOCK - offset % BLOCK], offset)
        whole = view[: len(view) - len(view) % BLOCK]
        with storage():
            count = self.past_cache.read(whole, offset) if self.past_cache else None
        return super().readinto(whole, offset) if count is None else count

    def zero(self, offset: int, count: int, punch: bool) -> None:
        """Makes the range read as zeros: given back to the device if `punch` and it can. Raises NoSpace: a device never grows."""
        if offset + count > self.size():
            raise errors.NoSpace(f"The device has {self.size()} bytes")
        head = min(count, -offset % BLOCK)
        body = (count - head) // BLOCK * BLOCK
        zeros = memoryview(bytes(BLOCK))
        super().write(zeros[:head], offset)
        super().zero(offset + head, body, punch)
        super().write(zeros[: count - head - body], offset + head + body)
