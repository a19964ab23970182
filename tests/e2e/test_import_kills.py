"""Kill any process at any instant of an import that is converted: it ends with the right image, once, and nothing is left over.

20 kills, of the appliance, of its daemon and of both, while the bytes come, are looked at, converted and registered. IMPORT_ROUNDS=10 are
200 of them.
"""

import collections
import contextlib
import json
import os
import pathlib
import random
import select
import shutil
import sqlite3
import threading
from collections.abc import Callable

import psutil
import pytest

from appliance import supervisor
from imaged import client
from tests.e2e import images
from tests.e2e.product import Product, wait_for
from tests.transfer.sources import web_server

MIB = 1 << 20
#: When they die, in this order, and how often.
STAGES = {"fetch": 6, "validate": 4, "convert": 6, "register": 4}
#: Who dies, by turns. (A daemon that dies again and again is started again later and later, until the appliance is a new one.)
VICTIMS = ("daemon", "daemon", "daemon", "appliance", "daemon", "daemon", "daemon", "both")
#: Seconds that a stage has gone on when they die, at most.
LATEST = 0.4
PIECE, PAUSE = 64 << 10, 0.02

#: Real, and as slow as on a busy disk while SLOW is there.
QEMU_IMG = """#!/bin/sh
if [ "$1" = convert ] && [ -e {place}/slow-convert ]; then
    echo $$ $(cut -d' ' -f22 /proc/$$/stat) >>{place}/convert
    shift
    exec {real} convert -r 1M "$@"
fi
exec {real} "$@"
"""
SCANNER = """#!/bin/sh
if [ -e {place}/slow-validate ]; then
    echo $$ $(cut -d' ' -f22 /proc/$$/stat) >>{place}/validate
    exec sleep 10
fi
"""


class Paced:
    """A handler's output, in pieces; `wait` is called after each."""

    def __init__(self, output, wait: Callable[[], None]):
        self._output, self._wait = output, wait

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            self._output.write(data[start : start + PIECE])
            self._wait()

    def __getattr__(self, name):
        return getattr(self._output, name)


class Stages:
    """What makes them slow, and tells how often each was at work."""

    def __init__(self, place: pathlib.Path, server: web_server.Server):
        place.mkdir()
        self._place, self._server = place, server
        self._hurry = threading.Event()
        self._given = 0
        server.scripts += [self._give] * 10_000
        self.scanner = self._program("scanner", SCANNER)
        self._program("qemu-img", QEMU_IMG)

    def slow(self) -> None:
        """From now on each lasts."""
        self._hurry.clear()
        for stage in ("validate", "convert"):
            (self._place / f"slow-{stage}").touch()

    def hurry(self, stage: str) -> None:
        """That one is quick."""
        if stage == "fetch":
            self._hurry.set()
        (self._place / f"slow-{stage}").unlink(missing_ok=True)

    @property
    def begun(self) -> dict[str, int]:
        """How often each was at work that lasts: more than before means that it is now."""
        return {"fetch": self._given, "validate": len(self._lines("validate")), "convert": len(self._lines("convert"))}

    def left(self) -> list[str]:
        """The processes that still work for one: their ids, and when they were started."""
        return [line for stage in ("validate", "convert") for line in self._lines(stage) if line == _process(int(line.split()[0]))]

    def _lines(self, stage: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self._place / stage).read_text().splitlines()
        return []

    def _give(self, handler: web_server.Handler) -> None:
        handler.wfile = Paced(handler.wfile, self._wait)
        handler.give()

    def _wait(self) -> None:
        self._given += 1
        self._hurry.wait(PAUSE)

    def _program(self, name: str, text: str) -> pathlib.Path:
        path = self._place / name
        path.write_text(text.format(place=self._place, real=shutil.which("qemu-img")))
        path.chmod(0o755)
        return path


def _process(number: int) -> str:
    """Its id and when it was started, as the programs write them down: the id alone may be another's by now, also that of a thread."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return f"{number} {pathlib.Path(f'/proc/{number}/stat').read_text().rpartition(')')[2].split()[19]}"
    return ""


class Killer:
    """Kills, in what stage of which import the database says."""

    def __init__(self, product: Product, stages: Stages, chance: random.Random):
        self._product, self._stages, self._chance = product, stages, chance
        self._database = sqlite3.connect(f"file:{product.state_dir}/database.sqlite?mode=ro", uri=True, isolation_level=None)
        self._turn = chance.randrange(len(VICTIMS))
        #: What had begun when somebody was killed last.
        self._before = stages.begun
        self.hit: collections.Counter[tuple[str, str]] = collections.Counter()

    def stage(self, transfer_id: str) -> str:
        """fetch; the step that runs on the host, "" between two of them; the transfer's phase where it is another one."""
        question = "SELECT phase, steps FROM transfers JOIN imports ON transfer_id = id WHERE id = ?"
        phase, steps = self._database.execute(question, (transfer_id,)).fetchone()
        if phase == "finalizing_success":
            return next((step["name"] for step in json.loads(steps) if step["status"] == "running"), "")
        return "fetch" if phase == "transferring" else phase

    def await_(self, transfer_id: str, stage: str) -> bool:
        """Until it has been at work in the stage for a moment, or has left it behind; False when it has ended."""

        def there():
            now = self.stage(transfer_id)
            later = list(STAGES)[list(STAGES).index(stage) + 1 :]
            return now in later or now.startswith("finished") or self._works(stage, now)

        # The last one is over in a moment.
        wait_for(there, f"{stage}: {self.stage(transfer_id)}", interval=0.01 if stage in self._before else 0.001)
        if stage in self._before:
            select.select([], [], [], self._chance.uniform(0, LATEST))
        return not self.stage(transfer_id).startswith("finished")

    def _works(self, stage: str, now: str) -> bool:
        return self._stages.begun[stage] > self._before[stage] if stage in self._before else now == stage

    def kill(self, transfer_id: str) -> bool:
        """At this instant, whoever's turn it is. False if the import was over by then: they live."""
        appliance, daemon = psutil.Process(self._product.process.pid), wait_for(self._product.daemon, "the daemon to be started")
        victim = VICTIMS[self._turn % len(VICTIMS)]
        self._before = self._stages.begun
        appliance.suspend()
        stage = self.stage(transfer_id)
        if stage.startswith("finished"):
            appliance.resume()
            return False
        if victim == "daemon":
            daemon.kill()
            appliance.resume()
        else:
            if victim == "both":
                # It cannot tidy up when its parent dies.
                daemon.suspend()
            self._product.kill()
            if victim == "both":
                daemon.kill()
            self._product.start()
        self._turn += 1
        self.hit[stage, victim] += 1
        return True


@pytest.fixture
def server():
    with web_server.serving() as server:
        yield server


def test_an_import_that_is_converted_survives_kills_of_appliance_and_daemon(own_product, server, tmp_path, monkeypatch):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    original, file = tmp_path / "original", tmp_path / "file.vdi"
    original.write_bytes(chance.randbytes(6 * MIB) + bytes(4 * MIB) + chance.randbytes(2 * MIB))
    images.qemu_img("convert", "-f", "raw", "-O", "vdi", original, file)
    server.files["/disk.vdi"] = web_server.File(file.read_bytes())
    stages = Stages(tmp_path / "stages", server)
    monkeypatch.setenv("PATH", f"{tmp_path / 'stages'}:{os.environ['PATH']}")
    product = own_product(monitor_interval=0.2, import_allow="127.0.0.1", import_ports=server.server_port, scan_command=stages.scanner)
    killer = Killer(product, stages, chance)
    transfers: list[str] = []

    def begin() -> str:
        request = {"url": server.url("/disk.vdi"), "name": f"disk {len(transfers)}", "domain": "data", "format": "qcow2"}

        def begun():
            # The daemon may just have been killed.
            status, answer = product.call("POST", "/imports", request)
            return answer["id"] if status == 201 else None

        transfers.append(wait_for(begun, "an import to begin"))
        return transfers[-1]

    for _ in range(int(os.environ.get("IMPORT_ROUNDS", "1"))):
        stages.slow()
        transfer = begin()
        for stage, kills in STAGES.items():
            for _ in range(kills):
                # Whoever was too late for the last moment of one tries the next one.
                while not (killer.await_(transfer, stage) and killer.kill(transfer)):
                    transfer = begin()
            stages.hurry(stage)
    print(dict(killer.hit))

    ended = [product.finished(each) for each in transfers]
    assert {each["phase"] for each in ended} == {"finished_success"}, ended
    found = product.ok("GET", "/images?limit=100")["items"]
    assert sorted(image["id"] for image in found) == sorted(each["image_id"] for each in ended)
    for image in found:
        assert (image["status"], image["format"], image["virtual_size"]) == ("ok", "qcow2", 12 * MIB)
        images.qemu_img("compare", "-f", "raw", "-F", "qcow2", original, image["path"])
    domain = pathlib.Path(found[0]["path"]).parent
    assert sorted(path.name for path in domain.iterdir()) == sorted([".image-domain", *(f"{image['id']}.qcow2" for image in found)])
    control = client.Control(f"unix:{supervisor.socket_directory(product.state_dir) / 'control'}")
    assert list(control.tickets()) == []
    assert stages.left() == []
    by_stage = collections.Counter(stage for stage, _ in killer.hit.elements())
    assert by_stage.total() == 20 * int(os.environ.get("IMPORT_ROUNDS", "1"))
    assert all(by_stage[stage] for stage in ("fetch", "validate", "convert")), by_stage
    assert all(any(victim == who for _, who in killer.hit) for victim in VICTIMS)
