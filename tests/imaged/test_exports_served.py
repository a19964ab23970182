"""Exports from end to end: a ticket leads to the guest's bytes, oVirt's own client moves them, and no process outlives the daemon."""

import contextlib
import json
import os
import shutil
import signal
import tempfile
import threading
from pathlib import Path

import psutil
import pytest
from ovirt_imageio import client as imageio

from imaged import client, httpd, services
from tests.imaged.command import Imaged
from tests.imaged.conftest import Daemon, ask, at_once, ended, wait
from tests.imaged.qemu import same

MIB = 1 << 20
SIZE = 64 * MIB
NAME = "11111111-2222-3333-4444-555555555555.qcow2"
TIB = 1 << 40


@pytest.fixture(scope="module")
def house():
    """A daemon with a storage domain, and images on http."""
    with tempfile.TemporaryDirectory() as directory:
        daemon = Daemon(Path(directory))
        server = httpd.Server(("127.0.0.1", 0), services.images_app(daemon.context), threads=24)
        server.launch()
        daemon.base = f"http://127.0.0.1:{server.bind_addr[1]}/images"
        daemon.control.add_domain("data", name="Disks", path=str(daemon.root / "data"))
        yield daemon
        server.stop()
        daemon.close()


@pytest.fixture
def volume(house):
    """An empty qcow2 disk."""
    yield house.control.create_volume("data", NAME, size=SIZE, format="qcow2", complete=True)
    house.control.delete_volume("data", NAME)


def open_(house, *, read_only=False, **terms):
    """A ticket for the volume's export, which has the same id."""
    ticket = house.ticket(house.image(0), size=SIZE, ops=["read"] if read_only else ["write"], **terms)
    url = house.control.export("data", NAME, ticket, read_only)["url"]
    house.control.put_ticket({**house.control.ticket(ticket), "url": url})
    return ticket


def close(house, ticket):
    house.control.delete_ticket(ticket)
    house.control.end_export("data", NAME, ticket)


def outcome(control, job):
    wait(lambda: control.job(job["id"])["state"] != "running")
    return control.job(job["id"])


@pytest.mark.parametrize("form", ["raw", "qcow2"])
@pytest.mark.parametrize("allocation", ["sparse", "preallocated"])
def test_ovirts_client_writes_a_qcow2_disk_by_its_guests_bytes_and_reads_it_back(house, qcow2, tmp_path, form, allocation):
    volume = house.control.create_volume("data", NAME, size=SIZE, allocation=allocation, format="qcow2", complete=True)
    source = tmp_path / "source.raw" if form == "raw" else qcow2

    ticket = open_(house, sparse=allocation == "sparse")
    imageio.upload(str(source), f"{house.base}/{ticket}", None, max_workers=4)
    assert house.durable(ticket) == [[0, SIZE]]
    close(house, ticket)
    job = outcome(house.control, house.control.verify("data", NAME, format="qcow2", sha256=None, max_virtual_size=TIB, digest=False))
    ticket = open_(house, read_only=True)
    imageio.download(f"{house.base}/{ticket}", str(tmp_path / "back"), None, fmt=form, max_workers=4)
    close(house, ticket)

    assert job["state"] == "done", job
    assert same(source, volume["path"], (form, "qcow2"))
    assert same(volume["path"], tmp_path / "back", ("qcow2", form))
    allocated = house.control.volume("data", NAME)["allocated"]
    assert allocated >= SIZE if allocation == "preallocated" else allocated < SIZE / 8
    house.control.delete_volume("data", NAME)


def test_several_download_the_same_disk_at_once(house, volume, qcow2, tmp_path):
    shutil.copy(qcow2, volume["path"])
    tickets = [open_(house, read_only=True) for _ in range(3)]

    def download(ticket):
        imageio.download(f"{house.base}/{ticket}", str(tmp_path / f"back-{ticket}"), None, fmt="raw", max_workers=2)

    at_once(download, tickets)

    for ticket in tickets:
        close(house, ticket)
        assert same(tmp_path / "source.raw", tmp_path / f"back-{ticket}", ("raw", "raw"))


def test_extents_tell_zeros_and_holes_of_the_disk(house, volume):
    ticket = open_(house, sparse=True)
    house.put(ticket, b"x" * MIB, {"Content-Range": f"bytes {2 * MIB}-{3 * MIB - 1}/*"})

    extents = json.loads(house.send("GET", f"/images/{ticket}/extents").body)

    close(house, ticket)
    assert extents == [
        {"start": 0, "length": 2 * MIB, "zero": True, "hole": True},
        {"start": 2 * MIB, "length": MIB, "zero": False, "hole": False},
        {"start": 3 * MIB, "length": SIZE - 3 * MIB, "zero": True, "hole": True},
    ]


def test_what_is_durable_is_known_after_a_flush_and_not_before(house, volume):
    ticket = open_(house)
    house.put(ticket, b"x" * MIB, query="?flush=n")
    house.patch(ticket, {"op": "zero", "offset": 2 * MIB, "size": MIB})
    assert house.durable(ticket) == []

    house.patch(ticket, {"op": "flush"})

    assert house.durable(ticket) == [[0, MIB], [2 * MIB, 3 * MIB]]
    assert house.control.ticket(ticket)["transferred"] == 2 * MIB
    close(house, ticket)


def test_more_writers_than_eight_wait_for_each_other_and_lose_nothing(house, volume):
    ticket = open_(house)
    data = os.urandom(12 * MIB)
    answers = []

    def write(number):
        start = number * MIB
        headers = {"Content-Range": f"bytes {start}-{start + MIB - 1}/*"}
        answers.append(house.put(ticket, data[start : start + MIB], headers).status)

    at_once(write, range(12))

    assert answers == [200] * 12
    assert house.get(ticket, f"bytes=0-{12 * MIB - 1}").body == data
    assert house.durable(ticket) == [[0, 12 * MIB]]
    close(house, ticket)


def test_a_disk_is_as_long_as_its_guest_sees_it(house, volume):
    ticket = open_(house)

    beyond = house.put(ticket, b"xx", {"Content-Range": f"bytes {SIZE - 1}-{SIZE}/*"})

    assert (beyond.status, beyond.code) == (416, "out-of-range")
    assert house.send("HEAD", f"/images/{ticket}").headers["Content-Length"] == str(SIZE)
    close(house, ticket)


def test_an_export_has_no_journal(house, volume):
    ticket = open_(house)

    answer = house.command("PUT", f"/tickets/{ticket}", json.dumps({**house.control.ticket(ticket), "journal": True}).encode())

    close(house, ticket)
    assert (answer.status, answer.code) == (400, "bad-request")
    assert "only a file can have one" in answer.text


def test_a_killed_qemu_nbd_is_an_error_to_its_writer_and_never_silence(house, volume):
    ticket = open_(house)
    house.put(ticket, b"x" * MIB, query="?flush=n")
    for process in psutil.Process().children(recursive=True):
        if process.name() == "qemu-nbd":
            process.kill()
            psutil.wait_procs([process])

    assert house.put(ticket, b"y" * MIB).status == 500
    assert house.patch(ticket, {"op": "flush"}).status == 500
    assert house.durable(ticket) == []
    close(house, ticket)


# Another file in the place of a qcow2


@pytest.fixture
def longer(house, volume, qcow2):
    """The volume has 5 MiB more than the qcow2 that will be uploaded."""
    Path(volume["path"]).write_bytes(os.urandom(qcow2.stat().st_size + 5 * MIB))
    return volume


def test_an_opaque_qcow2_takes_the_place_of_a_longer_file_and_is_as_long_as_itself(house, longer, qcow2):
    house.control.reset_volume("data", NAME)
    ticket = house.ticket(house.image(0), url=longer["url"], size=SIZE * 11 // 10 + MIB, journal=True)
    data = qcow2.read_bytes()

    for start in range(0, len(data), MIB):
        piece = data[start : start + MIB]
        assert house.put(ticket, piece, {"Content-Range": f"bytes {start}-{start + len(piece) - 1}/*"}).status == 200

    assert house.durable(ticket) == house.control.volume("data", NAME)["durable"] == [[0, len(data)]]
    house.control.delete_ticket(ticket)
    house.control.complete_volume("data", NAME)
    assert Path(longer["path"]).read_bytes() == data
    assert sorted(os.listdir(Path(longer["path"]).parent)) == [".image-domain", NAME]
    job = outcome(house.control, house.control.verify("data", NAME, format="qcow2", sha256=None, max_virtual_size=TIB))
    assert job["state"] == "done", job


def test_it_may_be_longer_than_before_and_not_longer_than_its_ticket(house, volume):
    limit = SIZE * 11 // 10 + MIB
    ticket = house.ticket(house.image(0), url=volume["url"], size=limit)

    assert house.put(ticket, b"x", {"Content-Range": f"bytes {limit - 1}-{limit - 1}/*"}).status == 200
    assert house.put(ticket, b"x", {"Content-Range": f"bytes {limit}-{limit}/*"}).status == 416

    assert house.control.volume("data", NAME)["size"] == limit
    house.control.delete_ticket(ticket)


# The daemon as a process


class Host:
    """A daemon in a process of its own, to be killed, with an empty qcow2 disk."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.control = client.Control(f"unix:{directory}/control")
        self.start()
        self.control.add_domain("data", name="Disks", path=str(directory / "root"))
        self.path = self.control.create_volume("data", NAME, size=SIZE, format="qcow2", complete=True)["path"]

    def start(self):
        words = ["--root", self.directory / "root", "--local-socket", self.directory / "images"]
        self.command = Imaged(*words, "--control-socket", self.directory / "control")
        self.command.ready()

    def kill(self):
        self.command.process.kill()
        self.command.__exit__()

    def export(self) -> psutil.Process:
        """Opens it for writing, with a ticket; returns what serves it."""
        url = self.control.export("data", NAME, "t", False)["url"]
        self.control.put_ticket({"uuid": "t", "size": SIZE, "ops": ["write"], "timeout": 300, "url": url})
        [server] = [child for child in psutil.Process(self.command.process.pid).children() if child.name() == "qemu-nbd"]
        return server

    def ask(self, method, start=0, body=None):
        headers = {} if method == "GET" else {"Content-Range": f"bytes {start}-{start + len(body) - 1}/*"}
        with contextlib.closing(client.Connection(f"unix:{self.directory}/images", 10, None)) as connection:
            return ask(connection, method, "/images/t", headers, body)

    def leftovers(self):
        return [path for path in self.directory.iterdir() if path.name not in ("root", "images.lock", "control.lock", "images", "control")]


@pytest.fixture
def host():
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "root").mkdir()
        host = Host(Path(directory))
        yield host
        host.kill()


def test_a_killed_daemon_leaves_no_process_and_its_successor_no_socket(host):
    data = os.urandom(4 * MIB)
    server = host.export()
    assert host.ask("PUT", 7, data).status == 200

    host.kill()

    wait(lambda: ended(server.pid))
    assert len(host.leftovers()) == 1
    host.start()
    [ours] = host.leftovers()
    assert list(ours.iterdir()) == []
    host.export()
    assert host.ask("GET").body[7 : 7 + 4 * MIB] == data


def test_what_was_flushed_survives_the_kill_of_both(host):
    data = os.urandom(4 * MIB)
    server = host.export()
    assert host.ask("PUT", 0, data).status == 200
    server.kill()
    host.kill()

    host.start()
    host.export()

    assert host.ask("GET").body == data + bytes(SIZE - 4 * MIB)


def test_a_hanging_orphan_is_ended_before_anybody_writes_beside_it(host):
    server = host.export()
    server.suspend()
    host.kill()
    assert not ended(server.pid)

    host.start()

    assert ended(server.pid)
    assert not ended(host.export().pid)


def test_a_daemon_that_stops_takes_its_exports_along(host):
    server = host.export()

    assert host.command.stop(signal.SIGTERM) == 0

    assert ended(server.pid)
    assert host.leftovers() == []


def test_a_repeated_kill_while_the_client_writes_leaves_a_sound_image(host):
    for round_ in range(2):
        server = host.export()
        started = threading.Event()

        def write(started=started, round_=round_):
            with contextlib.suppress(client.Unreachable):
                for number in range(1000):
                    host.ask("PUT", (number * 3 + round_) % 60 * MIB, os.urandom(MIB))
                    started.set()

        writer = threading.Thread(target=write)
        writer.start()
        assert started.wait(30)
        host.kill()
        writer.join()
        wait(lambda server=server: ended(server.pid))
        host.start()

    job = outcome(host.control, host.control.verify("data", NAME, format="qcow2", sha256=None, max_virtual_size=TIB, digest=False))
    assert job["state"] == "done", job
