"""With ovirt-imageio's daemon as the images service: it moves the bytes, and what is durable is known here."""

import http.client
import os

import pytest

from imaged import client
from imaged.ranges import Ranges
from tests.e2e.product import wait_for
from tests.imaged.command import Imaged
from tests.imaged.imageio import Imageio

MIB = 1 << 20
SIZE = 4 * MIB


@pytest.fixture
def imageio(tmp_path):
    imageio = Imageio(tmp_path / "imageio")
    yield imageio
    imageio.kill()


@pytest.fixture
def words(tmp_path, imageio):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "image").write_bytes(bytes(SIZE))
    sockets = ["--local-socket", tmp_path / "images", "--control-socket", tmp_path / "control"]
    return ["--root", tmp_path / "root", *sockets, "--images-service", imageio.address, "--images-control", imageio.socket]


@pytest.fixture
def control(tmp_path):
    return client.Control(f"unix:{tmp_path}/control")


@pytest.fixture
def daemon(words):
    with Imaged(*words) as daemon:
        yield daemon.ready()


def ticket(tmp_path, **changes):
    terms = {"uuid": "t", "size": SIZE, "ops": ["write"], "timeout": 300, "url": f"file://{tmp_path}/root/image", "journal": True}
    return terms | changes


def put(tmp_path, data, start=0, query=""):
    with client.Images(f"unix:{tmp_path}/images").connection() as connection:
        where = f"bytes {start}-{start + len(data) - 1}/*"
        connection.start("PUT", f"/images/t{query}", [("Content-Length", str(len(data))), ("Content-Range", where)])
        connection.send(data)
        response = connection.response()
        response.read()
        return response.status


def durable(control):
    return [tuple(pair) for pair in control.ticket("t")["durable"]]


def test_bytes_go_by_way_of_the_other_daemon_and_are_counted_here(tmp_path, imageio, daemon, control):
    control.put_ticket(ticket(tmp_path))

    assert put(tmp_path, b"a" * MIB) == 200
    assert durable(control) == [(0, MIB)]
    assert put(tmp_path, b"b" * MIB, 2 * MIB, "?flush=n") == 200
    assert durable(control) == [(0, MIB)]

    assert client.Control(f"unix:{imageio.socket}").ticket("t")["transferred"] == 2 * MIB
    content = (tmp_path / "root" / "image").read_bytes()
    assert content == b"a" * MIB + bytes(MIB) + b"b" * MIB + bytes(MIB)


@pytest.mark.parametrize("size", [2, 2048 * 3, MIB + 1])
def test_an_image_of_any_length_keeps_it(tmp_path, daemon, control, size):
    file, data = tmp_path / "root" / "image", os.urandom(size)
    file.write_bytes(bytes(size))
    control.put_ticket(ticket(tmp_path, size=size))

    assert put(tmp_path, data[: size // 2], query="?flush=n") == 200
    assert put(tmp_path, data[size // 2 :], size // 2) == 200

    assert file.read_bytes() == data
    assert durable(control) == [(0, size)]


def test_what_was_durable_is_known_after_a_kill_of_either(tmp_path, words, imageio, control):
    with Imaged(*words) as first:
        first.ready()
        control.put_ticket(ticket(tmp_path))
        put(tmp_path, b"a" * MIB)
        imageio.kill()
        assert put(tmp_path, b"b" * MIB, MIB) == 500
        imageio.start()
        # It knows nothing any more, and is told again.
        assert put(tmp_path, b"b" * MIB, MIB) == 200
        first.process.kill()
    with Imaged(*words) as second:
        second.ready()
        control.put_ticket(ticket(tmp_path))
        assert Ranges(durable(control)).missing(0, SIZE) == [(2 * MIB, SIZE)]


def test_a_revoked_ticket_is_revoked_there_too(tmp_path, imageio, daemon, control):
    control.put_ticket(ticket(tmp_path))
    direct = http.client.HTTPConnection("127.0.0.1", imageio.port, timeout=20)
    direct.request("OPTIONS", "/images/t")
    assert direct.getresponse().read()

    control.delete_ticket("t")

    assert put(tmp_path, b"x") == 403
    direct = http.client.HTTPConnection("127.0.0.1", imageio.port, timeout=20)
    direct.request("OPTIONS", "/images/t")
    assert direct.getresponse().status == 403


def test_it_hears_of_no_field_that_it_does_not_know_and_reads_too(tmp_path, imageio, daemon, control):
    control.put_ticket(ticket(tmp_path, ops=["read"], journal=False, filename="disk.raw"))
    with client.Images(f"unix:{tmp_path}/images").connection() as connection:
        connection.start("GET", "/images/t", [("Range", "bytes=0-99")])
        assert connection.response().read() == bytes(100)

    told = client.Control(f"unix:{imageio.socket}").ticket("t")
    assert "journal" not in told
    assert (told["ops"], told["filename"], told["size"]) == (["read"], "disk.raw", SIZE)


def test_without_the_other_daemon_no_ticket_is_taken(tmp_path, imageio, daemon, control):
    imageio.kill()

    with pytest.raises(client.Refused) as refused:
        control.put_ticket(ticket(tmp_path))

    assert refused.value.status == 500
    imageio.start()
    wait_for(lambda: control.put_ticket(ticket(tmp_path)) is None, "the ticket to be taken")
