import pytest

from tests import databases
from tests.admin.house import Daemon, House


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.stop(wait=False)


@pytest.fixture
def database():
    with databases.empty() as database:
        yield database


@pytest.fixture
def house(tmp_path, daemon, database):
    house = House(tmp_path, daemon, database)
    yield house
    house.admin.monitor.stop()
