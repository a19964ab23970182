"""`python -m bench [--short] [--rows plain,tls]`: measures, prints, and writes docs/performance.md (unless short or not all rows)."""

import argparse
import base64
import datetime
import hashlib
import os
import pathlib
import tempfile

from bench import contenders, measure
from imaged import units

DOCUMENT = pathlib.Path(__file__).parents[1] / "docs" / "performance.md"
MIB = 1 << 20

COUNTS = (1, 8, 32)

#: Row → TLS, with a digest.
UPLOADS = {"plain": (False, False), "digest": (False, True), "tls": (True, False), "tls-digest": (True, True)}
ROWS = (*UPLOADS, "memory")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="smaller and fewer: a look, nothing to write down")
    parser.add_argument("--rows", default=",".join(ROWS), help=f"only these, nothing to write down either: {','.join(ROWS)}")
    options = parser.parse_args()
    short, rows = options.short, options.rows.split(",")
    if unknown := set(rows) - set(ROWS):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    memory = pathlib.Path("/dev/shm")
    where = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="bench-", dir=where) as name:
        directory = pathlib.Path(name)
        text = "\n".join(
            [
                introduction(in_memory=where is not None),
                *speed(directory, rows, size=(128 if short else 1024) * MIB, rounds=3 if short else 7),
                "",
                *(memory_table(directory, sizes=(8 * MIB, 32 * MIB) if short else (32 * MIB, 256 * MIB)) if "memory" in rows else ()),
            ]
        )
    if not short and set(rows) == set(ROWS):
        DOCUMENT.write_text(text + "\n")
        print(f"Written into docs/{DOCUMENT.name}")


def introduction(*, in_memory: bool) -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    place = "in memory (tmpfs)" if in_memory else "on its disk"
    return f"""# How fast it is

Written by `make bench`, {today}, on a machine with {os.cpu_count()} cores; files {place}. Client, appliance and daemon share
these cores. The absolute numbers are this machine's; the ratios say more.

## Upload

One connection, the whole image in one PUT: client → appliance → unix socket → imaged → file, beside
client → nginx (`proxy_request_buffering off`) → unix socket → nginx WebDAV PUT → file. Both in turn in one run; medians, and the
median of each pair's ratio. With TLS both show the same certificate. *Digest*: the chunk carries a SHA-256 that the host verifies
before it answers; nginx has no such thing. CPU is the servers' alone."""


def speed(directory: pathlib.Path, rows: list[str], size: int, rounds: int) -> list[str]:
    source = directory / "source"
    digest = image(source, size)
    lines = [
        "",
        "| upload | image | ours, MiB/s | nginx, MiB/s | ratio | ours, CPU s/GiB | nginx, CPU s/GiB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    print("\n".join(lines))
    for tls in (False, True):
        chosen = [with_digest for name, (over_tls, with_digest) in UPLOADS.items() if name in rows and over_tls == tls]
        if not chosen:
            continue
        with contenders.both(directory / f"speed-{tls}", tls=tls) as (ours, theirs):
            for with_digest in chosen:
                name, headers = (", digest", {"Content-Digest": digest}) if with_digest else ("", {})
                mine, other, ratio = measure.pairs(ours, theirs, source, rounds, headers)
                lines.append(
                    f"| {'TLS' if tls else 'plain'}{name} | {units.size(size)} | {mine.speed:.0f} | {other.speed:.0f} | {ratio:.2f} "
                    f"| {mine.cpu:.2f} | {other.cpu:.2f} |"
                )
                print(lines[-1], flush=True)
    source.unlink()
    return lines


def memory_table(directory: pathlib.Path, sizes: tuple[int, ...]) -> list[str]:
    lines = [
        "## Memory",
        "",
        "The most that appliance and daemon together ever held (VmHWM) from their start to the end of as many uploads at once, over TLS.",
        "",
        f"| image | {' | '.join(f'{count} at once' for count in COUNTS)} |",
        "| --- |" + " --- |" * len(COUNTS),
    ]
    print("\n".join(["", *lines]))
    source = directory / "source"
    for size in sizes:
        image(source, size)
        held = []
        for count in COUNTS:
            # Started anew for each: a process does not give back all that it once had.
            ours = contenders.Appliance(directory / f"memory-{size}-{count}", tls=True)
            try:
                measure.upload(ours, source, count)
                held.append(units.size(measure.peak_memory(ours)))
            finally:
                ours.stop()
        lines.append(f"| {units.size(size)} | {' | '.join(held)} |")
        print(lines[-1], flush=True)
    source.unlink()
    return lines


def image(path: pathlib.Path, size: int) -> str:
    """Writes `size` random bytes, so that nothing on the way can make less of them; the value of Content-Digest for them."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(0, size, MIB):
            piece = os.urandom(MIB)
            digest.update(piece)
            file.write(piece)
    return f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"


main()
