"""/images: what may be asked, which ways lead nowhere, and how errors look."""

import json
import socket

import pytest

from imaged import httpd, services
from tests.imaged.conftest import ask
from tests.imaged.handlers.conftest import digest

JSON_LIMIT = 64 << 10


def test_options_tell_a_writer_what_it_may_do(daemon, image):
    answer = daemon.send("OPTIONS", f"/images/{daemon.ticket(image)}")

    assert answer.status == 200
    assert answer.headers["Allow"] == "OPTIONS,GET,PUT,PATCH"
    assert json.loads(answer.body) == {"features": ["checksum", "extents", "flush", "zero"], "max_readers": 8, "max_writers": 8}


def test_options_tell_a_reader_what_it_may_do(daemon, image):
    answer = daemon.send("OPTIONS", f"/images/{daemon.ticket(image, ops=['read'])}")

    assert answer.headers["Allow"] == "OPTIONS,GET"
    assert json.loads(answer.body) == {"features": ["checksum", "extents"], "max_readers": 8, "max_writers": 8}


def test_options_of_the_service_need_no_ticket(daemon):
    answer = daemon.send("OPTIONS", "/images/*")

    assert answer.status == 200
    assert json.loads(answer.body) == {"features": ["checksum", "dirty", "extents", "flush", "zero"]}


@pytest.mark.parametrize(("client", "told"), [("127.0.0.1", True), ("127.0.0.2", False), ("unix", True)])
def test_the_unix_socket_is_told_to_clients_of_the_same_host(daemon, image, monkeypatch, client, told):
    monkeypatch.setattr(daemon.context, "unix_socket", "/run/imaged/images.sock")
    bind = f"{daemon.root}/telling" if client == "unix" else ("127.0.0.1", 0)
    server = httpd.Server(bind, services.images_app(daemon.context), threads=1)
    server.launch()
    for target in (f"/images/{daemon.ticket(image)}", "/images/*"):
        with socket.socket(socket.AF_UNIX if client == "unix" else socket.AF_INET) as sock:
            if client != "unix":
                sock.bind((client, 0))
            sock.connect(server.bind_addr)
            sock.sendall(f"OPTIONS {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
            answer = sock.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 200")
        assert (b'"unix_socket": "/run/imaged/images.sock"' in answer) is told
    server.stop()


def test_a_preflight_is_answered_for_every_origin(daemon, image):
    asked = {"Origin": "https://example.com", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "range"}

    answer = daemon.send("OPTIONS", f"/images/{daemon.ticket(image)}", asked)

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "OPTIONS,GET,PUT"
    assert answer.headers["Access-Control-Allow-Headers"] == "*"
    assert answer.headers["Access-Control-Max-Age"] == "86400"


def test_an_error_carries_the_origin_too(daemon):
    answer = daemon.send("GET", "/images/none", {"Origin": "https://example.com"})

    assert answer.status == 403
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Error-Code" in answer.headers["Access-Control-Expose-Headers"].split(", ")


def test_options_count_as_activity(daemon, image):
    ticket = daemon.ticket(image, timeout=100)
    daemon.clock.now += 60
    daemon.send("OPTIONS", f"/images/{ticket}")
    daemon.clock.now += 60

    assert daemon.get(ticket).status == 200


def test_a_head_tells_the_size_and_sends_nothing(daemon, full):
    ticket = daemon.ticket(full, size=1024, filename="a.iso", ops=["read"])

    answer = daemon.send("HEAD", f"/images/{ticket}")

    assert (answer.status, answer.headers["Content-Length"], answer.headers["Accept-Ranges"]) == (200, "1024", "bytes")
    assert answer.headers["Content-Disposition"] == "attachment; filename=a.iso"
    assert answer.body == b""
    assert daemon.control.ticket(ticket)["transferred"] == 0
    assert daemon.send("HEAD", "/images/none").status == 403


@pytest.mark.parametrize("method", ["POST", "DELETE", "TRACE", "FOO"])
def test_a_method_that_images_lack_is_405_with_those_they_have(daemon, method):
    answer = daemon.send(method, "/images/none")

    assert answer.status == 405
    assert answer.headers["Allow"] == "GET,PUT,PATCH,OPTIONS,HEAD"


@pytest.mark.parametrize("method", ["OPTIONS", "GET", "PUT", "PATCH"])
def test_an_empty_ticket_id_is_400(daemon, method):
    assert daemon.send(method, "/images/", None, b"").status == 400


@pytest.mark.parametrize("method", ["OPTIONS", "GET", "PUT"])
def test_a_ticket_is_found_by_its_escaped_id(daemon, image, method):
    daemon.ticket(image, uuid="a b")

    assert daemon.send(method, "/%69mages/%61%20b?%20", None, b"").status == 200


@pytest.mark.parametrize("target", ["/", "/images", "/images/a/b", "/imagesx/a", "/tickets/a", "/domains", "/images/a%2Fb/c", "/%ff"])
def test_what_is_no_image_is_not_found(daemon, target):
    assert daemon.send("GET", target).status in (404, 400)


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_an_address_that_is_longer_than_any_of_ours_is_414(daemon, method):
    for target in ("/images/" + "x" * 4089, "/images/none?" + "x" * 4085):
        answer = daemon.send(method, target, None, b"")
        assert (answer.status, answer.code, answer.closes) == (414, "too-long", True)
    assert daemon.send(method, "/images/" + "x" * 4087, None, b"").status == 403


def test_the_control_services_resources_are_not_on_the_images_service(daemon, image):
    ticket = daemon.ticket(image)

    assert daemon.send("DELETE", f"/tickets/{ticket}").status == 404
    assert daemon.get(ticket).status == 200


def test_info_tells_the_version_with_and_without_a_slash(daemon):
    for target in ("/info", "/info/"):
        assert json.loads(daemon.send("GET", target).body) == {"version": daemon.context.version}


def test_an_error_is_one_line_of_text(daemon):
    answer = daemon.get("none")

    assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert answer.text == "You are not allowed to access this resource: No such ticket none\n"


def test_an_error_without_body_left_keeps_the_connection(daemon, image):
    ticket = daemon.ticket(image)
    connection = daemon.connect()

    assert ask(connection, "PATCH", f"/images/{ticket}", None, b"{}").status == 400
    assert ask(connection, "GET", f"/images/{ticket}", {"Range": "nonsense"}).status == 416
    assert ask(connection, "PUT", f"/images/{ticket}", digest(b"abd"), b"abc").status == 400
    assert ask(connection, "PUT", f"/images/{ticket}", None, b"abc").status == 200
    connection.close()


def test_a_failure_of_our_own_says_nothing_of_its_reason(daemon, image, monkeypatch):
    ticket = daemon.ticket(image)
    monkeypatch.setattr(daemon.tickets, "authorize", lambda *_: 1 / 0)

    answer = daemon.get(ticket)

    assert (answer.status, answer.code) == (500, "internal")
    assert "division" not in answer.text
