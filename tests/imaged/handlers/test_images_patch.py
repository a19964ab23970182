"""/images, PATCH: zeros and flushes."""

import pytest

JSON_LIMIT = 64 << 10


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
