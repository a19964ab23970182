import pytest

from tests.admin.house import Daemon, House


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.stop(wait=False)


@pytest.fixture
def house(tmp_path, daemon):
    house = House(tmp_path, daemon)
    yield house
    house.admin.monitor.stop()
    house.database.close()
