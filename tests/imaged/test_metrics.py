"""GET /metrics on the control service, and a ticket's `path`: which road bytes took."""

import contextlib
import os
import re
import secrets

import pytest

from imaged import choice, client, httpd, ops, services
from imaged.backends import direct
from imaged.backends.file import File
from imaged.backends.kept import Opened
from imaged.httpd import body, tls
from tests.imaged.conftest import ask, wait

MIB = 1 << 20


@pytest.fixture(scope="module", params=["plain", "tls"])
def listener(request, daemon, certificate):
    """The images service on TCP: how it speaks, and where it is."""
    context = tls.server_context(*certificate) if request.param == "tls" else None
    server = httpd.Server(("127.0.0.1", 0), services.images_app(daemon.context), threads=4, tls=context)
    server.launch()
    scheme = "https" if context else "http"
    yield request.param, "{}://{}:{}".format(scheme, *server.bind_addr)
    server.stop()


@pytest.fixture
def send(listener, certificate):
    """One request on a connection of its own."""

    def send(method, target, body=None, headers=None):
        with contextlib.closing(client.Connection(listener[1], 30, tls.client_context(certificate[0]))) as connection:
            return ask(connection, method, target, headers, body)

    return send


@pytest.fixture
def in_memory(monkeypatch):
    """Storage that has nothing but the page cache, wherever the tests run."""
    monkeypatch.setattr(direct, "opened", lambda descriptor: None)


def sample(daemon, name: str, **labels: str) -> float:
    """The value of a metric, 0 while there is none."""
    wanted = name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else name
    text = daemon.command("GET", "/metrics").text
    found = re.search(rf"^{re.escape(wanted)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_the_answer_is_prometheus_text(daemon):
    answer = daemon.command("GET", "/metrics")

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "\nprocess_resident_memory_bytes " in answer.text
    assert "\nimaged_tickets " in answer.text
    assert "\nimaged_running 0.0" in answer.text


def test_metrics_are_the_control_services_alone(daemon):
    assert daemon.send("GET", "/metrics").status == 404


@pytest.mark.parametrize(("size", "roads"), [(MIB, {"plain": "splice", "tls": "tls"}), (1000, {"plain": "buffer", "tls": "tls"})])
def test_an_upload_counts_on_its_road(in_memory, daemon, image, listener, send, size, roads):
    road = roads[listener[0]]
    ticket = daemon.ticket(image, size=size)
    before = [sample(daemon, f"imaged_{what}_total", operation="write", path=road) for what in ("bytes", "requests")]

    assert send("PUT", f"/images/{ticket}", b"x" * size).status == 200

    after = [sample(daemon, f"imaged_{what}_total", operation="write", path=road) for what in ("bytes", "requests")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [size, 1]
    assert daemon.control.ticket(ticket)["path"] == road


def test_an_upload_to_a_disk_goes_past_the_cache(daemon, image, listener, send, monkeypatch):
    monkeypatch.setattr(direct, "in_memory", lambda descriptor: False)
    ticket = daemon.ticket(image, size=3 * MIB)

    assert send("PUT", f"/images/{ticket}", b"x" * 3 * MIB).status == 200

    # Not every kernel has such a way into memory, where this test's files may lie.
    with image.path.open("r+b") as file, contextlib.closing(File(Opened(os.dup(file.fileno())))) as backend:
        plain = "splice" if backend.cached else "direct"
    assert daemon.control.ticket(ticket)["path"] == {"plain": plain, "tls": "tls"}[listener[0]]
    assert image.read() == b"x" * 3 * MIB


@pytest.mark.parametrize(("size", "roads"), [(3 * MIB, {"plain": "mapped", "tls": "tls"}), (1000, {"plain": "buffer", "tls": "tls"})])
def test_a_download_counts_on_its_road(daemon, image, listener, send, size, roads):
    road = roads[listener[0]]
    image.path.write_bytes(b"x" * size)
    ticket = daemon.ticket(image, size=size, ops=["read"])
    before = sample(daemon, "imaged_bytes_total", operation="read", path=road)

    assert send("GET", f"/images/{ticket}").status == 200

    assert sample(daemon, "imaged_bytes_total", operation="read", path=road) - before == size


def test_a_download_of_many_stretches_is_one_request_on_each_road(daemon, image, monkeypatch):
    monkeypatch.setattr(ops, "STRETCH", MIB)
    monkeypatch.setattr(ops, "ROADS", choice.Choice("mapped", "buffer"))
    data = secrets.token_bytes(5 * MIB)
    image.path.write_bytes(data)
    ticket = daemon.ticket(image, size=5 * MIB, ops=["read"])
    labels = [{"operation": "read", "path": road} for road in ("mapped", "buffer")]
    before = [sample(daemon, "imaged_requests_total", **label) for label in labels]

    assert daemon.get(ticket).body == data

    after = [sample(daemon, "imaged_requests_total", **label) for label in labels]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]


def test_a_ticket_that_moved_nothing_has_no_path(daemon, image):
    assert daemon.control.ticket(daemon.ticket(image))["path"] is None


def test_a_flush_takes_no_road(daemon, image):
    ticket = daemon.ticket(image)
    daemon.put(ticket, b"abc")

    assert daemon.patch(ticket, {"op": "flush"}).status == 200

    assert daemon.control.ticket(ticket)["path"] == "buffer"


def test_a_slow_upload_to_a_disk_is_seen_to_move(daemon, image, monkeypatch):
    monkeypatch.setattr(direct, "in_memory", lambda descriptor: False)
    monkeypatch.setattr(body, "MOMENT", 0)
    ticket = daemon.ticket(image, size=3 * MIB)

    with contextlib.closing(daemon.connect()) as connection:
        connection.start("PUT", f"/images/{ticket}", [("Content-Length", str(3 * MIB))])
        connection.send(b"x" * 1000)
        # Long before there is a buffer full of them.
        wait(lambda: daemon.control.ticket(ticket)["transferred"] == 1000)
        connection.send(b"x" * (3 * MIB - 1000))

        assert connection.response().status == 200
    assert image.read() == b"x" * 3 * MIB
