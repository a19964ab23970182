"""/images, PUT with Content-Digest: what is not as it was sent counts for nothing."""

import base64

import pytest

from tests.imaged.handlers.conftest import digest


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
