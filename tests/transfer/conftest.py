import pytest

from appliance.transfer import tickets
from imaged import client
from tests.transfer import room as rooms
from tests.transfer.signing import KEY, START, Clock


@pytest.fixture(scope="session")
def daemon(tmp_path_factory):
    """A host for all: it and the directory of its files."""
    with rooms.daemon(tmp_path_factory.mktemp("d")) as running:
        yield running


@pytest.fixture(scope="session")
def served(daemon):
    running, _ = daemon
    with rooms.Room(running.images, client.Control(running.control)).serving() as room:
        yield room


@pytest.fixture
def room(served):
    """The room on that host; nothing has been stopped in it."""
    served.stops.clear()
    return served


@pytest.fixture
def clock():
    return Clock(START + 100)


@pytest.fixture
def signer(clock):
    return tickets.Signer(KEY, "here", 300, clock)
