"""The same load to both in turn, and what comes of it: medians of pairs."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence

from bench import images, imports, rows, stage
from bench.contender import Contender, Run

Pair = tuple[Run, Run]

#: Pairs that the median is of at least.
LEAST = 3


@dataclasses.dataclass(frozen=True)
class Result:
    """Medians of both; `ratio` of the speeds, and `cpu_ratio`, are medians of the pairs' own ratios."""

    row: rows.Row
    ours: Run
    theirs: Run
    ratio: float
    cpu_ratio: float


def result(row: rows.Row, pairs: Sequence[Pair]) -> Result:
    """Of `pairs` (ours, theirs) that were taken in turn: whatever else the machine did then, it did to both.

    Those during which it did most are left out.
    """
    quiet = quieter(pairs)
    # A run too short for the kernel's clock has taken no CPU time at all.
    spent = [mine.cpu / other.cpu for mine, other in quiet if other.cpu]
    return Result(
        row,
        median([mine for mine, _ in quiet]),
        median([other for _, other in quiet]),
        statistics.median(mine.speed / other.speed for mine, other in quiet),
        statistics.median(spent) if spent else float("nan"),
    )


def quieter(pairs: Sequence[Pair]) -> list[Pair]:
    """The half of them that other programs disturbed least, but at least LEAST."""
    return sorted(pairs, key=lambda pair: max(run.noise for run in pair))[: max(LEAST, (len(pairs) + 1) // 2)]


def median(runs: Sequence[Run]) -> Run:
    return Run(*(statistics.median(getattr(run, field.name) for run in runs) for field in dataclasses.fields(Run)))


def rounds(row: rows.Row, *, short: bool) -> int:
    """How many at most, with the first, which is not counted."""
    return 1 + (min(row.rounds, 3) if short else row.rounds)


def enough(number: int, seconds: float, *, short: bool) -> bool:
    """Whether `number` rounds that count, in so many seconds, will do: on a slow machine the whole must end in time too."""
    return number >= 1 and seconds > 4 if short else number >= LEAST and seconds > 40


def measure(row: rows.Row, on: stage.Stage, *, short: bool, done: Callable[[int], None]) -> Result:
    """All rounds of one row; `done` is told how many have passed. The first is not counted: in it, every byte is compared."""
    source = on.memory / "source"
    size = row.quick if short else row.size
    (images.sparse if row.does in ("upload", "download") else images.full)(source, size)
    side = imports.Import if row.does == "import" else Contender
    ours, theirs = side(row, on, source, row.ours), side(row, on, source, row.theirs)
    pairs: list[Pair] = []
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
