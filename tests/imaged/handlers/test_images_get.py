"""/images, GET: the image, or the range of it that was asked for."""

import os

import pytest

from tests.imaged.conftest import wait


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
