"""What tickets may lead to besides plain files under the roots: nothing, unless whoever started the daemon allowed it.

Each word of the setting `allow` is a scheme (`nbd`, `http`, `https`: any server), or a place: `nbd:unix:/DIRECTORY` (sockets in it),
`nbd:HOST:PORT`, `http://HOST:PORT`, `https://HOST:PORT`, `file:///DEVICE` (a block device, or a directory of them).
"""

import os
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imaged import errors

_SCHEMES = ("nbd", "http", "https")
_SERVER = re.compile(r"(?:(https?)://|(nbd):)(\[[0-9A-Fa-f:.]+\]|[^:/\s\[\]@]+):([0-9]{1,5})/?")


@dataclass(frozen=True)
class Policy:
    """Roots, and what is allowed beyond them. `tls` is what other servers' certificates are checked with (None: the system's way)."""

    roots: Sequence[Path]
    schemes: frozenset[str] = frozenset()
    servers: frozenset[tuple[str, str, int]] = frozenset()
    sockets: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    tls: ssl.SSLContext | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, roots: Sequence[Path], allow: Sequence[str], tls: ssl.SSLContext | None = None) -> "Policy":
        """Raises ValueError, which says which word cannot be understood."""
        schemes, servers, sockets, devices = set(), set(), [], []
        for word in allow:
            server = _SERVER.fullmatch(word)
            if word in _SCHEMES:
                schemes.add(word)
            elif word.startswith("nbd:unix:/"):
                sockets.append(Path(word.removeprefix("nbd:unix:")))
            elif word.startswith("file:///"):
                devices.append(Path(word.removeprefix("file://")))
            elif server and 0 < int(server[4]) < 65536:
                servers.add((server[1] or server[2], server[3].strip("[]").lower(), int(server[4])))
            else:
                raise ValueError(word)
        return cls(tuple(roots), frozenset(schemes), frozenset(servers), tuple(sockets), tuple(devices), tls)

    def server(self, scheme: str, host: str, port: int) -> None:
        """Raises ForbiddenPath unless that server may be used."""
        if scheme not in self.schemes and (scheme, host.lower(), port) not in self.servers:
            raise errors.ForbiddenPath(f"Invalid value for 'url': this daemon may not use {scheme} servers, or not this one (--allow)")

    def socket(self, path: str) -> str:
        """The socket's path without links. Raises ForbiddenPath unless it lies under a root, or where sockets are allowed."""
        real = Path(os.path.realpath(path))
        if "nbd" not in self.schemes and not _under(real, [*self.roots, *self.sockets]):
            raise errors.ForbiddenPath("Invalid value for 'url': the socket is not under a directory that this daemon may use (--allow)")
        return str(real)

    def device(self, real: Path) -> bool:
        """May this block device (a path without links) be used?"""
        return _under(real, self.devices)


def _under(path: Path, directories: Sequence[Path]) -> bool:
    return any(path.is_relative_to(os.path.realpath(directory)) for directory in directories)
