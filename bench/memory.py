"""How much memory appliance and daemon take together while they are uploaded to."""

import dataclasses
import pathlib
from collections.abc import Callable

from bench import contender, images, load, ours

KIB, MIB = 1 << 10, 1 << 20
COUNTS = (1, 8, 32)
CHUNKS = (64 * KIB, MIB, 16 * MIB, 0)


@dataclasses.dataclass(frozen=True)
class Result:
    """Bytes. `by_count[size][count]`: so many uploads of that size at once. `by_chunk[size][chunk]`: one, in such chunks (0: whole)."""

    by_count: dict[int, dict[int, int]]
    by_chunk: dict[int, dict[int, int]]


def kinds(*, short: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How many at once, and the sizes of chunks."""
    return (COUNTS[:2], CHUNKS[::3]) if short else (COUNTS, CHUNKS)


def steps(*, short: bool) -> int:
    """How many steps `run` tells `done` of."""
    return 2 * sum(map(len, kinds(short=short)))


def run(directory: pathlib.Path, *, short: bool, done: Callable[[int], None]) -> Result:
    small, big = (8 * MIB, 32 * MIB) if short else (32 * MIB, 256 * MIB)
    source = directory / "source"
    counts, chunks = kinds(short=short)
    result = Result({}, {})
    for size in (small, big):
        images.full(source, size)
        by_count = {count: load.Load("put", connections=count, tls=True) for count in counts}
        by_chunk = {chunk: load.Load("put", chunk, tls=True) for chunk in chunks}
        for name, loads, found in (("count", by_count, result.by_count), ("chunk", by_chunk, result.by_chunk)):
            found[size] = {}
            for key, does in loads.items():
                found[size][key] = _peak(directory / f"memory-{size}-{name}-{key}", source, does)
                done(1)
    source.unlink()
    return result


def _peak(directory: pathlib.Path, source: pathlib.Path, does: load.Load) -> int:
    """Of an appliance of its own: a process does not give back all that it once had."""
    appliance = ours.Appliance(directory, tls=True)
    try:
        targets = appliance.prepare(source.stat().st_size, does.connections)
        for process in appliance.processes():
            forget_peak(process.pid)
        contender.run(load.words(does, appliance.port(True), appliance.ca, source, targets), appliance)
        for pieces in appliance.stored():
            images.check(source, pieces)
        return sum(peak_memory(process.pid) for process in appliance.processes())
    finally:
        appliance.stop()


def forget_peak(pid: int) -> None:
    """What the process held until now, for its start or for a password, is not what `peak_memory` answers."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_memory(pid: int) -> int:
    """Bytes: the most that the process held (VmHWM) since `forget_peak`."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10
