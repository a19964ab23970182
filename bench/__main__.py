"""`python -m bench`: measures all rows, prints them, and writes docs/performance.md with its chart."""

import argparse
import dataclasses
import os
import pathlib
import tempfile
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import latency, measure, memory, report, rows, stage

DOCUMENTS = pathlib.Path(__file__).parents[1] / "docs"
DOCUMENT, PICTURE = DOCUMENTS / "performance.md", DOCUMENTS / "images" / "performance.svg"

#: Those that are not a ratio of two transfers; with TLS or not.
ANSWERS = {"latency": False, "latency-tls": True}
NAMES = (*(row.name for row in rows.ROWS), *ANSWERS, "memory")
#: What one of them weighs in the progress bar, in rounds of a row.
WEIGHT = 12


@dataclasses.dataclass
class Found:
    """What has been measured so far."""

    results: list[measure.Result] = dataclasses.field(default_factory=list)
    answers: list[latency.Result] = dataclasses.field(default_factory=list)
    held: memory.Result | None = None


def main() -> None:
    options = arguments()
    console = Console(highlight=False)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=memory_directory()) as fast,
        tempfile.TemporaryDirectory(prefix="bench-", dir=options.disk) as disk,
    ):
        with Progress(
            TextColumn("{task.description:<12}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=console
        ) as progress:
            found = Found()
            try:
                measured(options, pathlib.Path(fast), pathlib.Path(disk), progress, found)
            finally:
                # Also what came before a failure: it took minutes.
                show(console, found)
    console.print(f"{time.monotonic() - began:.0f} s")
    if found.held and not options.short and set(options.rows) == set(NAMES):
        PICTURE.write_text(report.picture(found.results))
        head = report.introduction(
            in_memory=memory_directory() is not None, picture=PICTURE.relative_to(DOCUMENTS).as_posix(), cores=os.cpu_count() or 1
        )
        kept = report.notes(DOCUMENT.read_text()) if DOCUMENT.exists() else ""
        DOCUMENT.write_text(report.document(head, found.results, found.answers, found.held) + (f"\n{kept}" if kept else ""))
        console.print(f"Written into docs/{DOCUMENT.name}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="smaller and fewer, within 2 minutes: a look, nothing is written down")
    parser.add_argument("--rows", default=",".join(NAMES), help=f"only these, and nothing is written down: {', '.join(NAMES)}")
    parser.add_argument("--disk", default="/var/tmp", metavar="DIR", help="a directory on a real disk, for the row that needs one")
    options = parser.parse_args()
    options.rows = options.rows.split(",")
    if unknown := set(options.rows) - set(NAMES):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if not os.path.isdir(options.disk):
        parser.error(f"{options.disk} is not a directory")
    return options


def memory_directory() -> pathlib.Path | None:
    """A directory in memory, if this machine has one for us."""
    memory_files = pathlib.Path("/dev/shm")
    return memory_files if memory_files.is_dir() and os.access(memory_files, os.W_OK) else None


def measured(options: argparse.Namespace, fast: pathlib.Path, disk: pathlib.Path, progress: Progress, found: Found) -> None:
    """All that was asked for into `found`, shown as it comes."""
    chosen = [row for row in rows.ROWS if row.name in options.rows]
    total = sum(measure.rounds(row, short=options.short) for row in chosen)
    total += WEIGHT * len(set(ANSWERS) & set(options.rows)) + (memory.steps(short=options.short) if "memory" in options.rows else 0)
    task = progress.add_task("", total=total)

    def done(steps: int) -> None:
        progress.advance(task, steps)

    with stage.Stage(fast, disk) as on:
        for row in chosen:
            progress.update(task, description=row.name)
            found.results.append(measure.measure(row, on, short=options.short, done=done))
            one = found.results[-1]
            holds = report.verdict(one.ratio, row.floor, row.goal)
            progress.console.print(f"{row.path}: {one.ratio:.2f} of {row.theirs}  {holds}", markup=False)
    for name, tls in ANSWERS.items():
        if name in options.rows:
            progress.update(task, description=name)
            found.answers.append(latency.run(fast / name, tls=tls, short=options.short))
            progress.console.print(f"{name}: {found.answers[-1].busy.worst:.1f} ms, {found.answers[-1].failures} failures", markup=False)
            done(WEIGHT)
    if "memory" in options.rows:
        progress.update(task, description="memory")
        found.held = memory.run(fast, short=options.short, done=done)


def show(console: Console, found: Found) -> None:
    """The tables of the document, on the terminal."""
    for head, lines in (
        (report.TRANSFER_HEAD, [report.line(one) for one in found.results]),
        (report.LATENCY_HEAD, [report.latency_line(one) for one in found.answers]),
    ):
        if lines:
            shown = Table(*head)
            for cells in lines:
                shown.add_row(*(cell.replace("*", "") for cell in cells))
            # A terminal may be narrow, and a log has no width: every number must be legible.
            Console(width=max(console.width, 160), highlight=False).print(shown)
    for text in report.memory_tables(found.held) if found.held else ():
        console.print(text, "", sep="\n", markup=False)


if __name__ == "__main__":
    main()
