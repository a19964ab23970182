"""SIGTERM in the middle of things: what runs may end, what comes is refused, what was written is durable."""

import contextlib
import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from imaged import client
from tests.imaged.command import PATIENCE, Imaged
from tests.imaged.conftest import ask, wait

#: Half of it is whole buffers: what is on its way in one does not count as transferred yet.
SIZE = 4 << 20


class Host:
    """Directories, and daemons that are started on them one after the other."""

    def __init__(self, directory: Path):
        self.root = directory / "root"
        self.root.mkdir()
        (self.root / "image").touch()
        self._sockets = ["--local-socket", directory / "images", "--control-socket", directory / "control"]
        self._address = f"unix:{directory}/images"
        self.control = client.Control(f"unix:{directory}/control")

    def daemon(self, stop_timeout: int = PATIENCE) -> Imaged:
        return Imaged("--root", self.root, "--threads", 8, "--stop-timeout", stop_timeout, *self._sockets)

    def ticket(self) -> list[list[int]]:
        """Puts the ticket `t`, and says what is durable of its image."""
        terms = {"uuid": "t", "size": SIZE, "ops": ["write"], "timeout": 300, "url": f"file://{self.root}/image", "journal": True}
        self.control.put_ticket(terms)
        return self.control.ticket("t")["durable"]

    def connect(self) -> client.Connection:
        return client.Connection(self._address, PATIENCE, None)


@pytest.fixture
def host():
    with tempfile.TemporaryDirectory() as directory:
        yield Host(Path(directory))


@contextlib.contextmanager
def half_a_put(host: Host, data: bytes, query: str = ""):
    """A PUT at 0 of which the daemon has the first half."""
    with contextlib.closing(host.connect()) as connection:
        connection.start("PUT", f"/images/t{query}", [("Content-Length", str(len(data)))])
        connection.send(data[: len(data) // 2])
        wait(lambda: host.control.ticket("t")["transferred"] >= len(data) // 2)
        yield connection


def refuses(host: Host) -> bool:
    try:
        host.connect().close()
    except client.Unreachable:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_upload_that_runs_ends_well_and_nothing_new_begins(host, number):
    data = os.urandom(SIZE)
    with host.daemon() as daemon:
        daemon.ready()
        host.ticket()
        with half_a_put(host, data) as connection, contextlib.closing(host.connect()) as idle:
            assert ask(idle, "GET", "/info/").status == 200
            daemon.process.send_signal(number)
            wait(lambda: refuses(host))
            with pytest.raises(client.Unreachable):
                ask(idle, "GET", "/info/")

            connection.send(data[SIZE // 2 :])
            response = connection.response()
            assert (response.status, response.headers["Connection"]) == (200, "close")

        assert daemon.end() == 0
        assert "Traceback" not in daemon.log

    with host.daemon() as daemon:
        daemon.ready()
        assert host.ticket() == [[0, SIZE]]
    assert (host.root / "image").read_bytes() == data


def test_what_was_written_and_not_flushed_is_durable_after_the_stop(host):
    data = os.urandom(SIZE)
    with host.daemon() as daemon:
        daemon.ready()
        host.ticket()
        with contextlib.closing(host.connect()) as connection:
            assert ask(connection, "PUT", "/images/t?flush=n", None, data).status == 200
        assert host.control.ticket("t")["durable"] == []
        assert daemon.stop() == 0

    with host.daemon() as daemon:
        daemon.ready()
        assert host.ticket() == [[0, SIZE]]


def test_an_upload_that_does_not_end_is_broken_off_and_what_was_durable_stays(host):
    with host.daemon(stop_timeout=1) as daemon:
        daemon.ready()
        host.ticket()
        with contextlib.closing(host.connect()) as connection:
            headers = {"Content-Range": f"bytes {SIZE // 2}-{SIZE - 1}/*"}
            assert ask(connection, "PUT", "/images/t", headers, bytes(SIZE // 2)).status == 200
        with half_a_put(host, bytes(SIZE // 4)):
            assert daemon.stop() == 0

    with host.daemon() as daemon:
        daemon.ready()
        durable = host.ticket()
    # Of what was cut off, the part that came may be durable too, and nothing that did not come.
    assert durable in ([[SIZE // 2, SIZE]], [[0, SIZE // 8], [SIZE // 2, SIZE]])


def test_without_time_for_it_the_daemon_stops_at_once(host):
    with host.daemon(stop_timeout=0) as daemon:
        daemon.ready()
        host.ticket()
        with half_a_put(host, bytes(SIZE)):
            began = time.monotonic()
            assert daemon.stop() == 0
            assert time.monotonic() - began < PATIENCE / 2
