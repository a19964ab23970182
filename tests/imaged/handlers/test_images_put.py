"""/images, PUT: bytes arrive at their place, and are durable."""

import os

import pytest

from tests.imaged.conftest import ask, at_once, full_disk, raw
from tests.imaged.handlers.conftest import digest


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

    at_once(work, range(4))

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


def test_a_full_disk_is_507_and_what_is_not_written_is_not_durable(daemon, image):
    ticket = daemon.ticket(image)

    with full_disk():
        answer = daemon.put(ticket, b"abc")

    assert (answer.status, answer.code) == (507, "no-space")
    assert daemon.durable(ticket) == []


def test_an_offset_that_no_file_has_is_507(daemon, image):
    ticket = daemon.ticket(image, size=1 << 64)

    answer = daemon.put(ticket, b"abc", {"Content-Range": f"bytes {(1 << 63) - 1}-{(1 << 63) + 1}/*"})

    assert (answer.status, answer.code) == (507, "no-space")
