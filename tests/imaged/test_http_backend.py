"""Images on another images server: a second daemon stands before the first one, as a proxy does."""

import contextlib
import json
import os
import tempfile
import threading
from pathlib import Path

import pytest

from imaged import client, httpd, message, services
from imaged.backends.file import File
from imaged.backends.policy import Policy
from imaged.handlers import extents as maps
from imaged.handlers import images
from imaged.httpd import tls
from tests.imaged.conftest import Daemon, full_disk, wait

MIB = 1 << 20
SIZE = 4 * MIB


@pytest.fixture(scope="module")
def front():
    with tempfile.TemporaryDirectory() as directory:
        running = Daemon(Path(directory))
        yield running
        running.close()


@contextlib.contextmanager
def serving(daemon, context=None):
    """The daemon's images on a TCP port of 127.0.0.1; the port."""
    server = httpd.Server(("127.0.0.1", 0), services.images_app(daemon.context), threads=8, tls=context)
    server.launch()
    try:
        yield server.bind_addr[1]
    finally:
        server.stop()


@pytest.fixture(scope="module")
def port(daemon):
    with serving(daemon) as port:
        yield port


@pytest.fixture
def chain(daemon, front, image, port):
    """Makes a ticket on both; the terms are the same."""

    def make(**terms):
        os.truncate(image.path, SIZE)
        terms = {"size": SIZE, "sparse": True, **terms}
        behind = daemon.ticket(image, **terms)
        return front.ticket(image, url=f"http://127.0.0.1:{port}/images/{behind}", **terms)

    return make


def extents(front, ticket, query=""):
    return json.loads(front.send("GET", f"/images/{ticket}/extents{query}").body)


@pytest.fixture(params=[("flush", "zero", "extents"), ()], ids=["all features", "no features"])
def features(request, monkeypatch):
    """What the server behind offers."""
    monkeypatch.setattr(images, "WRITE_FEATURES", frozenset(request.param))
    return request.param


def test_what_is_written_arrives_behind_and_is_read_from_there(front, image, chain, features):
    ticket = chain()
    data = os.urandom(2 * MIB + 100)

    assert front.put(ticket, data, {"Content-Range": f"bytes 777-{len(data) + 776}/*"}).status == 200

    assert image.read(777, 777 + len(data)) == data
    assert front.get(ticket, f"bytes=777-{len(data) + 776}").body == data
    assert front.durable(ticket) == [[777, 777 + len(data)]]


def test_zeros_and_flush_reach_the_server_behind(front, image, chain, features):
    ticket = chain()
    front.put(ticket, b"x" * (3 * MIB), query="?flush=n")

    assert front.patch(ticket, {"op": "zero", "offset": 10, "size": 2 * MIB}).status == 200
    assert front.patch(ticket, {"op": "flush"}).status == 200

    assert image.read(0, 3 * MIB) == b"x" * 10 + bytes(2 * MIB) + b"x" * (MIB - 10)


def test_a_whole_image_has_the_size_it_has_behind(front, image, chain, features):
    ticket = chain(size=1 << 40)

    answer = front.get(ticket)

    assert (answer.status, len(answer.body)) == (200, SIZE)


def test_an_image_that_grows_is_seen_to_grow(front, chain):
    ticket = chain(size=1 << 40)
    front.get(ticket, "bytes=0-0")

    front.put(ticket, b"end", {"Content-Range": f"bytes {SIZE}-{SIZE + 2}/*"})

    assert front.get(ticket, f"bytes={SIZE}-{SIZE + 2}").body == b"end"


def test_the_map_is_the_one_behind(front, chain):
    ticket = chain()
    front.put(ticket, b"x" * MIB, {"Content-Range": f"bytes {MIB}-{2 * MIB - 1}/*"})

    assert [(e["start"], e["length"], e["hole"]) for e in extents(front, ticket)] == [
        (0, MIB, True),
        (MIB, MIB, False),
        (2 * MIB, 2 * MIB, True),
    ]
    assert [(e["start"], e["length"]) for e in extents(front, ticket, f"?offset=5&length={MIB}")] == [(5, MIB - 5), (MIB, 5)]


def test_without_a_map_behind_all_is_data(front, chain, monkeypatch):
    ticket = chain()
    monkeypatch.setattr(images, "WRITE_FEATURES", frozenset())

    assert extents(front, ticket) == [{"start": 0, "length": SIZE, "zero": False, "hole": False}]


def test_the_checksum_is_the_same_on_both(daemon, front, image, chain):
    image.path.write_bytes(os.urandom(MIB))
    ticket = chain()

    behind = daemon.send("GET", f"/images/{daemon.ticket(image, size=SIZE)}/checksum")

    assert front.send("GET", f"/images/{ticket}/checksum").body == behind.body


def test_options_say_what_both_can(front, chain, monkeypatch):
    monkeypatch.setattr(File, "max_writers", 3)
    about = json.loads(front.send("OPTIONS", f"/images/{chain()}").body)

    assert about == {"features": ["checksum", "extents", "flush", "zero"], "max_readers": 8, "max_writers": 3}


# TLS


def test_a_server_with_a_certificate_is_asked_over_tls(daemon, image, certificate, tmp_path):
    os.truncate(image.path, SIZE)
    context = tls.client_context(certificate[0])
    with serving(daemon, tls.server_context(*certificate)) as port, tempfile.TemporaryDirectory() as directory:
        front = Daemon(Path(directory))
        front.tickets._policy = Policy.parse([front.root], [f"https://127.0.0.1:{port}"], context)
        ticket = front.ticket(image, url=f"https://127.0.0.1:{port}/images/{daemon.ticket(image, size=SIZE)}", size=SIZE)
        answer = front.put(ticket, b"abc")
        front.close()

    assert answer.status == 200
    assert image.read(0, 3) == b"abc"


def test_a_server_whose_certificate_nobody_signed_is_500(daemon, front, image, certificate, caplog):
    with serving(daemon, tls.server_context(*certificate)) as port:
        answer = front.put(front.ticket(image, url=f"https://127.0.0.1:{port}/images/{daemon.ticket(image)}"), b"abc")

    assert (answer.status, answer.code) == (500, "internal")
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text
    assert image.read() == b""


# What the server behind refuses


def test_a_ticket_that_is_gone_behind_is_403(front, image, port):
    ticket = front.ticket(image, url=f"http://127.0.0.1:{port}/images/none")

    for answer in (front.get(ticket), front.put(ticket, b"abc"), front.send("OPTIONS", f"/images/{ticket}")):
        assert (answer.status, answer.code) == (403, "no-ticket")


def test_a_ticket_that_only_reads_behind_lets_nobody_write(daemon, front, image, port):
    behind = daemon.ticket(image, ops=["read"])
    ticket = front.ticket(image, url=f"http://127.0.0.1:{port}/images/{behind}")

    assert front.put(ticket, b"abc").code == "forbidden-op"
    assert json.loads(front.send("OPTIONS", f"/images/{ticket}").body)["features"] == ["checksum", "extents", "flush"]


def test_a_full_disk_behind_is_507_and_nothing_is_durable(front, image, chain):
    ticket = chain()

    with full_disk():
        answer = front.put(ticket, b"abc")

    assert (answer.status, answer.code) == (507, "no-space")
    assert front.durable(ticket) == []


def test_a_write_past_the_end_behind_is_416(daemon, front, image, port):
    behind = daemon.ticket(image, size=10)
    ticket = front.ticket(image, url=f"http://127.0.0.1:{port}/images/{behind}", size=1000)

    answer = front.put(ticket, b"x" * 20)

    assert (answer.status, answer.code) == (416, "out-of-range")


def test_a_server_that_is_not_there_is_500(front, image):
    ticket = front.ticket(image, url="http://127.0.0.1:1/images/id")

    for answer in (front.get(ticket), front.put(ticket, b"abc"), front.send("OPTIONS", f"/images/{ticket}")):
        assert (answer.status, answer.code) == (500, "internal")


def test_a_failure_behind_is_a_failure_here(daemon, front, image, chain):
    ticket = chain()
    image.path.unlink()

    assert front.put(ticket, b"abc").code == "internal"


def test_a_file_that_becomes_shorter_behind_breaks_the_answer_off(front, image, chain):
    ticket = chain()
    front.get(ticket, "bytes=0-0")
    os.truncate(image.path, MIB)

    with pytest.raises(Exception, match="broke off"):
        front.get(ticket)


@pytest.mark.parametrize(
    "body", [b"{}", b"[1]", b'[{"start": 0}]', b"[" * 5000, b"no", b'[{"start": "x", "length": 1, "zero": true, "hole": true}]']
)
def test_a_map_that_makes_no_sense_is_500(front, image, chain, monkeypatch, body):
    ticket = chain()
    answer = message.Response(200, {"Content-Type": "application/json"}, body)
    monkeypatch.setattr(maps.Extents, "get", lambda self, request, ticket_id: answer)

    assert front.get(ticket).status == 500


@pytest.fixture
def hanging(daemon, front, chain, monkeypatch):
    """A ticket, and two events: the server behind has heard of it; it may go on."""
    monkeypatch.setattr(front.tickets, "_remove_timeout", 0.05)
    ticket = chain()
    front.get(ticket, "bytes=0-0")
    heard, go, real = threading.Event(), threading.Event(), daemon.tickets.authorize

    def slow(*words):
        heard.set()
        go.wait(30)
        return real(*words)

    monkeypatch.setattr(daemon.tickets, "authorize", slow)
    yield ticket, heard, go
    go.set()


def test_a_write_that_the_server_behind_may_still_make_is_not_answered_as_ended(front, image, hanging):
    ticket, heard, go = hanging
    connection = front.connect()
    connection.start("PUT", f"/images/{ticket}", [("Content-Length", "3")])
    connection.send(b"abc")
    assert heard.wait(30)

    with pytest.raises(client.Refused, match="Timeout cancelling"):
        front.control.delete_ticket(ticket)
    go.set()
    wait(lambda: front.command("DELETE", f"/tickets/{ticket}").status == 204)

    assert image.read(0, 3) == b"abc"
    assert connection.response().status == 403
    connection.close()


def test_a_read_that_waits_for_the_server_behind_ends_at_once(front, hanging):
    ticket, heard, go = hanging
    connection = front.connect()
    connection.start("GET", f"/images/{ticket}", [])
    assert heard.wait(30)

    wait(lambda: front.command("DELETE", f"/tickets/{ticket}").status == 204)

    assert not go.is_set()
    connection.close()
