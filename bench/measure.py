"""The measuring itself: uploads started together, their time, the servers' CPU, the servers' memory."""

import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys

import psutil

GIB, MIB = 1 << 30, 1 << 20


@dataclasses.dataclass(frozen=True)
class Run:
    """One or more uploads at once. `speed` is MiB/s of all together, `cpu` the servers' CPU seconds a GiB."""

    speed: float
    cpu: float


def upload(contender, source: pathlib.Path, count: int = 1, headers: dict[str, str] | None = None) -> Run:
    """`count` uploads of `source` at the same time, and their removal, which is not measured."""
    size = source.stat().st_size
    specs = [
        {"port": contender.port, "ca": contender.ca, "source": str(source), **contender.prepare(size, headers or {})} for _ in range(count)
    ]
    clients = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.client", json.dumps(spec)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for spec in specs
    ]
    try:
        for client in clients:
            assert client.stdout is not None and client.stdout.readline() == "ready\n"
        before = cpu_seconds(contender)
        for client in clients:
            assert client.stdin is not None
            client.stdin.write("go\n")
        answers = [client.communicate()[0] for client in clients]
        after = cpu_seconds(contender)
    finally:
        for client in clients:
            client.kill()
            client.wait()
    assert all(client.returncode == 0 for client in clients), "an upload failed"
    contender.forget()
    total = size * count
    return Run(total / MIB / max(map(float, answers)), (after - before) / (total / GIB))


def cpu_seconds(contender) -> float:
    times = [process.cpu_times() for process in contender.processes()]
    return sum(time.user + time.system for time in times)


def peak_memory(contender) -> int:
    """Bytes: the most that each of its processes ever held, added up (VmHWM)."""
    return sum(_peak(process) for process in contender.processes())


def _peak(process: psutil.Process) -> int:
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def median(runs: list[Run]) -> Run:
    return Run(statistics.median(run.speed for run in runs), statistics.median(run.cpu for run in runs))


def pairs(ours, theirs, source: pathlib.Path, rounds: int, headers: dict[str, str]) -> tuple[Run, Run, float]:
    """Uploads to both in turn, `rounds` times after one that is not counted: medians of ours and theirs, and the median of the ratios.

    In turn, and the ratio taken within each pair: whatever else the machine does then, it does to both.
    """
    measured = []
    for number in range(rounds + 1):
        # Whoever goes first finds colder caches: take turns in that too.
        order = (ours, theirs) if number % 2 else (theirs, ours)
        runs = {contender: upload(contender, source, headers=headers if contender is ours else None) for contender in order}
        if number:
            measured.append((runs[ours], runs[theirs]))
    ratio = statistics.median(mine.speed / other.speed for mine, other in measured)
    return median([mine for mine, _ in measured]), median([other for _, other in measured]), ratio
