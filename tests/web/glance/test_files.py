"""The bytes of images: sent at once, staged, broken off, too many, too few; and read again."""

import hashlib
import http.client
import secrets
import socket

import pytest

from appliance.admin import deposits, models, views
from appliance.transfer import filling, receiving
from tests.waiting import wait_for

CHUNKED = "Transfer-Encoding: chunked"


def chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


@pytest.fixture(scope="module")
def data():
    """More than one piece of the way, with holes."""
    return secrets.token_bytes(5 << 20) + bytes(3 << 20) + secrets.token_bytes(12345)


def test_an_image_that_was_sent_is_active_with_its_digests(glance, data):
    image = glance.image(data)

    assert (image["status"], image["size"], image["virtual_size"], image["stores"]) == ("active", len(data), len(data), "data")
    assert image["checksum"] == hashlib.md5(data).hexdigest()
    assert (image["os_hash_algo"], image["os_hash_value"]) == ("sha512", hashlib.sha512(data).hexdigest())


def test_what_is_read_is_what_was_sent(glance, data):
    image = glance.image(data)

    reply = glance.call("GET", f"/images/{image['id']}/file", role="admin")

    assert reply.body == data
    assert reply.headers["Content-MD5"] == image["checksum"]
    assert reply.headers["Content-Type"] == "application/octet-stream"
    part = glance.call("GET", f"/images/{image['id']}/file", Range="bytes=1000-1999")
    assert (part.status, part.body) == (206, data[1000:2000])
    assert glance.call("GET", f"/images/{image['id']}/file", Range=f"bytes={len(data)}-").status == 416


@pytest.mark.parametrize("headers", [(), ("x-openstack-image-size: 700000",)], ids=["no size", "a size"])
@pytest.mark.parametrize("way", ["file", "stage"])
def test_chunks_are_taken_whether_their_sum_is_known_or_not(glance, headers, way):
    data = secrets.token_bytes(700000)
    image = glance.create()

    assert glance.raw(f"/images/{image['id']}/{way}", chunks(data[:1], data[1:65536], data[65536:]), CHUNKED, *headers) == 204

    if way == "stage":
        assert glance.show(image)["status"] == "uploading"
        assert glance.call("POST", f"/images/{image['id']}/import", {"method": {"name": "glance-direct"}}).status == 202
    found = glance.active(image)
    assert (found["size"], found["os_hash_value"]) == (700000, hashlib.sha512(data).hexdigest())
    assert glance.call("GET", f"/images/{image['id']}/file").body == data


def test_extensions_and_trailers_of_chunks_are_passed_over(glance):
    image = glance.create()

    assert glance.raw(f"/images/{image['id']}/file", b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n", CHUNKED) == 204

    assert glance.call("GET", f"/images/{image['id']}/file").body == b"hello"


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"x\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"3\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5" + b";" + b"x" * 300 + b"\r\nhello\r\n0\r\n\r\n",
        b"f" * 20 + b"\r\n",
        b"5\r\nhello\r\n0\r\n" + b"X: y\r\n" * 2000,
    ],
    ids=lambda body: str(body[:20]),
)
def test_what_is_not_in_chunks_is_400_and_leaves_the_image_queued(glance, body):
    image = glance.create()

    with glance.sending(f"/images/{image['id']}/file", CHUNKED) as sock:
        sock.sendall(body)
        sock.shutdown(socket.SHUT_WR)
        assert b" 400 " in sock.makefile("rb").readline()

    assert glance.show(image)["status"] == "queued"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"hello", ("Content-Length: 5", "x-openstack-image-size: 6"), 400),
        (b"hello", ("Content-Length: 5", "x-openstack-image-size: many"), 400),
        (b"hello", ("Content-Length: 5", "x-openstack-image-size: -5"), 400),
        (chunks(b"hello"), (CHUNKED, "x-openstack-image-size: 6"), 400),
        (chunks(b"hello"), (CHUNKED, "x-openstack-image-size: 4"), 400),
        (chunks(b"hello"), ("Transfer-Encoding: gzip",), 501),
        (b"", ("Content-Length: 0",), 400),
        (chunks(), (CHUNKED,), 400),
        (b"hello", ("Content-Length: 5", "X-Image-Meta-Store: nowhere"), 400),
        (b"hello", ("Content-Length: 5", "X-Image-Meta-Store: iso"), 400),
    ],
    ids=str,
)
@pytest.mark.parametrize("way", ["file", "stage"])
def test_bytes_that_are_not_as_was_said_leave_the_image_queued(glance, body, headers, status, way):
    image = glance.create()

    assert glance.raw(f"/images/{image['id']}/{way}", body, *headers) == status

    assert glance.show(image)["status"] == "queued"
    assert glance.call("PUT", f"/images/{image['id']}/file", b"good").status == 204


def test_an_upload_that_breaks_off_counts_for_nothing(glance, appliance):
    image = glance.create()

    with glance.sending(f"/images/{image['id']}/file", "Content-Length: 1000000") as sock:
        sock.sendall(bytes(1000))
        wait_for(lambda: glance.show(image)["status"] == "saving", "the upload to begin")
    wait_for(lambda: glance.show(image)["status"] == "queued", "the upload to end", 60)

    assert appliance.call("GET", f"/images/{image['id']}").status == 404
    assert glance.call("PUT", f"/images/{image['id']}/file", b"good").status == 204


def test_deleting_ends_an_upload(glance):
    image = glance.create()

    with glance.sending(f"/images/{image['id']}/file", "Content-Length: 10000000") as sock:
        sock.sendall(bytes(1000))
        wait_for(lambda: glance.show(image)["status"] == "saving", "the upload to begin")
        assert glance.call("DELETE", f"/images/{image['id']}").status == 204
        sock.sendall(bytes(10000000 - 1000))
        with http.client.HTTPResponse(sock) as answer:
            answer.begin()
            assert (answer.status, b"There is no such image" in answer.read()) == (404, True)

    assert glance.call("GET", f"/images/{image['id']}").status == 404


@pytest.mark.parametrize(("format", "data"), [("qcow2", b"no qcow2"), ("iso", b"no ISO"), ("raw", b"QFI\xfb" + bytes(600))])
def test_bytes_of_another_format_are_refused_with_the_reason(glance, format, data):
    image = glance.create(disk_format=format)

    reply = glance.call("PUT", f"/images/{image['id']}/file", data)

    assert reply.status == 409
    assert "is not a good image" in reply.json["error"]["message"]
    assert reply.json["error"]["message"].endswith("It is queued again, and takes other bytes.")
    assert glance.show(image)["status"] == "queued"
    assert glance.call("GET", f"/images/{image['id']}/file").status == 204


def test_an_image_whose_bytes_were_refused_takes_others(glance):
    image = glance.create(disk_format="qcow2")
    assert glance.call("PUT", f"/images/{image['id']}/file", b"no qcow2").status == 409

    assert glance.patch(image, {"op": "replace", "path": "/disk_format", "value": "raw"}).status == 200
    assert glance.call("PUT", f"/images/{image['id']}/file", b"raw bytes").status == 204

    assert glance.call("GET", f"/images/{image['id']}/file").body == b"raw bytes"


@pytest.mark.parametrize(
    "facts", [{"disk_format": None}, {"container_format": None}, {"disk_format": "vmdk"}, {"disk_format": "vhdx"}], ids=str
)
def test_bytes_are_taken_when_it_is_known_what_they_are(glance, facts):
    image = glance.create(**facts)

    reply = glance.call("PUT", f"/images/{image['id']}/file", b"data")

    assert reply.status == 400
    assert next(iter(facts)) in reply.json["error"]["message"]


@pytest.mark.parametrize("way", ["file", "stage"])
def test_bytes_of_another_type_are_415(glance, way):
    image = glance.create()

    assert glance.call("PUT", f"/images/{image['id']}/{way}", b"data", Content_Type="text/plain").status == 415
    assert glance.show(image)["status"] == "queued"


@pytest.mark.parametrize("way", ["file", "stage"])
def test_an_image_that_has_bytes_takes_no_others(glance, way):
    image = glance.image(b"first")

    assert glance.call("PUT", f"/images/{image['id']}/{way}", b"second").status == 409
    assert glance.call("GET", f"/images/{image['id']}/file").body == b"first"


def test_what_was_staged_waits_and_is_not_staged_again(glance):
    image = glance.create()
    assert glance.call("PUT", f"/images/{image['id']}/stage", b"staged").status == 204

    assert glance.call("PUT", f"/images/{image['id']}/stage", b"again").status == 409
    assert glance.call("PUT", f"/images/{image['id']}/file", b"again").status == 409
    assert glance.call("DELETE", f"/images/{image['id']}").status == 204


def test_the_bytes_of_an_image_without_any_are_none(glance):
    image = glance.create()

    reply = glance.call("GET", f"/images/{image['id']}/file")

    assert (reply.status, reply.body) == (204, b"")


def test_an_image_goes_to_the_store_that_was_asked_for(glance, appliance):
    image = glance.create()

    assert glance.call("PUT", f"/images/{image['id']}/file", b"data", X_Image_Meta_Store="more").status == 204

    assert glance.show(image)["stores"] == "more"
    assert appliance.call("GET", f"/images/{image['id']}").json["domain"]["name"] == "more"


def test_a_name_may_be_had_by_several(glance, name):
    one, two = glance.image(b"1", name=name), glance.image(b"2", name=name)

    assert {image["id"] for image in glance.list(f"name={name}")} == {one["id"], two["id"]}


def test_an_image_too_large_for_its_store_is_413(glance, appliance):
    image = glance.create()

    with glance.sending(f"/images/{image['id']}/file", f"Content-Length: {1 << 45}") as sock:
        assert b" 413 " in sock.makefile("rb").readline()

    assert glance.show(image)["status"] == "queued"


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("no-space", 413, "data has 0 B free"),
        ("host-down", 503, "Host local does not answer"),
        ("no-ticket", 409, "its upload was ended elsewhere"),
    ],
)
def test_a_host_that_takes_no_more_is_told_and_leaves_the_image_queued(glance, monkeypatch, code, status, words):
    def lost(*_, **__):
        raise filling.Lost(code, "It takes no more.")

    monkeypatch.setattr(receiving, "receive", lost)
    image = glance.create()

    reply = glance.call("PUT", f"/images/{image['id']}/file", b"good")

    assert (reply.status, words in reply.json["error"]["message"]) == (status, True), reply.text
    assert glance.show(image)["status"] == "queued"


def test_an_image_that_comes_to_be_too_large_is_413(glance, monkeypatch):
    monkeypatch.setattr(deposits.Deposits, "_most", lambda *_: 1000)
    image = glance.create()

    assert glance.raw(f"/images/{image['id']}/file", chunks(bytes(1001)), CHUNKED) == 413

    assert glance.show(image)["status"] == "queued"


def test_what_a_client_of_ovirt_uploads_into_an_image_makes_its_digests_void(glance, appliance):
    image = glance.image(b"x" * 4096)
    user = appliance.admin.users.get("ann")

    transfer = appliance.admin.transfers.start(user, views.NewImageTransfer(image=image["id"]))

    with appliance.admin.images._ground.database.reading() as session:
        assert session.get(models.Image, image["id"]).digests is None
    appliance.admin.transfers.cancel(user, transfer.id)
