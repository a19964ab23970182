"""One side of a row: the load goes to one server, and is timed, while its CPU is watched, and that of everybody else."""

import dataclasses
import pathlib
import resource
import sys
import time
from collections.abc import Sequence

import psutil

from bench import images, load, rows, server, stage

GIB, MIB = 1 << 30, 1 << 20
#: Modes of the load that store nothing.
READS = ("get", "read")


@dataclasses.dataclass(frozen=True)
class Run:
    """`speed` is MiB/s of all connections together, or requests/s; `cpu` the servers' CPU seconds a GiB.

    `noise` is the part of the machine's CPU time, 0 to 1, that neither the servers nor the client took.
    """

    speed: float
    cpu: float
    noise: float = 0


class Contender:
    """One side of a row."""

    def __init__(self, row: rows.Row, on: stage.Stage, source: pathlib.Path, name: str):
        self._row, self._stage, self._source = row, on, source
        self._server = on.call(name)
        self._size = source.stat().st_size
        self._digest = images.digest(source) if row.digest and name == row.ours else None

    def run(self, *, check: bool) -> Run:
        """One run, and the removal of what it left, which is not measured."""
        self._stage.warm(self._fills())
        try:
            return self._disk(check) if isinstance(self._row.does, str) else self._load(self._row.does, check)
        finally:
            self._server.forget()

    def _fills(self) -> int:
        """Bytes of memory that one run takes for what it stores."""
        does = self._row.does
        if self._row.disk or does == "download" or (isinstance(does, load.Load) and does.mode in READS):
            return 0
        return int(self._size * (images.DATA if does == "upload" else 1 if does.mode == "write" else does.connections))

    def _load(self, does: load.Load, check: bool) -> Run:
        reads = does.mode in READS
        if reads:
            targets = [self._server.publish(self._source)] * does.connections
            does = dataclasses.replace(does, mode="fetch") if check and does.mode == "get" else does
        else:
            place = self._stage.disk if self._row.disk else None
            # Writes of pieces go into one image, on all connections.
            images_of = 1 if does.mode == "write" else does.connections
            targets = self._server.prepare(self._size, images_of, chunked=bool(does.chunk), place=place) * (does.connections // images_of)
        extra = f"Content-Digest: {self._digest}\r\n" if self._digest else ""
        targets = [load.Target(target.path + self._row.query, target.headers + extra) for target in targets]
        words = load.words(does, self._server.port(does.tls), self._server.ca if does.tls else None, self._source, targets)
        spent = run(words, self._server)
        if check and not reads:
            for pieces in self._server.stored():
                images.check(self._source, pieces)
        total = self._size * (1 if does.mode in ("read", "write") else does.connections)
        return Run((spent.requests if does.chunk else total / MIB) / spent.seconds, spent.cpu / (total / GIB), spent.noise)

    def _disk(self, check: bool) -> Run:
        uploads = self._row.does == "upload"
        target = self._server.prepare(self._size, 1)[0] if uploads else self._server.publish(self._source)
        copy = self._server.stored()[0][0] if uploads else self._stage.memory / "copy"
        url = f"http://127.0.0.1:{self._server.port(False)}{target.path}"
        file = self._source if uploads else copy
        spent = run([sys.executable, "-m", "bench.real_client", str(self._row.does), str(file), url], self._server)
        if check:
            images.check_disk(self._source, copy)
        if not uploads:
            copy.unlink()
        return Run(self._size / MIB / spent.seconds, spent.cpu / (self._size / GIB), spent.noise)


@dataclasses.dataclass(frozen=True)
class Spent:
    """On one run: seconds and requests of the client, CPU seconds of the servers, `noise` as in Run."""

    seconds: float
    requests: float
    cpu: float
    noise: float


def run(words: Sequence[str], measured: server.Server) -> Spent:
    """The client `words` against `measured`."""
    clients = _clients()
    with load.client(words) as client:
        before, machine, began = measured.cpu_seconds(), _machine(), time.monotonic()
        client.begin()
        seconds, requests = client.end()
        took, cpu, machine = time.monotonic() - began, measured.cpu_seconds() - before, _machine() - machine
    others = machine - cpu - (_clients() - clients)
    return Spent(seconds, requests, cpu, max(0.0, others / took / (psutil.cpu_count() or 1)))


def _machine() -> float:
    """CPU seconds of all programs until now, and those that another machine took from this one."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.steal


def _clients() -> float:
    """CPU seconds of all clients that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
