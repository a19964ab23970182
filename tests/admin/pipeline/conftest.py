import pytest

from tests.admin.conftest import daemon, database
from tests.admin.importer import MIB, house_beside, source

__all__ = ["daemon", "database"]


@pytest.fixture
def server():
    with source() as server:
        yield server


@pytest.fixture
def house(tmp_path, daemon, database, server, monkeypatch):
    with house_beside(server, tmp_path, daemon, database, monkeypatch, max_image_size=64 * MIB) as house:
        yield house
