"""Downloads of whole images: ranges, digests, and names that no browser can be tricked with."""

import base64
import hashlib
import urllib.parse

import pytest
import webob

from appliance import errors
from appliance.admin import views
from appliance.web import downloads
from imaged import client as imaged_client
from tests.transfer import room as rooms
from tests.waiting import wait_for

DATA = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A listener whose every address is the download of one image."""
    with rooms.daemon(tmp_path_factory.mktemp("d")) as (running, root):
        (root / "disk.img").write_bytes(DATA)
        room = rooms.Room(running.images, imaged_client.Control(running.control))
        download = downloads.Downloads(room.sessions, room.relay, room.slots)

        def app(environ, start):
            ticket = room.ticket(root / "disk.img", len(DATA), ["read"]) if environ["PATH_INFO"] == "/" else "gone"
            image = views.OpenImage("i", "a disk.img", "raw", "application/octet-stream", len(DATA), SHA256, None, rooms.HOST, ticket)
            try:
                answer = download(image, webob.Request(environ))
            except errors.ApplianceError as error:
                start(f"{error.status} X", [("Content-Length", "0"), ("Error-Code", error.code)])
                return []
            start(f"{answer.status} X", list(answer.headers.items()))
            return answer.body if not isinstance(answer.body, bytes) else [answer.body]

        with room.serving(app):
            yield room


def get(room, headers=None, method="GET", path="/") -> rooms.Answer:
    connection = room.connect()
    connection.request(method, path, headers=headers or {})
    return rooms.Answer(connection.getresponse())


def test_the_whole(served):
    answer = get(served)

    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(DATA).digest()).decode()}:"
    assert answer.headers["ETag"] == f'"{SHA256}"'
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="a disk.img"')


@pytest.mark.parametrize(
    "wanted, start, end",
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-", 100, len(DATA)),
        ("bytes=-10", len(DATA) - 10, len(DATA)),
        ("bytes=-99999999", 0, len(DATA)),
        ("bytes=5-99999999", 5, len(DATA)),
        ("Bytes=5-9", 5, 10),
    ],
)
def test_a_part(served, wanted, start, end):
    answer = get(served, {"Range": wanted})

    assert (answer.status, answer.body) == (206, DATA[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(DATA)}"


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "bytes=x", "lines=1-2", "bytes=9-1"])
def test_a_range_that_is_not_understood_is_ignored(served, wanted):
    assert get(served, {"Range": wanted}).status == 200


@pytest.mark.parametrize("wanted", [f"bytes={len(DATA)}-", "bytes=99999999999999999999-", "bytes=-0"])
def test_a_part_that_the_image_has_nothing_of_is_refused(served, wanted):
    answer = get(served, {"Range": wanted})

    assert (answer.status, answer.code) == (416, "out-of-range")


def test_a_part_of_another_version_is_the_whole(served):
    assert get(served, {"Range": "bytes=0-9", "If-Range": '"other"'}).status == 200
    assert get(served, {"Range": "bytes=0-9", "If-Range": f'"{SHA256}"'}).status == 206


@pytest.mark.parametrize("given, status", [(f'"{SHA256}"', 304), (f'W/"{SHA256}"', 304), ("*", 304), ('"other"', 200)])
def test_what_the_asker_has_is_not_sent_again(served, given, status):
    assert get(served, {"If-None-Match": given}).status == status


def test_head_has_the_headers_alone(served):
    answer = get(served, method="HEAD")

    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, str(len(DATA)), b"")


def test_a_host_that_refuses_is_down(served):
    answer = get(served, path="/without-ticket")

    assert (answer.status, answer.code) == (503, "host-down")


def test_every_download_gives_its_thread_back(served):
    wait_for(lambda: served.slots.free == 12, "all slots to be free")


@pytest.mark.parametrize(
    "name, plain, whole",
    [
        ("debian 12.iso", "debian 12.iso", "debian 12.iso"),
        ("../../etc/passwd", "_.._etc_passwd", "_.._etc_passwd"),
        ('a"b\\c.img', "a_b_c.img", "a_b_c.img"),
        ("x\r\nSet-Cookie: a=b", "x__Set-Cookie_ a=b", "x__Set-Cookie_ a=b"),
        ("abc\u202egpj.iso", "abc_gpj.iso", "abc_gpj.iso"),
        ("Größe.iso", "Groe.iso", "Größe.iso"),
        ("磁盘", "image", "磁盘"),
        ("...", "image", "image"),
        ("x" * 300, "x" * 200, "x" * 200),
        ("100%.iso", "100_.iso", "100%.iso"),
        ("lone \ud800 half", "lone _ half", "lone _ half"),
    ],
)
def test_names_are_data(name, plain, whole):
    assert downloads.disposition(name) == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{urllib.parse.quote(whole, safe='')}"
