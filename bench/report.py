"""What was measured, in words and tables: for the terminal, and as docs/performance.md."""

import datetime
import math
from collections.abc import Callable, Sequence

from bench import chart, latency, measure, memory
from imaged import units

HEAD = """# How fast it is

Written by `make bench`, {date}, on a machine with {cores} cores; files {place}, but for the row that says disk. Client and servers share
these cores. The absolute numbers are this machine's; the ratios say more.

![Ratios of all rows]({picture})

## Transfers

Both sides get the same load in turn, in one run: medians, and of the ratios the median of the pairs' own. *Floor* is what must hold, *goal*
what we are after. The client is a small C program (`bench/load.c`), so that servers are measured and not the client. In a round that is not
counted, every byte that was stored or answered is compared with what was sent. CPU is the servers' alone, seconds a GiB; *of theirs* is our
part of it, beside the most that it may be. *Noise* is what other programs took of the machine's CPU time meanwhile; the half of the pairs
that they disturbed most is left out.

* *The daemon* is `imaged` on TCP, beside nginx (WebDAV's PUT, `sendfile`) or ovirt-imageio's daemon.
* *Through both* is client → appliance → unix socket → `imaged` → file, beside client → nginx (`proxy_request_buffering off`, connections
  kept) → unix socket → nginx → file. Ours writes down what is durable before it answers; nginx syncs nothing.
* *Content-Digest*: the host verifies a SHA-256 before it answers; nginx, beside it, checks nothing.
* *A sparse disk* has 20 GiB, 1 GiB of them data; its speed is that of the whole disk.
"""

#: From this heading on, the document is a person's.
NOTES = "## Notes"

LATENCY = """## Answers while bytes move

Four uploads run flat out, and {crowd} more crawl at 1 KiB/s each, all through one appliance; at the same time one browser asks for a page,
a transfer and a heartbeat, in turn. Milliseconds: 99 of 100 answers took at most so long (p99), at rest → then. The floor is {floor:g} ms
for each, the goal {goal:g}; no answer and no upload may fail. *Memory* is the most that the appliance held, {memory_floor} at most, goal
{memory_goal}.
"""

MEMORY = """## Memory

The most that appliance and daemon together held (VmHWM) during as many uploads at once, over TLS; and during one in chunks of a size.
"""


def introduction(*, in_memory: bool, picture: str, cores: int) -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    return HEAD.format(date=today, cores=cores, place="in memory (tmpfs)" if in_memory else "on its disk", picture=picture)


def verdict(value: float, floor: float | None, goal: float | None, *, less: bool = False) -> str:
    """How `value` stands to what was promised; with `less`, the smaller the better."""
    if floor is None or goal is None:
        return ""
    if (value <= goal) if less else (value >= goal):
        return "goal"
    return "floor" if (value <= floor if less else value >= floor) else "**missed**"


def line(result: measure.Result) -> list[str]:
    """The cells of one row."""
    row, unit = result.row, " /s" if result.row.counts_requests else " MiB/s"
    return [
        row.path,
        row.theirs,
        f"{result.ours.speed:.0f}{unit}",
        f"{result.theirs.speed:.0f}{unit}",
        f"{result.ratio:.2f}",
        "" if row.floor is None else f"{row.floor:g}",
        "" if row.goal is None else f"{row.goal:g}",
        verdict(result.ratio, row.floor, row.goal),
        f"{result.ours.cpu:.2f}",
        f"{result.theirs.cpu:.2f}",
        "" if math.isnan(result.cpu_ratio) else f"{result.cpu_ratio:.2f}",
        "" if row.cpu is None else f"{row.cpu:g}",
        "" if row.cpu is None else "yes" if result.cpu_ratio <= row.cpu else "**no**",
        f"{max(result.ours.noise, result.theirs.noise):.0%}",
    ]


TRANSFER_HEAD = [
    "path", "against", "ours", "theirs", "ratio", "floor", "goal", "holds", "CPU ours", "CPU theirs", "of theirs", "at most",
    "holds", "noise",
]  # fmt: skip
LATENCY_HEAD = ["appliance", "page", "API", "heartbeat", "slowest", "holds", "failures", "memory", "holds", "its daemon", "uploads"]


def latency_line(result: latency.Result) -> list[str]:
    answers = [f"{result.rest.p99(kind):.1f} → {result.busy.p99(kind):.1f}" for kind in ("page", "API", "heartbeat")]
    return [
        f"{'TLS' if result.tls else 'plain'}, {result.crawling} crawl",
        *answers,
        f"{result.busy.worst:.1f} ms",
        verdict(result.busy.worst, latency.FLOOR, latency.GOAL, less=True),
        str(result.failures),
        units.size(result.memory),
        verdict(result.memory, latency.MEMORY_FLOOR, latency.MEMORY_GOAL, less=True),
        units.size(result.daemon),
        f"{result.speed:.0f} MiB/s",
    ]


def memory_tables(result: memory.Result) -> list[str]:
    return [
        _memory_table(result.by_count, lambda count: f"{count} at once"),
        _memory_table(result.by_chunk, lambda chunk: f"chunks of {units.size(chunk)}" if chunk else "one request"),
    ]


def _memory_table(found: dict[int, dict[int, int]], name: Callable[[int], str]) -> str:
    lines = [[units.size(size), *map(units.size, held.values())] for size, held in found.items()]
    return table(["image", *map(name, next(iter(found.values())))], lines)


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines))


def document(head: str, results: Sequence[measure.Result], answers: Sequence[latency.Result], held: memory.Result) -> str:
    """docs/performance.md, whole."""
    words = LATENCY.format(
        crowd=answers[0].crawling,
        floor=latency.FLOOR,
        goal=latency.GOAL,
        memory_floor=units.size(latency.MEMORY_FLOOR),
        memory_goal=units.size(latency.MEMORY_GOAL),
    )
    parts = [head, table(TRANSFER_HEAD, [line(one) for one in results])]
    parts += [words, table(LATENCY_HEAD, [latency_line(one) for one in answers]), MEMORY, *memory_tables(held)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def notes(text: str) -> str:
    """What a person wrote at the end of the document `text`: it is kept."""
    start = text.find(f"\n{NOTES}\n")
    return text[start:].strip() + "\n" if start >= 0 else ""


def picture(results: Sequence[measure.Result]) -> str:
    """The chart of all ratios, as SVG."""
    return chart.draw([chart.Bar(one.row.path, one.row.theirs, one.ratio, one.row.floor, one.row.goal) for one in results])
