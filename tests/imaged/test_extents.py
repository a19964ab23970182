"""/images/TICKET/extents: what is data, what is a hole, what is durable."""

import json
import os

import pytest

from imaged import errors
from imaged.backends.extents import DATA, HOLE, Extent, clipped, merged
from imaged.backends.file import File
from imaged.handlers import extents
from tests.imaged.conftest import wait

MIB = 1 << 20


def ask(daemon, ticket, query=""):
    answer = daemon.send("GET", f"/images/{ticket}/extents{query}")
    assert answer.status == 200, answer.text
    return json.loads(answer.body)


def zero(start, length, hole):
    return {"start": start, "length": length, "zero": hole, "hole": hole}


@pytest.fixture
def holes(daemon, image):
    """A MiB of data at 1 MiB and at 3 MiB, and holes around them: 5 MiB in all."""
    os.truncate(image.path, 5 * MIB)
    with open(image.path, "r+b") as file:
        for start in (1, 3):
            file.seek(start * MIB)
            file.write(b"x" * MIB)
    return daemon.ticket(image, size=5 * MIB, ops=["read"])


def test_the_map_covers_the_image_without_gaps(daemon, holes):
    assert ask(daemon, holes) == [zero(n * MIB, MIB, n % 2 == 0) for n in range(5)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            f"?offset={MIB + 10}",
            [zero(MIB + 10, MIB - 10, False), zero(2 * MIB, MIB, True), zero(3 * MIB, MIB, False), zero(4 * MIB, MIB, True)],
        ),
        (f"?offset=5&length={MIB}", [zero(5, MIB - 5, True), zero(MIB, 5, False)]),
        (f"?offset={4 * MIB}&length={1 << 63}", [zero(4 * MIB, MIB, True)]),
        ("?length=0", []),
        (f"?context=zero&offset={5 * MIB}", []),
    ],
)
def test_a_part_of_the_map_is_clipped_to_what_was_asked(daemon, holes, query, expected):
    assert ask(daemon, holes, query) == expected


def test_a_part_that_begins_past_the_end_is_416(daemon, holes):
    answer = daemon.send("GET", f"/images/{holes}/extents?offset={5 * MIB + 1}")

    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{5 * MIB}")


@pytest.mark.parametrize(
    "query", ["?offset=-1", "?length=-1", "?offset=x", "?length=1.5", "?offset=", "?context=", "?context=Zero", f"?offset={10**20}"]
)
def test_a_question_that_makes_no_sense_is_400(daemon, holes, query):
    assert daemon.send("GET", f"/images/{holes}/extents{query}").status == 400


def test_a_short_map_has_a_length_and_a_long_one_is_streamed(daemon, holes, monkeypatch):
    short = daemon.send("GET", f"/images/{holes}/extents")
    monkeypatch.setattr(extents, "BATCH", 2)
    long = daemon.send("GET", f"/images/{holes}/extents")

    assert int(short.headers["Content-Length"]) == len(short.body)
    assert long.headers["Transfer-Encoding"] == "chunked"
    assert long.body == short.body


@pytest.mark.parametrize("batch", [1, 5])
def test_a_map_of_exactly_some_batches_ends_well(daemon, holes, monkeypatch, batch):
    monkeypatch.setattr(extents, "BATCH", batch)

    assert len(ask(daemon, holes)) == 5


def test_a_streamed_map_that_fails_on_its_way_is_visibly_cut(daemon, holes, monkeypatch):
    def failing(self, context, start, end):
        yield from (Extent(n, n + 1, DATA if n % 2 else HOLE) for n in range(10))
        raise errors.Internal()

    monkeypatch.setattr(extents, "BATCH", 2)
    monkeypatch.setattr(File, "extents", failing)

    with pytest.raises(Exception, match="the answer broke off"):
        daemon.send("GET", f"/images/{holes}/extents")


def test_a_streamed_map_ends_with_its_ticket(daemon, holes, monkeypatch):
    def revoking(self, context, start, end):
        yield from (Extent(n, n + 1, DATA if n % 2 else HOLE) for n in range(4))
        daemon.control.delete_ticket(holes)
        yield from (Extent(n, n + 1, DATA if n % 2 else HOLE) for n in range(4, 100))

    monkeypatch.setattr(extents, "BATCH", 2)
    monkeypatch.setattr(File, "extents", revoking)

    with pytest.raises(Exception, match="the answer broke off"):
        daemon.send("GET", f"/images/{holes}/extents")


def test_a_map_of_a_file_system_that_knows_no_holes_is_all_data(daemon, holes, monkeypatch):
    def unknown(*_):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "lseek", unknown)

    assert ask(daemon, holes) == [zero(0, 5 * MIB, False)]


def test_an_image_without_bytes_has_no_extents(daemon, image):
    assert ask(daemon, daemon.ticket(image)) == []


def test_a_ticket_that_is_smaller_than_the_file_shows_only_its_part(daemon, image):
    os.truncate(image.path, MIB)

    assert ask(daemon, daemon.ticket(image, size=1000)) == [zero(0, 1000, True)]


def test_what_is_durable_is_told_to_who_writes(daemon, image):
    os.truncate(image.path, 100)
    ticket = daemon.ticket(image, size=100)
    daemon.put(ticket, b"abc", {"Content-Range": "bytes 10-12/*"})
    daemon.put(ticket, b"abc", {"Content-Range": "bytes 50-52/*"}, query="?flush=n")

    found = ask(daemon, ticket, "?context=durable")

    assert found == [
        {"start": 0, "length": 10, "durable": False},
        {"start": 10, "length": 3, "durable": True},
        {"start": 13, "length": 87, "durable": False},
    ]
    assert ask(daemon, ticket, "?context=durable&offset=11&length=1") == [{"start": 11, "length": 1, "durable": True}]


@pytest.mark.parametrize("dirty", [True, False])
def test_a_file_has_no_dirty_extents(daemon, image, dirty):
    answer = daemon.send("GET", f"/images/{daemon.ticket(image, dirty=dirty)}/extents?context=dirty")

    assert (answer.status, answer.code) == (404, "not-found")


def test_a_map_is_no_activity(daemon, image):
    ticket = daemon.ticket(image, timeout=100)
    daemon.clock.now += 60
    ask(daemon, ticket)
    daemon.clock.now += 60

    assert daemon.get(ticket).code == "ticket-expired"


def test_a_map_needs_a_ticket(daemon):
    answer = daemon.send("GET", "/images/none/extents")

    assert (answer.status, answer.code, answer.closes) == (403, "no-ticket", True)
    assert daemon.send("GET", "/images//extents").status == 400


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST", "DELETE", "HEAD", "OPTIONS"])
def test_a_map_can_only_be_read(daemon, holes, method):
    assert daemon.send(method, f"/images/{holes}/extents", None, b"").status == 405


def test_a_map_leaves_no_file_open(daemon, holes):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        ask(daemon, holes)

    wait(lambda: len(os.listdir("/proc/self/fd")) <= before + 2)


def test_neighbours_of_the_same_kind_are_one():
    parts = [Extent(0, 5, DATA), Extent(5, 5, HOLE), Extent(5, 9, DATA), Extent(9, 10, HOLE)]

    assert list(merged(parts)) == [Extent(0, 9, DATA), Extent(9, 10, HOLE)]
    assert list(merged([])) == []


def test_what_lies_outside_is_cut_off():
    parts = [Extent(0, 5, DATA), Extent(5, 10, HOLE), Extent(10, 20, DATA)]

    assert list(clipped(parts, 7, 11)) == [Extent(7, 10, HOLE), Extent(10, 11, DATA)]
    assert list(clipped(parts, 5, 5)) == []
