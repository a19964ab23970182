"""A web server with a file that is there."""

import pytest

from tests.transfer.sources import web_server
from tests.transfer.sources.web_source import DATA


@pytest.fixture
def server():
    with web_server.serving() as server:
        server.files["/disk.img"] = web_server.File(DATA)
        yield server
