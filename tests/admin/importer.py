"""Imports in a house: from a web server that does what the test says."""

import contextlib
import hashlib
import random
import time
from collections.abc import Iterator

from appliance.admin import models, views
from appliance.transfer import download
from tests.admin.house import House
from tests.transfer.sources import web_server

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
        house.admin.importing.tick()
        house.admin.monitor.tick()
        time.sleep(0.005)
    return found


def settle(house, transfer, *phases) -> views.Transfer:
    until(house, lambda: now(house, transfer).phase in phases, lambda: f"{phases}: {now(house, transfer)}")
    return now(house, transfer)


def done(house, server, path="/disk.img", **words) -> views.Transfer:
    return settle(house, begin(house, server, path, **words), "finished_success", "finished_failure", "paused_system")


def rows(house) -> list[models.Import]:
    with house.database.reading() as session:
        return list(session.query(models.Import))
