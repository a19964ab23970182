"""Imports: from a real web server that misbehaves, by the real worker, onto a real host; and never anything but the right image."""

import contextlib
import datetime
import gzip
import hashlib
import random
import threading
import time

import pytest

from appliance import errors
from appliance.admin import views
from appliance.transfer import download, unpack
from tests.admin.house import House
from tests.transfer.sources import web_server

MIB = 1 << 20
DATA = random.Random(5).randbytes(2 * MIB) + bytes(MIB) + random.Random(6).randbytes(MIB + 512)
SUM = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.0)


@pytest.fixture
def server():
    with web_server.serving() as server:
        server.files["/disk.img"] = web_server.File(DATA)
        yield server


@pytest.fixture
def house(tmp_path, daemon, database, server):
    house = House(tmp_path, daemon, database, **settings(server))
    yield house
    house.admin.importing.stop()
    house.admin.monitor.stop()


def settings(server):
    return {"import_allow": ("127.0.0.1",), "import_ports": (str(server.server_port),), "import_attempts": 2}


def wanted(server, path="/disk.img", **words) -> views.NewImport:
    return views.NewImport(**{"url": server.url(path), "domain": "data", **words})


def begin(house, server, path="/disk.img", **words) -> views.Transfer:
    return house.admin.imports.create(house.ann, wanted(server, path, **words))


def settle(house, transfer, *phases) -> views.Transfer:
    """Worker and monitor go on until the transfer has one of the phases."""
    deadline = time.monotonic() + 60
    while (found := house.transfers.get(house.root, transfer.id)).phase not in phases:
        assert time.monotonic() < deadline, f"still {found.phase}: {found.reason} {found.imported}"
        house.admin.importing.tick()
        house.admin.monitor.tick()
        time.sleep(0.005)
    return found


def done(house, server, path="/disk.img", **words) -> views.Transfer:
    return settle(house, begin(house, server, path, **words), "finished_success", "finished_failure", "paused_system")


def test_an_image_is_imported(house, server):
    transfer = done(house, server)

    assert (transfer.phase, transfer.client, transfer.sha256) == ("finished_success", "import", SUM)
    image = house.admin.images.get(transfer.image_id)
    assert (image.name, image.status, image.size, image.format) == ("disk.img", "ok", len(DATA), "raw")
    assert (house.daemon.root / "data" / f"{image.id}.img").read_bytes() == DATA
