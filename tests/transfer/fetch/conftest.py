"""A web server that misbehaves when it is told to, and the volume of a real host: between the two there are no pauses."""

import pytest

from appliance.transfer import download
from tests.transfer.fetch.fetched import DATA, Volume
from tests.transfer.sources import web_server


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.0)


@pytest.fixture
def server():
    with web_server.serving() as server:
        server.files["/disk.img"] = web_server.File(DATA)
        yield server


@pytest.fixture
def volume(daemon):
    return Volume(daemon, len(DATA))
