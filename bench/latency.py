"""Do pages, API and heartbeats answer while uploads run flat out, and a crowd of others crawls?"""

import contextlib
import dataclasses
import http.client
import json
import math
import pathlib
import re
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence

from bench import crawl, images, load, memory, ours
from tests.e2e import product

MIB = 1 << 20
FAST = 4
#: Seconds between an answer and the next question.
PAUSE = 0.01
#: What must hold, and what we are after: milliseconds, and bytes of the appliance's memory.
FLOOR, GOAL = 25.0, 12.0
MEMORY_FLOOR, MEMORY_GOAL = 200 * MIB, 130 * MIB


@dataclasses.dataclass(frozen=True)
class Answers:
    """Seconds that each answer took, by what was asked; and how many were none, or an error."""

    times: dict[str, list[float]]
    failures: int

    def p99(self, kind: str) -> float:
        """Milliseconds: 99 of 100 answers took at most so long."""
        return percentile(self.times[kind], 0.99) * 1000

    @property
    def worst(self) -> float:
        """Milliseconds: the p99 of whatever was answered slowest."""
        return max(map(self.p99, self.times))


@dataclasses.dataclass(frozen=True)
class Result:
    """`crawling`: how many crawled; `failures` of answers and uploads together; `memory` (bytes) is the most that the appliance alone held,
    `daemon` the same of its daemon; `speed` MiB/s of the fast uploads together."""

    tls: bool
    crawling: int
    rest: Answers
    busy: Answers
    failures: int
    memory: int
    daemon: int
    speed: float


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest of `values` that is not exceeded by `part` of them."""
    return sorted(values)[math.ceil(part * len(values)) - 1]


def run(directory: pathlib.Path, *, tls: bool, short: bool) -> Result:
    """Starts an appliance of its own in `directory`."""
    crawling, seconds = (50, 4.0) if short else (1000, 25.0)
    # A thread for each, and those that bytes may not take. The first of them wait for the last to be prepared: that is no lost heartbeat.
    appliance = ours.Appliance(directory, tls=tls, threads=1200, heartbeat_timeout=3600)
    try:
        ask = _visitor(appliance)
        rest = _answers(appliance, ask, seconds / 2)
        source = images.full(directory / "source", 256 * MIB)
        processes = appliance.processes()
        for process in processes:
            memory.forget_peak(process.pid)
        with _crowd(appliance, directory, crawling) as crowd:
            targets = appliance.prepare(256 * MIB, FAST)
            fast = load.Load("put", connections=FAST, tls=tls, seconds=seconds)
            with load.client(load.words(fast, appliance.port(tls), appliance.ca, source, targets)) as client:
                crowd.begin()
                client.begin()
                busy = _answers(appliance, ask, seconds)
                took, requests = client.end()
            ended, _ = crowd.end()
        for pieces in appliance.stored()[-FAST:]:
            images.check(source, pieces)
        held, daemon = (memory.peak_memory(process.pid) for process in processes)
        return Result(
            tls=tls,
            crawling=crawling,
            rest=rest,
            busy=busy,
            failures=rest.failures + busy.failures + int(ended),
            memory=held,
            daemon=daemon,
            speed=requests * 256 / took,
        )
    finally:
        appliance.stop()


#: Asks once for each kind: the kind, seconds until the answer, and whether it was a good one.
Ask = Callable[[http.client.HTTPConnection], Iterator[tuple[str, float, bool]]]


def _visitor(appliance: ours.Appliance) -> Ask:
    """A browser that is logged in, with one upload: asks for a page, that transfer, and beats its heart."""
    token, transfer = appliance.product.token, appliance.product.create("visited", MIB)["id"]
    cookie = _login(appliance)
    api = {"Authorization": f"Bearer {token}"}
    questions = (
        ("page", "GET", "/", {"Cookie": cookie}),
        ("API", "GET", f"/api/v1/transfers/{transfer}", api),
        ("heartbeat", "POST", f"/api/v1/transfers/{transfer}/heartbeat", api),
    )

    def ask(connection: http.client.HTTPConnection) -> Iterator[tuple[str, float, bool]]:
        for kind, method, path, headers in questions:
            began = time.perf_counter()
            try:
                connection.request(method, path, headers=headers)
                response = connection.getresponse()
                text = response.read()
                good = response.status == 200
                said = f"{response.status} {text[:300]!r}"
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                good, said = False, repr(error)
            if not good:
                print(f"{method} {path}: {said}, after {time.perf_counter() - began:.1f} s", file=sys.stderr)
            yield kind, time.perf_counter() - began, good

    return ask


def _answers(appliance: ours.Appliance, ask: Ask, seconds: float) -> Answers:
    """All answers in that time, on a new connection: one that was idle for long may have been closed."""
    times: dict[str, list[float]] = {}
    failures = 0
    over = threading.Event()
    clock = threading.Timer(seconds, over.set)
    with contextlib.closing(appliance.product.connect(timeout=10)) as connection:
        connection.connect()
        clock.start()
        while not over.is_set():
            for kind, took, good in ask(connection):
                times.setdefault(kind, []).append(took)
                failures += not good
                over.wait(PAUSE)
    return Answers(times, failures)


def _login(appliance: ours.Appliance) -> str:
    """The session's cookie."""
    connection = appliance.product.connect()
    connection.request("GET", "/login")
    form = connection.getresponse()
    found = re.search(r'name="csrf_token" value="([^"]+)"', form.read().decode())
    assert found, "no form to log in with"
    words = {"name": "admin", "password": product.PASSWORD, "csrf_token": found[1]}
    headers = {"Cookie": _cookie(form), "Content-Type": "application/x-www-form-urlencoded", "Origin": _origin(appliance)}
    connection.request("POST", "/login", urllib.parse.urlencode(words), headers)
    answer = connection.getresponse()
    assert answer.status in (302, 303), f"cannot log in: {answer.status}"
    connection.close()
    return _cookie(answer)


def _cookie(answer: http.client.HTTPResponse) -> str:
    return (answer.getheader("Set-Cookie") or "").partition(";")[0]


def _origin(appliance: ours.Appliance) -> str:
    return f"http{'s' if appliance.ca else ''}://127.0.0.1:{appliance.product.port}"


@contextlib.contextmanager
def _crowd(appliance: ours.Appliance, directory: pathlib.Path, count: int) -> Iterator[load.Client]:
    targets = appliance.prepare(crawl.SIZE, count)
    spec = {"port": appliance.product.port, "ca": appliance.ca, "targets": [[target.path, target.headers] for target in targets]}
    file = directory / "crowd.json"
    file.write_text(json.dumps(spec))
    with load.client([sys.executable, "-m", "bench.crawl", str(file)]) as crowd:
        yield crowd
