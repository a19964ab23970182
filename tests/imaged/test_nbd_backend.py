"""Images behind real NBD servers, through the daemon: raw and qcow2, on unix sockets and TCP."""

import json
import os
import subprocess
import threading

import pytest

from imaged import client, nbd
from tests.imaged import nbd_servers
from tests.imaged.conftest import ask, at_once, wait
from tests.imaged.qemu import qemu_img

MIB = 1 << 20
SIZE = 10 * MIB + 512


def extents(daemon, ticket, query=""):
    answer = daemon.send("GET", f"/images/{ticket}/extents{query}")
    assert answer.status == 200, answer.text
    return json.loads(answer.body)


@pytest.fixture
def disk(daemon):
    path = daemon.root / f"disk-{len(os.listdir(daemon.root))}"
    path.touch()
    os.truncate(path, SIZE)
    return path


@pytest.fixture(params=["unix", "tcp", "nbdkit"])
def url(request, daemon, disk):
    """A raw image, by each server and way."""
    servers = {
        "unix": lambda: nbd_servers.qemu_nbd(daemon.root, disk),
        "tcp": lambda: nbd_servers.qemu_nbd_tcp(disk),
        "nbdkit": lambda: nbd_servers.nbdkit(daemon.root, "file", str(disk)),
    }
    with servers[request.param]() as url:
        yield url


@pytest.fixture
def ticket(daemon, image, url):
    return daemon.ticket(image, url=url, size=SIZE, sparse=True)


def test_what_is_written_is_read_and_lies_in_the_image(daemon, disk, ticket):
    data = os.urandom(2 * MIB + 100)

    assert daemon.put(ticket, data, {"Content-Range": f"bytes 777-{len(data) + 776}/*"}).status == 200

    assert daemon.get(ticket, f"bytes=777-{len(data) + 776}").body == data
    assert disk.read_bytes()[777 : 777 + len(data)] == data
    assert daemon.durable(ticket) == [[777, 777 + len(data)]]


def test_zeros_and_flush_reach_the_image(daemon, disk, ticket):
    daemon.put(ticket, b"x" * (3 * MIB), query="?flush=n")

    assert daemon.patch(ticket, {"op": "zero", "offset": 10, "size": 2 * MIB}).status == 200
    assert daemon.durable(ticket) == []
    assert daemon.patch(ticket, {"op": "flush"}).status == 200

    assert disk.read_bytes()[: 3 * MIB] == b"x" * 10 + bytes(2 * MIB) + b"x" * (MIB - 10)
    assert daemon.durable(ticket) == [[0, 3 * MIB]]


def test_the_map_is_the_servers(daemon, ticket):
    daemon.put(ticket, b"x" * MIB, {"Content-Range": f"bytes {2 * MIB}-{3 * MIB - 1}/*"})

    found = extents(daemon, ticket)

    assert [(e["start"], e["length"], e["zero"]) for e in found] == [
        (0, 2 * MIB, True),
        (2 * MIB, MIB, False),
        (3 * MIB, SIZE - 3 * MIB, True),
    ]


def test_a_part_of_the_map_may_begin_anywhere(daemon, ticket):
    found = extents(daemon, ticket, f"?offset=1000&length={MIB}")

    assert [(e["start"], e["length"]) for e in found] == [(1000, MIB)]


def test_options_offer_what_the_server_can(daemon, ticket):
    about = json.loads(daemon.send("OPTIONS", f"/images/{ticket}").body)

    assert about["features"] == ["checksum", "extents", "flush", "zero"]
    assert about["max_readers"] == 8
    assert about["max_writers"] == 8


def test_parallel_writers_of_unaligned_ranges_do_not_disturb_each_other(daemon, disk, ticket):
    data = os.urandom(3_000_011)
    step = 100_003

    def work(first):
        connection = daemon.connect()
        for start in range(first * step, len(data), 4 * step):
            piece = data[start : start + step]
            headers = {"Content-Range": f"bytes {start}-{start + len(piece) - 1}/*"}
            assert ask(connection, "PUT", f"/images/{ticket}?flush=n", headers, piece).status == 200
        connection.close()

    at_once(work, range(4))
    daemon.patch(ticket, {"op": "flush"})

    assert disk.read_bytes()[: len(data)] == data
    assert daemon.durable(ticket) == [[0, len(data)]]


def test_a_whole_image_is_answered_and_not_a_byte_more(daemon, disk, image, url):
    answer = daemon.get(daemon.ticket(image, url=url, size=1 << 40, ops=["read"]))

    assert (answer.status, len(answer.body)) == (200, SIZE)


def test_an_export_never_grows(daemon, image, url):
    ticket = daemon.ticket(image, url=url, size=1 << 40)

    for answer in (
        daemon.put(ticket, b"abc", {"Content-Range": f"bytes {SIZE - 1}-{SIZE + 1}/*"}),
        daemon.patch(ticket, {"op": "zero", "offset": SIZE, "size": 1}),
    ):
        assert (answer.status, answer.code) == (507, "no-space")


# qcow2


@pytest.fixture
def overlay(daemon, tmp_path):
    """A qcow2 with a MiB of its own at 0, over one with a MiB at 2 MiB; 6 MiB in all."""
    base, top = tmp_path / "base.qcow2", tmp_path / "top.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", base, 6 * MIB)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 1 2M 1M", base], check=True, stdout=subprocess.DEVNULL)
    qemu_img("create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 2 0 1M", top], check=True, stdout=subprocess.DEVNULL)
    return top


def test_a_qcow2_is_seen_as_its_guest_sees_it(daemon, image, overlay):
    with nbd_servers.qemu_nbd(daemon.root, overlay, "--allocation-depth", form="qcow2") as url:
        ticket = daemon.ticket(image, url=url, size=6 * MIB, ops=["read"])
        found = extents(daemon, ticket)
        data = daemon.get(ticket).body
        daemon.control.delete_ticket(ticket)

    assert data == b"\2" * MIB + bytes(MIB) + b"\1" * MIB + bytes(3 * MIB)
    assert found == [
        {"start": 0, "length": MIB, "zero": False, "hole": False},
        {"start": MIB, "length": MIB, "zero": True, "hole": True},
        {"start": 2 * MIB, "length": MIB, "zero": False, "hole": False},
        {"start": 3 * MIB, "length": 3 * MIB, "zero": True, "hole": True},
    ]


def test_a_qcow2_is_written_as_its_guest_writes_it(daemon, image, tmp_path):
    path = tmp_path / "new.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", path, 6 * MIB)
    data = os.urandom(MIB)
    with nbd_servers.qemu_nbd(daemon.root, path, form="qcow2") as url:
        ticket = daemon.ticket(image, url=url, size=6 * MIB)
        daemon.put(ticket, data, {"Content-Range": f"bytes {MIB}-{2 * MIB - 1}/*"})
        daemon.control.delete_ticket(ticket)

    qemu_img("convert", "-O", "raw", path, tmp_path / "raw")
    assert (tmp_path / "raw").read_bytes() == bytes(MIB) + data + bytes(4 * MIB)


def test_dirty_extents_are_what_a_bitmap_says(daemon, image, tmp_path):
    path = tmp_path / "dirty.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", path, 6 * MIB)
    qemu_img("bitmap", "--add", path, "changes")
    for command in ("write -P 1 1M 1M", "write -z 3M 1M"):
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", command, path], check=True, stdout=subprocess.DEVNULL)
    with nbd_servers.qemu_nbd(daemon.root, path, "--read-only", "--bitmap=changes", form="qcow2") as url:
        ticket = daemon.ticket(image, url=url, size=6 * MIB, ops=["read"], dirty=True)
        about = json.loads(daemon.send("OPTIONS", f"/images/{ticket}").body)
        found = extents(daemon, ticket, "?context=dirty")
        write = daemon.put(daemon.ticket(image, url=url, size=6 * MIB), b"abc")

    assert "dirty" in about["features"]
    assert [(e["start"] // MIB, e["length"] // MIB, e["dirty"], e["zero"]) for e in found] == [
        (0, 1, False, True),
        (1, 1, True, False),
        (2, 1, False, True),
        (3, 1, True, True),
        (4, 2, False, True),
    ]
    assert (write.status, write.code) == (403, "forbidden-op")


def test_an_export_without_bitmap_has_no_dirty_extents(daemon, image, url):
    answer = daemon.send("GET", f"/images/{daemon.ticket(image, url=url, dirty=True)}/extents?context=dirty")

    assert (answer.status, answer.code) == (404, "not-found")


# Servers that are less, or not well


def test_a_server_that_cannot_zero_gets_zeros_written(daemon, image, disk):
    disk.write_bytes(b"x" * (3 * MIB))
    with nbd_servers.nbdkit(daemon.root, "--filter=nozero", "file", str(disk)) as url:
        ticket = daemon.ticket(image, url=url, size=3 * MIB)
        answer = daemon.patch(ticket, {"op": "zero", "offset": 5, "size": 2 * MIB, "flush": True})

    assert answer.status == 200
    assert disk.read_bytes() == b"x" * 5 + bytes(2 * MIB) + b"x" * (MIB - 5)


def test_a_server_without_maps_is_all_data(daemon, image, disk):
    with nbd_servers.nbdkit(daemon.root, "--no-sr", "file", str(disk)) as url:
        ticket = daemon.ticket(image, url=url, size=SIZE)
        data = os.urandom(2 * MIB)
        assert daemon.put(ticket, data).status == 200
        assert daemon.get(ticket, f"bytes=0-{2 * MIB - 1}").body == data
        assert extents(daemon, ticket) == [{"start": 0, "length": SIZE, "zero": False, "hole": False}]


@pytest.mark.parametrize(("code", "status"), [("ENOSPC", 507), ("EIO", 500)])
def test_a_server_that_fails_is_an_error_and_the_bytes_are_not_durable(daemon, image, disk, code, status):
    with nbd_servers.nbdkit(daemon.root, "--filter=error", "file", str(disk), f"error-pwrite={code}", "error-pwrite-rate=100%") as url:
        ticket = daemon.ticket(image, url=url, size=SIZE)
        answer = daemon.put(ticket, b"abc")

    assert answer.status == status
    assert daemon.durable(ticket) == []


def test_a_server_that_is_not_there_is_500_and_the_reason_stays_in_the_log(daemon, image, caplog):
    ticket = daemon.ticket(image, url=f"nbd:unix:{daemon.root}/none.sock")

    for answer in (daemon.send("OPTIONS", f"/images/{ticket}"), daemon.get(ticket), daemon.put(ticket, b"abc")):
        assert (answer.status, answer.code) == (500, "internal")
        assert "none.sock" not in answer.text
    assert "No such file" in caplog.text


def test_a_server_that_went_away_is_found_again(daemon, image, disk):
    sockets = daemon.root / "again"
    sockets.mkdir()
    with nbd_servers.qemu_nbd(sockets, disk) as url:
        ticket = daemon.ticket(image, url=url, size=SIZE)
        assert daemon.put(ticket, b"abc").status == 200
    for name in os.listdir(sockets):
        (sockets / name).unlink()

    with nbd_servers.qemu_nbd(sockets, disk) as same:
        assert same == url
        wait(lambda: daemon.put(ticket, b"xyz").status == 200)

    assert disk.read_bytes()[:3] == b"xyz"


@pytest.fixture
def hanging(daemon, image, disk, monkeypatch):
    """A ticket for an export, and its server, which a test stops and lets go on."""
    monkeypatch.setattr(daemon.tickets, "_remove_timeout", 0.05)
    with nbd_servers.hanging_qemu_nbd(daemon.root, disk) as (url, server):
        yield daemon.ticket(image, url=url, size=SIZE, sparse=True), server


@pytest.fixture
def asked(monkeypatch):
    """Set when a change has been sent to a server, and its answer is waited for."""
    event, real = threading.Event(), nbd.Client._done
    monkeypatch.setattr(nbd.Client, "_done", lambda self: event.set() or real(self))
    return event


@pytest.mark.parametrize(
    ("method", "headers", "body", "after"),
    [
        ("PUT", {"Content-Range": "bytes 0-2/*"}, b"abc", b"abc"),
        ("PATCH", {}, b'{"op": "zero", "size": 3}', bytes(3)),
    ],
    ids=["write", "zero"],
)
def test_a_change_that_a_hanging_server_may_still_make_is_not_answered_as_ended(daemon, disk, hanging, asked, method, headers, body, after):
    ticket, server = hanging
    assert daemon.put(ticket, b"---").status == 200
    asked.clear()
    server.suspend()
    connection = daemon.connect()
    connection.start(method, f"/images/{ticket}", [*headers.items(), ("Content-Length", str(len(body)))])
    connection.send(body)
    assert asked.wait(30)

    with pytest.raises(client.Refused) as refused:
        daemon.control.delete_ticket(ticket)

    assert (refused.value.status, refused.value.code) == (409, "still-active")
    assert disk.read_bytes()[:3] == b"---"
    server.resume()
    wait(lambda: daemon.command("DELETE", f"/tickets/{ticket}").status == 204)
    assert disk.read_bytes()[:3] == after
    connection.close()


def test_a_read_from_a_hanging_server_ends_at_once(daemon, hanging):
    ticket, server = hanging
    # One connection: its first request has put the connection to the server back when its second one wants it.
    connection = daemon.connect()
    assert ask(connection, "GET", f"/images/{ticket}", {"Range": "bytes=0-0"}).status == 206
    server.suspend()
    connection.start("GET", f"/images/{ticket}", [])
    wait(lambda: daemon.control.ticket(ticket)["active"])

    wait(lambda: daemon.command("DELETE", f"/tickets/{ticket}").status == 204)

    server.resume()
    connection.close()


def test_revoking_waits_for_the_write_that_a_slow_server_makes(daemon, image, disk, asked):
    with nbd_servers.nbdkit(daemon.root, "--filter=delay", "file", str(disk), "wdelay=300ms") as url:
        ticket = daemon.ticket(image, url=url, size=SIZE)
        connection = daemon.connect()
        connection.start("PUT", f"/images/{ticket}", [("Content-Length", "3")])
        connection.send(b"abc")
        assert asked.wait(30)

        daemon.control.delete_ticket(ticket)

        assert disk.read_bytes()[:3] == b"abc"
        connection.close()


# Policy


@pytest.mark.parametrize(
    "url",
    [
        "nbd:",
        "nbd:unix:",
        "nbd:unix:relative",
        "nbd:host",
        "nbd:host:0",
        "nbd:host:65536",
        "nbd:host:x",
        "nbd:unix:/a:b",
        "nbd://host:1",
        "nbd:a b:1",
    ],
)
def test_an_nbd_url_that_cannot_be_understood_is_400(daemon, image, url):
    answer = daemon.command("PUT", "/tickets/id", json.dumps({"uuid": "id", "size": 1, "ops": ["read"], "timeout": 1, "url": url}).encode())

    assert (answer.status, answer.code) == (400, "bad-request")


def test_only_a_file_can_have_a_journal(daemon, image, url):
    body = {"uuid": "id", "size": 1, "ops": ["write"], "timeout": 1, "url": url, "journal": True}

    assert daemon.command("PUT", "/tickets/id", json.dumps(body).encode()).status == 400
