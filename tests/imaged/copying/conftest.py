"""Images on http and https, and a file to copy to one: data, a hole, data."""

import os

import pytest
from click.testing import CliRunner

from imaged import copying, httpd, services
from imaged.cli import main
from imaged.httpd import tls

MIB = 1 << 20
SIZE = 6 * MIB + 123


@pytest.fixture(scope="module")
def servers(daemon, certificate):
    """The daemon's images on http and https."""
    app = services.images_app(daemon.context)
    running = {
        "http": httpd.Server(("127.0.0.1", 0), app, threads=12),
        "https": httpd.Server(("127.0.0.1", 0), app, threads=12, tls=tls.server_context(*certificate)),
    }
    for server in running.values():
        server.launch()
    yield {scheme: f"{scheme}://127.0.0.1:{server.bind_addr[1]}" for scheme, server in running.items()}
    for server in running.values():
        server.stop()


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(copying, "PIECE", MIB)


@pytest.fixture
def source(tmp_path):
    """Data, a hole, data at an odd end."""
    path = tmp_path / "source"
    path.write_bytes(os.urandom(2 * MIB + 100))
    os.truncate(path, 5 * MIB)
    with open(path, "ab") as file:
        file.write(os.urandom(SIZE - 5 * MIB))
    return path


@pytest.fixture
def where(daemon, image, servers):
    """Makes a ticket; its URL."""
    return lambda scheme="http", **terms: f"{servers[scheme]}/images/{daemon.ticket(image, **{'size': SIZE, 'sparse': True, **terms})}"


def run(*words, status=0):
    result = CliRunner().invoke(main, list(map(str, words)))
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result.output
