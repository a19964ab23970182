"""Who is on stage: the servers that rows ask for, each started when it is first asked for, all gone at the end."""

import contextlib
import datetime
import mmap
import pathlib
import tempfile

from appliance import certificates
from bench import ours, peers, server

#: How much memory is taken before a run, in small pages and in huge ones, as a part of what the run will take: some of what is used first
#: is older.
WARM = 2
#: madvise: pages of 2 MiB where they are to be had, and all of them at once.
_HUGE, _POPULATE = mmap.MADV_HUGEPAGE, 23
_ZEROS = bytes(1 << 20)


class Stage:
    """`memory` and `disk` are directories: one in memory if the machine lets us, and one on a real disk. A context manager."""

    def __init__(self, memory: pathlib.Path, disk: pathlib.Path):
        self.memory, self.disk = memory, disk
        self._servers: dict[str, server.Server] = {}
        self._ending = contextlib.ExitStack()
        directory = memory / "certificates"
        directory.mkdir()
        authority = certificates.authority(directory)
        certificates.server(directory, *authority, ["127.0.0.1"], datetime.datetime.now(datetime.UTC))
        self._certificate = (directory / "server.pem", directory / "server.key", str(directory / "ca.pem"))

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_exc) -> None:
        self._ending.close()

    def call(self, name: str) -> server.Server:
        """By the name that rows call it."""
        if name not in self._servers:
            started = self._start(name, self.memory / f"server-{len(self._servers)}")
            self._ending.callback(started.stop)
            self._servers[name] = started
        return self._servers[name]

    def warm(self, size: int) -> None:
        """Takes and gives back memory for `size` bytes and more: the next who takes some gets that.

        A virtual machine's host takes back what lies idle, and to get it again may cost three times as much as all that is measured: now
        and then, for whoever happens to be next.
        """
        if not size:
            return
        with (
            tempfile.TemporaryFile(dir=self.memory, buffering=0) as small,
            mmap.mmap(-1, size * WARM, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as huge,
        ):
            # An older kernel gives memory when it is used, and not at a word: then this one is as it finds it.
            with contextlib.suppress(OSError):
                huge.madvise(_HUGE)
                huge.madvise(_POPULATE)
            for _ in range(0, size * WARM, len(_ZEROS)):
                small.write(_ZEROS)

    def _start(self, name: str, directory: pathlib.Path) -> server.Server:
        roots = [self.memory, self.disk]
        match name:
            case "imaged":
                return ours.Imaged(directory, roots, None)
            case "imaged, TLS":
                return ours.Imaged(directory, roots, self._certificate)
            case "appliance":
                return ours.Appliance(directory, tls=False)
            case "appliance, TLS":
                return ours.Appliance(directory, tls=True)
            case "nginx":
                return peers.Nginx(directory, self._certificate)
            case "nginx → nginx":
                return peers.NginxPair(directory, self._certificate)
            case "ovirt-imageio":
                return peers.Imageio(directory)
        raise ValueError(f"Nobody is called {name!r}")
