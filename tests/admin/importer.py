"""Imports in a house: from a web server that does what the test says."""

import contextlib
import hashlib
import pathlib
import random
import time
from collections.abc import Iterator

from appliance.admin import importing, models, views
from appliance.transfer import download
from tests.admin.house import House
from tests.transfer.sources import web_server
from tests.waiting import wait_for

MIB = 1 << 20
#: With a hole in it, and an end within a block.
DATA = random.Random(5).randbytes(MIB) + bytes(MIB // 2) + random.Random(6).randbytes(MIB // 2 + 512)
SUM = hashlib.sha256(DATA).hexdigest()


@contextlib.contextmanager
def source() -> Iterator[web_server.Server]:
    """Has DATA as /disk.img."""
    with web_server.serving() as server:
        server.files["/disk.img"] = web_server.File(DATA)
        yield server


@contextlib.contextmanager
def house_beside(server, directory, daemon, database, monkeypatch, **settings) -> Iterator[House]:
    """One that may import from the server, and does not wait before it asks again."""
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.0)
    # By a clock that tests turn, and which stands still.
    monkeypatch.setattr(importing, "AGAIN", 0.0)
    allowed = {"import_allow": ("127.0.0.1",), "import_ports": (str(server.server_port),), "import_attempts": 2}
    house = House(directory, daemon, database, **{**allowed, **settings})
    yield house
    house.admin.importing.stop()
    house.admin.monitor.stop()


def wanted(server, path="/disk.img", **words) -> views.NewImport:
    return views.NewImport(**{"url": server.url(path), "domain": "data", **words})


def begin(house, server, path="/disk.img", **words) -> views.Transfer:
    return house.admin.imports.create(house.ann, wanted(server, path, **words))


def now(house, transfer) -> views.Transfer:
    return house.transfers.get(house.root, transfer.id)


def until(house, condition, what):
    """Worker and monitor go on until the condition is true; returns what it gave."""
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited for {what()}"
        # After a crash the hosts are known by then: an import that found none would rest until the clock is turned.
        house.admin.monitor.tick()
        house.admin.importing.tick()
        time.sleep(0.02)
    return found


def settle(house, transfer, *phases) -> views.Transfer:
    until(house, lambda: now(house, transfer).phase in phases, lambda: f"{phases}: {now(house, transfer)}")
    return now(house, transfer)


def done(house, server, path="/disk.img", **words) -> views.Transfer:
    return settle(house, begin(house, server, path, **words), "finished_success", "finished_failure", "paused_system")


def rows(house) -> list[models.Import]:
    with house.database.reading() as session:
        return list(session.query(models.Import))


def image_of(house, transfer) -> views.Image:
    return house.admin.images.get(transfer.image_id)


def file_of(house, transfer) -> pathlib.Path:
    """The file that the image is in."""
    image = image_of(house, transfer)
    assert image.status == "ok", image.reason
    return house.daemon.root / "data" / image.path.rpartition("/")[2]


def states(transfer) -> dict[str, str]:
    """The steps' statuses by their names."""
    return {step.name: step.status for step in transfer.imported.steps}


def step_of(transfer, name) -> views.Step:
    return next(step for step in transfer.imported.steps if step.name == name)


def assert_refused(house, transfer, step, code) -> None:
    """The import ended at that step, says why everywhere, and has left nothing."""
    assert (transfer.phase, transfer.reason_code) == ("finished_failure", code), transfer.reason
    assert (step_of(transfer, step).status, step_of(transfer, step).message) == ("failed", transfer.reason)
    assert (image_of(house, transfer).status, image_of(house, transfer).reason) == ("illegal", transfer.reason)
    assert house.files() == []


def idle(house) -> None:
    """Nobody works on any import."""
    wait_for(lambda: not house.admin.importing._running, "the worker to rest")
