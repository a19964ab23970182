"""/images/TICKET: every status, every header, in the order of the contract."""

import base64
import hashlib
import json
import os
import socket
import threading

import pytest

from imaged import httpd, services
from tests.imaged.conftest import ask, raw, wait

JSON_LIMIT = 64 << 10


def digest(data: bytes) -> dict[str, str]:
    return {"Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"}


# OPTIONS


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


# PUT


def test_a_put_writes_at_its_offset_and_is_durable(daemon, image):
    ticket = daemon.ticket(image)

    answer = daemon.put(ticket, b"x" * 100, {"Content-Range": "bytes 50-149/*"})

    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")
    assert image.read() == bytes(50) + b"x" * 100
    assert daemon.durable(ticket) == [[50, 150]]


def test_a_put_without_content_range_begins_at_the_start(daemon, image):
    ticket = daemon.ticket(image)

    daemon.put(ticket, b"abc")

    assert image.read() == b"abc"


def test_a_put_without_flush_is_durable_only_after_one(daemon, image):
    ticket = daemon.ticket(image)

    assert daemon.put(ticket, b"abc", query="?flush=n").status == 200
    assert daemon.durable(ticket) == []
    assert daemon.control.ticket(ticket)["transferred"] == 3

    assert daemon.patch(ticket, {"op": "flush"}).status == 200
    assert daemon.durable(ticket) == [[0, 3]]


def test_an_empty_put_is_fine_and_writes_nothing(daemon, image):
    assert daemon.put(daemon.ticket(image), b"").status == 200
    assert image.read() == b""


def test_a_put_may_leave_the_last_byte_and_the_size_open(daemon, image):
    assert daemon.put(daemon.ticket(image), b"abc", {"Content-Range": "bytes 1-*/*"}).status == 200
    assert image.read() == b"\0abc"


def test_a_big_body_arrives_byte_for_byte(daemon, image):
    data = os.urandom((5 << 20) + 17)

    answer = daemon.put(daemon.ticket(image, size=1 << 30), data, {"Content-Range": f"bytes 3-{len(data) + 2}/*", **digest(data)})

    assert answer.status == 200
    assert image.read()[3:] == data


def test_chunks_may_overlap_and_repeat(daemon, image):
    ticket = daemon.ticket(image)

    for offset, letter in ((0, b"a"), (50, b"b"), (0, b"c")):
        assert daemon.put(ticket, letter * 100, {"Content-Range": f"bytes {offset}-{offset + 99}/*"}).status == 200

    assert image.read() == b"c" * 100 + b"b" * 50
    assert daemon.durable(ticket) == [[0, 150]]
    assert daemon.control.ticket(ticket)["transferred"] == 150


def test_parallel_writes_at_unaligned_ranges_do_not_disturb_each_other(daemon, image):
    data = os.urandom(3_000_011)
    ticket = daemon.ticket(image, size=len(data))
    step = 100_003

    def work(first: int) -> None:
        connection = daemon.connect()
        for start in range(first * step, len(data), 4 * step):
            piece = data[start : start + step]
            answer = ask(connection, "PUT", f"/images/{ticket}", {"Content-Range": f"bytes {start}-{start + len(piece) - 1}/*"}, piece)
            assert answer.status == 200
        connection.close()

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert image.read() == data
    assert daemon.durable(ticket) == [[0, len(data)]]


def test_two_hundred_gib_into_a_sparse_image_take_no_space(daemon, image):
    size = 200 << 30
    ticket = daemon.ticket(image, size=size, sparse=True)

    assert daemon.put(ticket, b"end", {"Content-Range": f"bytes {size - 3}-{size - 1}/{size}"}).status == 200
    assert daemon.patch(ticket, {"op": "zero", "offset": 0, "size": size - 3, "flush": True}).status == 200

    assert daemon.durable(ticket) == [[0, size]]
    assert daemon.get(ticket, f"bytes={size - 4}-{size - 1}").body == b"\0end"
    assert image.path.stat().st_blocks * 512 < 1 << 20


def test_a_put_that_asks_to_close_is_closed(daemon, image):
    answer = daemon.put(daemon.ticket(image), b"abc", query="?close=y")

    assert answer.status == 200
    assert answer.closes


@pytest.mark.parametrize("length", ["", "x", "-1", "+1", "1.5", "1_0", "0x10"])
def test_a_content_length_that_is_no_number_is_400(daemon, length):
    answer = raw(daemon.images_path, f"PUT /images/none HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"Content-Length" in answer.partition(b"\r\n\r\n")[2]


def test_a_put_without_content_length_is_400_and_closes(daemon, image):
    answer = daemon.send("PUT", f"/images/{daemon.ticket(image)}")

    assert (answer.status, answer.code, answer.closes) == (400, "length-required", True)


def test_a_chunked_body_is_refused_and_never_taken_for_a_request(daemon, image):
    ticket = daemon.ticket(image)
    smuggled = f"PUT /images/{ticket} HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
    request = f"PUT /images/{ticket} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{smuggled}"

    answer = raw(daemon.images_path, request.encode())

    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1
    assert image.read() == b""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes",
        "bytes 0-2",
        "bytes 0-2/",
        "bytes=0-2/3",
        "Bytes 0-2/3",
        "bytes  0-2/3",
        "bytes 2-0/3",
        "bytes 0-2/2",
        "bytes -2/3",
        "bytes */3",
        "bytes 0-3/*",
        "bytes 0-1/*",
        "bytes 0x0-2/*",
        "bytes ٠-٢/*",
        "bytes 0-2/*, bytes 0-2/*",
    ],
)
def test_a_content_range_that_is_wrong_or_disagrees_with_the_body_is_400(daemon, image, text):
    ticket = daemon.ticket(image)

    answer = daemon.put(ticket, b"abc", {"Content-Range": text.encode().decode("latin-1")})

    assert (answer.status, answer.code) == (400, "bad-range")
    assert image.read() == b""


@pytest.mark.parametrize("value", ["", "yes", "Y", "1"])
def test_flush_is_y_or_n(daemon, image, value):
    answer = daemon.put(daemon.ticket(image), b"abc", query=f"?flush={value}")

    assert (answer.status, answer.code) == (400, "bad-request")


def test_of_a_repeated_argument_the_last_counts_and_unknown_ones_do_not(daemon, image):
    assert daemon.put(daemon.ticket(image), b"abc", query="?flush=maybe&other=%ff&flush=y").status == 200


def test_a_bad_header_is_400_even_with_an_unknown_ticket(daemon):
    assert daemon.put("none", b"abc", {"Content-Range": "nonsense"}).status == 400
    assert daemon.put("none", b"abc").status == 403


def test_a_write_past_the_end_is_refused_and_changes_nothing(daemon, image):
    ticket = daemon.ticket(image, size=1000)

    answer = daemon.put(ticket, b"x" * 10, {"Content-Range": "bytes 995-1004/*"})

    assert (answer.status, answer.code, answer.closes) == (416, "out-of-range", True)
    assert answer.headers["Content-Range"] == "bytes */1000"
    assert image.read() == b""


def test_a_body_that_ends_early_is_400_written_but_not_durable(daemon, image):
    ticket = daemon.ticket(image)
    connection = daemon.connect()
    connection.start("PUT", f"/images/{ticket}", [("Content-Length", "100"), ("Content-Range", "bytes 500-599/*")])
    connection.send(b"x" * 10)
    connection.sock.shutdown(1)

    response = connection.response()

    assert response.status == 400
    assert response.headers["Error-Code"] == "short-body"
    assert response.read() == b"Requested 100 bytes, available 10 bytes\n"
    assert image.read(500) == b"x" * 10
    assert daemon.durable(ticket) == []
    assert daemon.control.ticket(ticket)["transferred"] == 10
    connection.close()


def test_a_peer_that_stalls_is_given_up_after_the_tickets_inactivity_timeout(daemon, image):
    ticket = daemon.ticket(image, inactivity_timeout=1)
    connection = daemon.connect()
    connection.start("PUT", f"/images/{ticket}", [("Content-Length", "100")])
    connection.send(b"x")

    response = connection.response()

    assert (response.status, response.headers["Error-Code"], response.headers["Connection"]) == (500, "stalled", "close")
    assert not daemon.control.ticket(ticket)["active"]
    connection.close()


def test_the_body_of_a_refused_write_is_never_written(daemon, image):
    answer = daemon.put(daemon.ticket(image, ops=["read"]), b"abc")

    assert (answer.status, answer.code, answer.closes) == (403, "forbidden-op", True)
    assert image.read() == b""


def test_a_file_that_is_gone_is_a_clear_error(daemon, image):
    ticket = daemon.ticket(image)
    image.path.unlink()

    for answer in (daemon.put(ticket, b"abc"), daemon.get(ticket), daemon.send("OPTIONS", f"/images/{ticket}")):
        assert (answer.status, answer.code) == (500, "no-file")
    assert not image.path.exists()


def test_a_file_whose_place_a_link_took_is_not_written(daemon, image, tmp_path):
    ticket = daemon.ticket(image)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    image.path.unlink()
    image.path.symlink_to(victim)

    answer = daemon.put(ticket, b"abc")

    assert (answer.status, answer.code) == (403, "forbidden-path")
    assert victim.read_bytes() == b"precious"


def test_a_full_disk_is_507_and_what_is_not_written_is_not_durable(daemon, image, monkeypatch):
    ticket = daemon.ticket(image)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    answer = daemon.put(ticket, b"abc")
    monkeypatch.undo()

    assert (answer.status, answer.code) == (507, "no-space")
    assert daemon.durable(ticket) == []


def test_an_offset_that_no_file_has_is_507(daemon, image):
    ticket = daemon.ticket(image, size=1 << 64)

    answer = daemon.put(ticket, b"abc", {"Content-Range": f"bytes {(1 << 63) - 1}-{(1 << 63) + 1}/*"})

    assert (answer.status, answer.code) == (507, "no-space")


# Content-Digest


def test_data_that_matches_its_digest_is_taken(daemon, image):
    ticket = daemon.ticket(image)

    assert daemon.put(ticket, b"abc", digest(b"abc")).status == 200
    assert daemon.durable(ticket) == [[0, 3]]


def test_of_several_digests_the_one_we_know_is_verified(daemon, image):
    headers = {"Content-Digest": "sha-512=:" + base64.b64encode(bytes(64)).decode() + ":, " + digest(b"abc")["Content-Digest"]}

    assert daemon.put(daemon.ticket(image), b"abc", headers).status == 200
    assert daemon.put(daemon.ticket(image), b"abd", headers).code == "digest-mismatch"


def test_data_that_does_not_match_its_digest_counts_for_nothing(daemon, image):
    ticket = daemon.ticket(image)

    answer = daemon.put(ticket, b"abd", digest(b"abc"))

    assert (answer.status, answer.code) == (400, "digest-mismatch")
    assert daemon.control.ticket(ticket)["transferred"] == 0
    daemon.patch(ticket, {"op": "flush"})
    assert daemon.durable(ticket) == []


def test_wrong_data_over_durable_bytes_makes_them_not_durable(daemon, image):
    ticket = daemon.ticket(image)
    daemon.put(ticket, b"abcdef")

    daemon.put(ticket, b"xyz", {"Content-Range": "bytes 1-3/*", **digest(b"abc")})

    assert daemon.durable(ticket) == [[0, 1], [4, 6]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha-256",
        "sha-256=abc",
        "sha-256=:abc:",
        "sha-256=:!!!!:",
        "sha-256=:YWJj:",
        "md5=:YWJj:",
        "SHA-256=:YWJj:",
        "sha-256=:YWJj:;x=1",
    ],
)
def test_a_digest_that_cannot_be_verified_is_400(daemon, image, text):
    answer = daemon.put(daemon.ticket(image), b"abc", {"Content-Digest": text})

    assert (answer.status, answer.code) == (400, "bad-request")
    assert image.read() == b""


# GET


@pytest.fixture
def full(daemon, image):
    image.path.write_bytes(bytes(range(256)) * 4)
    return image


def test_a_get_answers_the_whole_image(daemon, full):
    answer = daemon.get(daemon.ticket(full, size=1024, ops=["read"]))

    assert answer.status == 200
    assert answer.body == full.read()
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment"
    assert "Content-Range" not in answer.headers


def test_a_ticket_that_is_smaller_than_the_file_shows_only_its_part(daemon, full):
    assert daemon.get(daemon.ticket(full, size=100)).body == full.read(0, 100)


@pytest.mark.parametrize(("wanted", "start", "end"), [("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), ("bytes=1000-", 1000, 1024)])
def test_a_range_is_answered_with_206(daemon, full, wanted, start, end):
    answer = daemon.get(daemon.ticket(full, size=1024), wanted)

    assert answer.status == 206
    assert answer.body == full.read(start, end)
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/1024"


@pytest.mark.parametrize("wanted", ["bytes=-5", "bytes=0-1,3-4", "bytes=-", "bytes=5-4", "bytes= 0-1", "items=0-1", "0-1", "bytes=a-b"])
def test_a_range_that_cannot_be_understood_is_416(daemon, full, wanted):
    answer = daemon.get(daemon.ticket(full, size=1024), wanted)

    assert (answer.status, answer.code) == (416, "bad-range")
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize("wanted", ["bytes=0-2000", "bytes=2000-2001", "bytes=2000-", "bytes=1024-"])
def test_a_range_past_the_end_is_416_with_the_size(daemon, full, wanted):
    answer = daemon.get(daemon.ticket(full, size=1024), wanted)

    assert (answer.status, answer.code) == (416, "out-of-range")
    assert answer.headers["Content-Range"] == "bytes */1024"


def test_a_range_past_a_short_file_is_416_with_what_is_there(daemon, full):
    answer = daemon.get(daemon.ticket(full, size=5000), "bytes=0-2000")

    assert answer.headers["Content-Range"] == "bytes */1024"


def test_an_empty_image_is_answered_with_no_bytes(daemon, image):
    answer = daemon.get(daemon.ticket(image))

    assert (answer.status, answer.headers["Content-Length"]) == (200, "0")


def test_the_files_name_travels_as_it_is(daemon, full):
    answer = daemon.get(daemon.ticket(full, filename="été.iso"))

    assert answer.headers["Content-Disposition"].encode("latin-1", "surrogateescape").decode() == "attachment; filename=été.iso"


def test_a_get_counts_what_it_sent(daemon, full):
    ticket = daemon.ticket(full, size=1024, ops=["read"])

    daemon.get(ticket, "bytes=0-99")
    daemon.get(ticket, "bytes=50-149")

    # The client may have it all before the server looks up.
    wait(lambda: daemon.control.ticket(ticket)["transferred"] == 150)


def test_a_file_that_becomes_shorter_while_it_is_read_breaks_the_answer_off(daemon, image):
    os.truncate(image.path, 64 << 20)
    connection = daemon.connect()
    connection.start("GET", f"/images/{daemon.ticket(image, size=64 << 20)}", [])
    response = connection.response()
    os.truncate(image.path, 0)

    received = 0
    with pytest.raises(Exception, match="the answer broke off"):
        while True:
            received += response.readinto(memoryview(bytearray(1 << 20)))

    assert received < 64 << 20
    connection.close()


# PATCH


def test_zero_makes_zeros(daemon, full):
    ticket = daemon.ticket(full, size=1024)

    assert daemon.patch(ticket, {"op": "zero", "offset": 10, "size": 20}).status == 200

    assert full.read(9, 31) == b"\x09" + bytes(20) + b"\x1e"
    assert daemon.durable(ticket) == []
    assert daemon.control.ticket(ticket)["transferred"] == 20


@pytest.mark.parametrize("sparse", [True, False])
def test_zero_extends_the_file_and_never_cuts_it(daemon, full, sparse):
    ticket = daemon.ticket(full, size=3000, sparse=sparse)

    daemon.patch(ticket, {"op": "zero", "offset": 2000, "size": 1000, "flush": True})
    daemon.patch(ticket, {"op": "zero", "size": 1})

    assert full.path.stat().st_size == 3000
    assert daemon.durable(ticket) == [[2000, 3000]]


def test_zero_punches_holes_only_where_the_ticket_is_sparse(daemon, image):
    size = 4 << 20
    for sparse, expected in ((True, 0), (False, size)):
        image.path.write_bytes(b"x" * size)
        assert daemon.patch(daemon.ticket(image, size=size, sparse=sparse), {"op": "zero", "size": size}).status == 200
        assert image.path.stat().st_blocks * 512 == expected
        assert image.read() == bytes(size)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"op": "other"},
        {"op": 1},
        {"op": "zero"},
        {"op": "zero", "size": 1.5},
        {"op": "zero", "size": "1"},
        {"op": "zero", "size": None},
        {"op": "zero", "size": True},
        {"op": "zero", "size": -1},
        {"op": "zero", "size": 1, "offset": -1},
        {"op": "zero", "size": 1, "offset": "0"},
        {"op": "zero", "size": 1, "flush": "yes"},
        [],
        "zero",
        None,
        3,
    ],
)
def test_a_patch_that_says_nothing_clear_is_400(daemon, image, value):
    answer = daemon.patch(daemon.ticket(image), value)

    assert (answer.status, answer.code) == (400, "bad-request")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 50_000])
def test_a_patch_that_is_no_json_is_400(daemon, image, body):
    assert daemon.send("PATCH", f"/images/{daemon.ticket(image)}", None, body).status == 400


def test_a_patch_with_a_huge_body_is_413(daemon, image):
    answer = daemon.send("PATCH", f"/images/{daemon.ticket(image)}", None, b" " * (JSON_LIMIT + 1))

    assert (answer.status, answer.code, answer.closes) == (413, "too-large", True)


def test_zero_past_the_end_is_416(daemon, image):
    answer = daemon.patch(daemon.ticket(image, size=1000), {"op": "zero", "offset": 990, "size": 11})

    assert answer.status == 416
    assert answer.headers["Content-Range"] == "bytes */1000"


@pytest.mark.parametrize("value", [{"op": "zero", "size": 1}, {"op": "flush"}])
def test_a_reader_may_not_patch(daemon, image, value):
    answer = daemon.patch(daemon.ticket(image, ops=["read"]), value)

    assert (answer.status, answer.code, answer.closes) == (403, "forbidden-op", True)


# Routes, methods, errors


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
