"""The measuring itself: the same load to both in turn; its time, and the servers' CPU."""

import dataclasses
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from bench import images, load, rows, server, stage

GIB, MIB = 1 << 30, 1 << 20


@dataclasses.dataclass(frozen=True)
class Run:
    """`speed` is MiB/s of all connections together, or requests/s; `cpu` the servers' CPU seconds a GiB."""

    speed: float
    cpu: float


@dataclasses.dataclass(frozen=True)
class Result:
    """Medians of both; `ratio` of the speeds, and `cpu_ratio`, are medians of the pairs' own ratios."""

    row: rows.Row
    ours: Run
    theirs: Run
    ratio: float
    cpu_ratio: float


def result(row: rows.Row, pairs: Sequence[tuple[Run, Run]]) -> Result:
    """Of `pairs` (ours, theirs) that were taken in turn: whatever else the machine did then, it did to both."""
    # A run too short for the kernel's clock has taken no CPU time at all.
    spent = [mine.cpu / other.cpu for mine, other in pairs if other.cpu]
    return Result(
        row,
        median([mine for mine, _ in pairs]),
        median([other for _, other in pairs]),
        statistics.median(mine.speed / other.speed for mine, other in pairs),
        statistics.median(spent) if spent else float("nan"),
    )


def median(runs: Sequence[Run]) -> Run:
    return Run(statistics.median(run.speed for run in runs), statistics.median(run.cpu for run in runs))


def rounds(row: rows.Row, *, short: bool) -> int:
    """How many at most, with the first, which is not counted."""
    return 1 + (min(row.rounds, 3) if short else row.rounds)


def enough(number: int, seconds: float, *, short: bool) -> bool:
    """Whether `number` rounds that count, in so many seconds, will do: on a slow machine the whole must end in time too."""
    return number >= 1 and seconds > 4 if short else number >= 3 and seconds > 40


def measure(row: rows.Row, on: stage.Stage, *, short: bool, done: Callable[[int], None]) -> Result:
    """All rounds of one row; `done` is told how many have passed. The first is not counted: in it, every byte is compared."""
    source = on.memory / "source"
    size = row.quick if short else row.size
    (images.sparse if isinstance(row.does, str) else images.full)(source, size)
    ours, theirs = _Contender(row, on, source, row.ours), _Contender(row, on, source, row.theirs)
    pairs: list[tuple[Run, Run]] = []
    began = time.monotonic()
    for number in range(rounds(row, short=short)):
        if enough(len(pairs), time.monotonic() - began, short=short):
            done(rounds(row, short=short) - number)
            break
        # Whoever goes first finds colder caches: take turns in that too.
        order = (ours, theirs) if number % 2 else (theirs, ours)
        runs = {contender: contender.run(check=number == 0) for contender in order}
        if number:
            pairs.append((runs[ours], runs[theirs]))
        done(1)
    source.unlink()
    return result(row, pairs)


class _Contender:
    """One side of a row."""

    def __init__(self, row: rows.Row, on: stage.Stage, source: pathlib.Path, name: str):
        self._row, self._stage, self._source = row, on, source
        self._server = on.call(name)
        self._size = source.stat().st_size
        self._digest = images.digest(source) if row.digest and name == row.ours else None

    def run(self, *, check: bool) -> Run:
        """One run, and the removal of what it left, which is not measured."""
        try:
            return self._disk(check) if isinstance(self._row.does, str) else self._load(self._row.does, check)
        finally:
            self._server.forget()

    def _load(self, does: load.Load, check: bool) -> Run:
        reads = does.mode in ("get", "read")
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
        seconds, requests, cpu = run(words, self._server)
        if check and not reads:
            for pieces in self._server.stored():
                images.check(self._source, pieces)
        total = self._size * (1 if does.mode in ("read", "write") else does.connections)
        return Run(requests / seconds if does.chunk else total / MIB / seconds, cpu / (total / GIB))

    def _disk(self, check: bool) -> Run:
        uploads = self._row.does == "upload"
        target = self._server.prepare(self._size, 1)[0] if uploads else self._server.publish(self._source)
        copy = self._server.stored()[0][0] if uploads else self._stage.memory / "copy"
        url = f"http://127.0.0.1:{self._server.port(False)}{target.path}"
        file = self._source if uploads else copy
        seconds, _, cpu = run([sys.executable, "-m", "bench.real_client", str(self._row.does), str(file), url], self._server)
        if check:
            images.check_disk(self._source, copy)
        if not uploads:
            copy.unlink()
        return Run(self._size / MIB / seconds, cpu / (self._size / GIB))


def run(words: Sequence[str], measured: server.Server) -> tuple[float, float, float]:
    """Seconds and requests of the client, and CPU seconds of the server meanwhile."""
    with load.client(words) as client:
        before = measured.cpu_seconds()
        client.begin()
        seconds, requests = client.end()
        return seconds, requests, measured.cpu_seconds() - before


def forget_peak(pid: int) -> None:
    """What the process held until now, for its start or for a password, is not what `peak_memory` answers."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_memory(pid: int) -> int:
    """Bytes: the most that the process held (VmHWM) since `forget_peak`."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10
