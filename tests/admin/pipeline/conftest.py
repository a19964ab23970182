from collections.abc import Callable

import pytest

from appliance.admin.pipeline import installed
from tests.admin.conftest import daemon, database
from tests.admin.importer import MIB, house_beside, source

__all__ = ["daemon", "database"]


@pytest.fixture
def server():
    with source() as server:
        yield server


@pytest.fixture
def settings():
    """Of the appliance, where a test needs others than usual."""
    return {}


@pytest.fixture
def house(tmp_path, daemon, database, server, monkeypatch, settings):
    with house_beside(server, tmp_path, daemon, database, monkeypatch, **{"max_image_size": 64 * MIB, **settings}) as house:
        yield house


class Point:
    """What stands for a step where it is installed, by no package; its module is imported by `load`."""

    dist = None

    def __init__(self, load: Callable[[], installed.Step]):
        self.load = load


@pytest.fixture
def install(monkeypatch):
    """Installs third parties' steps, and no others: `install(name=function)`."""
    ours = installed.found()

    def act(**steps):
        points = {name: Point(lambda step=step: step) for name, step in steps.items()}
        monkeypatch.setattr(installed, "found", lambda: ours | points)

    return act
