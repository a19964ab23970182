"""The images service, over a real daemon: /sessions, /images/ID, /info/ and what bad requests get."""

import base64
import hashlib
import json
import socket
import threading

import pytest

from appliance.web import server
from imaged import client as imaged_client
from tests.transfer import room as rooms
from tests.waiting import wait_for

SIZE = 1 << 20
DATA = bytes(range(256)) * (SIZE // 256)


@pytest.fixture
def disk(daemon, tmp_path):
    path = daemon[1] / f"{tmp_path.name}.img"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def writer(room, disk):
    return room.open(disk, SIZE)


@pytest.fixture
def reader(room, disk):
    return room.open(disk, SIZE, ("read",))


def digest(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def ask(room, method: str, path: str, headers: dict | None = None, body=None) -> rooms.Answer:
    connection = room.connect()
    connection.request(method, path, body, headers or {})
    return rooms.Answer(connection.getresponse())


def raw(room, text: str) -> bytes:
    with socket.create_connection(("127.0.0.1", room.port), 10) as sock:
        sock.sendall(text.encode())
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_a_session_tells_what_it_is_for(room):
    token = room.token("k-1", size=77, ops=["write"])

    answer = ask(room, "POST", "/sessions", {"Authorization": f"Bearer {token}"})

    content = json.loads(answer.body)
    assert answer.status == 201
    assert content == {"session_id": answer.headers["Session-Id"], "url": "/images/k-1", "size": 77, "ops": ["write"]}


@pytest.mark.parametrize("given", [{}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer x.y.z"}])
def test_without_a_ticket_there_is_no_session(room, given):
    answer = ask(room, "POST", "/sessions", given)

    assert answer.status == 401
    assert answer.code in ("no-session", "bad-ticket")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.body.endswith(b"\n")


def test_a_replayed_ticket_is_refused_and_the_log_says_why(room, writer, caplog):
    answer = ask(room, "POST", "/sessions", {"Authorization": f"Bearer {writer.token}"})

    assert (answer.status, answer.code) == (401, "bad-ticket")
    assert b"used" not in answer.body
    assert "used already" in caplog.text
    assert writer.token not in caplog.text


def test_a_session_ends(room, writer):
    assert ask(room, "DELETE", f"/sessions/{writer.session}").status == 204

    assert ask(room, "DELETE", f"/sessions/{writer.session}").status == 404
    assert writer.put(b"x").code == "no-session"


def test_a_signed_ticket_alone_is_enough(room, disk):
    ticket = room.ticket(disk, SIZE)
    bearer = {"Authorization": f"Bearer {room.token(ticket, size=SIZE)}"}

    for start in (0, 10):
        answer = ask(room, "PUT", f"/images/{ticket}", {**bearer, "Content-Range": f"bytes {start}-{start + 9}/*"}, b"0123456789")
        assert answer.status == 200, answer.body

    assert disk.read_bytes()[:20] == b"01234567890123456789"


@pytest.mark.parametrize("headers", [{}, {"Session-Id": "made-up"}, {"Session-Id": "x" * 5000}])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "OPTIONS", "HEAD"])
def test_without_a_session_there_are_no_bytes(room, method, headers):
    answer = ask(room, method, "/images/some-ticket", headers)

    assert (answer.status, answer.code) == (401, "no-session")


def test_a_session_is_for_its_own_image(room, writer):
    answer = writer.request("PUT", "/images/another", b"x")

    assert (answer.status, answer.code) == (403, "no-ticket")


def test_a_read_ticket_does_not_write(reader, disk):
    for answer in (reader.put(b"x"), reader.request("PATCH", reader.url, b'{"op": "zero", "size": 10}')):
        assert (answer.status, answer.code) == (403, "forbidden-op")

    assert disk.read_bytes() == DATA


def test_a_digest_is_verified(writer, disk):
    assert writer.put(b"right", 0, **{"Content-Digest": digest(b"right")}).status == 200

    answer = writer.put(b"wrong", 100, **{"Content-Digest": digest(b"other")})

    assert (answer.status, answer.code) == (400, "digest-mismatch")
    assert disk.read_bytes()[:5] == b"right"


def test_overlapping_and_repeated_chunks_are_fine(writer, disk):
    for start in (0, 500, 0):
        assert writer.put(b"z" * 1000, start).status == 200

    assert disk.read_bytes() == b"z" * 1500 + DATA[1500:]


def test_an_empty_chunk_is_fine(writer):
    assert writer.request("PUT", writer.url).status == 200


@pytest.mark.parametrize(
    "given",
    ["bytes 0-8/*", "bytes 0-10/*", "bytes 5-0/*", "bytes 0-9/5", "bytes -9/*", "octets 0-9/*", "bytes a-b/*", "0-9", "bytes 0-9", ""],
)
def test_a_content_range_that_cannot_be_is_refused(writer, disk, given):
    answer = writer.put(b"0123456789", **{"Content-Range": given})

    assert (answer.status, answer.code) == (400, "bad-range")
    assert disk.read_bytes() == DATA


@pytest.mark.parametrize("start", [SIZE, SIZE - 9, 1 << 62])
def test_a_chunk_outside_the_image_is_refused(writer, disk, start):
    answer = writer.put(b"0123456789", start)

    assert (answer.status, answer.code) == (416, "out-of-range")
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
    assert disk.read_bytes() == DATA


def test_a_refused_body_is_not_read_into_memory(room, reader):
    reader.begin(1 << 40, b"x" * (1 << 20))

    answer = reader.answer()

    assert answer.code == "forbidden-op"
    assert answer.headers["Connection"] == "close"


def test_a_body_needs_a_length(room, writer):
    answer = raw(room, f"PUT {writer.url} HTTP/1.1\r\nHost: x\r\nSession-Id: {writer.session}\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 411 ")
    assert b"Error-Code: length-required" in answer


def test_chunked_encoding_is_refused(room, writer, disk):
    head = f"PUT {writer.url} HTTP/1.1\r\nHost: x\r\nSession-Id: {writer.session}\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer = raw(room, head + "5\r\nhello\r\n0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 411 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert disk.read_bytes() == DATA


def test_a_bad_flush_is_refused_by_the_host(writer):
    answer = writer.put(b"x", query="?flush=maybe")

    assert (answer.status, answer.code) == (400, "bad-request")


def test_a_flush_may_be_left_for_later(writer, disk):
    assert writer.put(b"later", query="?flush=n").status == 200
    assert writer.request("PATCH", writer.url, b'{"op": "flush"}').status == 200
    assert disk.read_bytes()[:5] == b"later"


def test_close_ends_the_connection_after_the_answer(writer):
    answer = writer.put(b"x", query="?close=y")

    assert (answer.status, answer.headers["Connection"]) == (200, "close")


def test_zeroing(writer, disk):
    assert writer.request("PATCH", writer.url, b'{"op": "zero", "size": 1000, "offset": 10}').status == 200

    assert disk.read_bytes() == DATA[:10] + bytes(1000) + DATA[1010:]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"nonsense", b'{"op": "burn"}', b'{"op": "zero", "size": -1}'])
def test_a_bad_patch_is_refused(writer, body):
    assert writer.request("PATCH", writer.url, body).status == 400


def test_a_long_patch_is_refused(writer):
    answer = writer.request("PATCH", writer.url, b" " * (64 << 10) + b"{}")

    assert (answer.status, answer.code) == (413, "too-large")


def test_options_tell_what_can_be_done_and_hide_the_hosts_socket(writer):
    answer = writer.request("OPTIONS", writer.url)

    content = json.loads(answer.body)
    assert answer.status == 200
    assert {"zero", "flush"} <= set(content["features"])
    assert "unix_socket" not in content
    assert {"OPTIONS", "GET", "PUT", "PATCH"} <= set(answer.headers["Allow"].split(","))


def test_options_of_everything_need_no_session(room):
    assert ask(room, "OPTIONS", "/images/*").status == 200


def test_reading_the_whole(reader):
    answer = reader.request("GET", reader.url)

    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_reading_a_part(reader):
    answer = reader.request("GET", reader.url, headers={"Range": "bytes=100-1099"})

    assert (answer.status, answer.body) == (206, DATA[100:1100])
    assert answer.headers["Content-Range"] == f"bytes 100-1099/{SIZE}"


@pytest.mark.parametrize("given", [f"bytes={SIZE}-", "bytes=5-2", f"bytes=0-{SIZE}"])
def test_a_part_that_is_not_there_is_refused(reader, given):
    assert reader.request("GET", reader.url, headers={"Range": given}).status == 416


def test_head_tells_the_size(reader):
    answer = reader.request("HEAD", reader.url)

    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, str(SIZE), b"")


def test_info(room):
    assert "version" in json.loads(ask(room, "GET", "/info/").body)


@pytest.mark.parametrize("path", ["/", "/images/", "/images", "/images/a/b", "/sessions/a/b", "/info", "/tickets/x", "/images/../info/"])
def test_other_addresses_do_not_exist(room, path):
    answer = ask(room, "GET", path)

    assert answer.status in (404, 405)


@pytest.mark.parametrize(
    "method, path, allowed",
    [("GET", "/sessions", "POST"), ("GET", "/sessions/x", "DELETE"), ("DELETE", "/images/x", "GET"), ("POST", "/info/", "GET")],
)
def test_other_methods_are_refused_with_those_that_are_not(room, method, path, allowed):
    answer = ask(room, method, path)

    assert (answer.status, answer.code) == (405, "method-not-allowed")
    assert allowed in answer.headers["Allow"]


def test_bytes_beyond_their_threads_are_refused_at_once_while_pages_answer(daemon, disk):
    running, _ = daemon

    def page(_environ, start):
        start("200 OK", [("Content-Length", "4")])
        return [b"page"]

    room = rooms.Room(running.images, imaged_client.Control(running.control), threads=6, reserve=2)
    with room.serving(server.together(page, room.app, page, page, room.relay.courtesy)):
        running_clients = [room.open(disk, SIZE, transfer=f"t{number}").begin(SIZE, b"x").running() for number in range(4)]
        refused = room.open(disk, SIZE, transfer="one more").put(b"x" * SIZE)

        assert (refused.status, refused.code) == (503, "busy")
        assert int(refused.headers["Retry-After"]) > 0
        assert ask(room, "GET", "/").body == b"page"

        running_clients[0].connection.sock.sendall(b"x" * (SIZE - 1))
        assert running_clients[0].answer().status == 200
        assert room.open(disk, SIZE, transfer="again").put(b"y" * SIZE).status == 200


def test_a_download_gives_its_thread_back_when_the_client_goes(room, daemon):
    path = daemon[1] / "long.img"
    client = room.open(path, 64 << 20, ("read",))
    client.connection.request("GET", client.url, headers={"Session-Id": client.session})
    client.connection.sock.recv(1000)
    client.close()

    wait_for(lambda: room.slots.free == 12, "the slot to be free")


def test_an_unexpected_error_shows_an_id_and_no_more(room, writer, monkeypatch, caplog):
    monkeypatch.setattr(room.relay, "send", lambda *_: 1 / 0)

    answer = writer.put(b"x")

    assert (answer.status, answer.code) == (500, "internal")
    assert b"Zero" not in answer.body
    assert answer.body.split()[-1].decode() in caplog.text
    assert writer.session not in caplog.text and writer.url not in caplog.text


def test_four_uploads_at_once_do_not_mix(room, daemon):
    paths = [daemon[1] / f"many{number}.img" for number in range(4)]
    clients = [room.open(path, SIZE, transfer=path.name) for path in paths]
    threads = [threading.Thread(target=client.put, args=(bytes([number]) * SIZE,)) for number, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [path.read_bytes() for path in paths] == [bytes([number]) * SIZE for number in range(4)]


@pytest.mark.parametrize(
    "path, shown",
    [
        ("/sessions/an-id?x=secret", "/sessions/…"),
        ("/images/an-id/", "/images/…"),
        ("/IMAGES/an-id", "/IMAGES/…"),
        ("/proxy/images/an-id", "/proxy/images/…"),
        ("/api/v1/../../images/an-id", "/api/v1/../../images/…"),
        ("/api/v1/images/this-one", "/api/v1/images/this-one"),
    ],
)
def test_the_access_log_has_no_ids(caplog, path, shown):
    caplog.set_level("INFO", "appliance.access")
    room = rooms.Room("unix:/nowhere")
    with room.serving(server.logged(room.app)):
        ask(room, "DELETE", path, {"Authorization": "Bearer secret"})

    assert f"DELETE '{shown}' 40" in caplog.text
    assert "an-id" not in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("level, lines", [("INFO", 0), ("DEBUG", 1)])
def test_bytes_that_moved_well_are_logged_only_where_everything_is(caplog, daemon, disk, level, lines):
    caplog.set_level(level, "appliance.access")
    running, _ = daemon
    room = rooms.Room(running.images, imaged_client.Control(running.control))
    with room.serving(server.logged(room.app)):
        assert room.open(disk, SIZE).put(DATA).status == 200

    assert caplog.text.count("PUT '/images/…' 200") == lines
