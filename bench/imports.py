"""An image from nginx to a disk, with its SHA-256: by an import of ours, or by curl and then sha256sum.

What is ours is on the disk at the end; what is curl's may be in the page cache. The CPU is everybody's: the client is what is measured.

`python -m bench.imports URL FILE` is curl, `python -m bench.imports URL HOST TICKET SIZE` is ours. Both answer as load.c does, but that the
second number is the client's CPU seconds.
"""

import dataclasses
import ipaddress
import pathlib
import resource
import subprocess
import sys
import time

from appliance.transfer import fetch, sources
from appliance.transfer.sources import guard
from bench import contender, images, rows, server, stage
from imaged import client


class Import:
    """One side of the row, as contender.Contender is."""

    def __init__(self, row: rows.Row, on: stage.Stage, source: pathlib.Path, name: str):
        self._source = source
        self._size = source.stat().st_size
        self._disk = on.disk
        self._nginx = on.call("nginx")
        self._host = on.call(name) if name == row.ours else None

    def run(self, *, check: bool) -> contender.Run:
        """One run, and the removal of what it left, which is not measured."""
        measured = _Together([self._nginx, *([self._host] if self._host else [])])
        url = f"http://127.0.0.1:{self._nginx.port(False)}{self._nginx.publish(self._source).path}"
        copy = own = self._disk / "copy"
        words = [str(own)]
        if self._host:
            (target,) = self._host.prepare(self._size, 1, place=self._disk)
            copy = self._host.stored()[0][0]
            words = [f"http://127.0.0.1:{self._host.port(False)}", target.path.rpartition("/")[2], str(self._size)]
        try:
            spent = contender.run([sys.executable, "-m", "bench.imports", url, *words], measured)
            if check:
                images.check(self._source, [copy])
        finally:
            own.unlink(missing_ok=True)
            for each in measured.servers:
                each.forget()
        return contender.Run(self._size / rows.MIB / spent.seconds, (spent.cpu + spent.requests) / (self._size / rows.GIB), spent.noise)


@dataclasses.dataclass
class _Together:
    """Several servers, as one that is measured."""

    servers: list[server.Server]

    def cpu_seconds(self) -> float:
        return sum(each.cpu_seconds() for each in self.servers)


def main(url: str, *words: str) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    began, spent = time.perf_counter(), _cpu_seconds()
    (_ours if len(words) > 1 else _theirs)(url, *words)
    print(time.perf_counter() - began, _cpu_seconds() - spent)


def _ours(url: str, address: str, ticket: str, size: str) -> None:
    policy = guard.Policy(ports=(range(1, 65536),), networks=(ipaddress.ip_network("127.0.0.0/8"),))
    source = sources.open(url, policy)
    facts = source.look()
    found = fetch.Fetch(
        source, client.Images(address), ticket, host="host", limit=int(size), validator=facts.validator, total=facts.size
    ).run()
    assert found.sha256


def _theirs(url: str, file: str) -> None:
    subprocess.run(["curl", "--silent", "--fail", "--output", file, url], check=True)
    subprocess.run(["sha256sum", file], check=True, stdout=subprocess.DEVNULL)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main(*sys.argv[1:])
