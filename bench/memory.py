"""How much memory appliance and daemon take together while they are uploaded to."""

import dataclasses
import pathlib
from collections.abc import Callable

from bench import images, load, measure, ours

KIB, MIB = 1 << 10, 1 << 20
COUNTS = (1, 8, 32)
CHUNKS = (64 * KIB, MIB, 16 * MIB, 0)


@dataclasses.dataclass(frozen=True)
class Result:
    """Bytes. `by_count[size][count]`: so many uploads of that size at once. `by_chunk[size][chunk]`: one, in such chunks (0: whole)."""

    by_count: dict[int, dict[int, int]]
    by_chunk: dict[int, dict[int, int]]


def steps() -> int:
    """How often `run` calls `done`."""
    return 2 * (len(COUNTS) + len(CHUNKS))


def run(directory: pathlib.Path, *, short: bool, done: Callable[[], None]) -> Result:
    small, big = (8 * MIB, 32 * MIB) if short else (32 * MIB, 256 * MIB)
    source = directory / "source"
    results: tuple[dict, dict] = ({}, {})
    for size in (small, big):
        images.full(source, size)
        for found, several in (
            (results[0], [(count, load.Load("put", connections=count, tls=True)) for count in COUNTS]),
            (results[1], [(chunk, load.Load("put", chunk, tls=True)) for chunk in CHUNKS]),
        ):
            found[size] = {}
            for key, does in several:
                found[size][key] = _peak(directory / f"memory-{size}-{len(found)}-{key}-{does.connections}", source, does)
                done()
    source.unlink()
    return Result(*results)


def _peak(directory: pathlib.Path, source: pathlib.Path, does: load.Load) -> int:
    """Of an appliance of its own: a process does not give back all that it once had."""
    appliance = ours.Appliance(directory, tls=True)
    try:
        targets = appliance.prepare(source.stat().st_size, does.connections)
        for process in appliance.processes():
            measure.forget_peak(process.pid)
        measure.run(load.words(does, appliance.port(True), appliance.ca, source, targets), appliance)
        for pieces in appliance.stored():
            images.check(source, pieces)
        return sum(measure.peak_memory(process.pid) for process in appliance.processes())
    finally:
        appliance.stop()
