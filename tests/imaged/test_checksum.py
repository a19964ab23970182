"""/images/TICKET/checksum: the value of the contract, made in the plainest way beside it."""

import hashlib
import json
import os

import pytest

from imaged.backends.file import File
from imaged.handlers.checksum import ALGORITHMS
from tests.imaged.conftest import wait

MIB = 1 << 20


def plain(data: bytes, algorithm: str = "blake2b", block: int = 4 * MIB) -> str:
    size = {"digest_size": 32} if algorithm.startswith("blake2") else {}
    whole = hashlib.new(algorithm, **size)
    for start in range(0, len(data), block):
        whole.update(hashlib.new(algorithm, data[start : start + block], **size).digest())
    return whole.hexdigest()


@pytest.fixture(scope="module")
def image(daemon):
    """9 MiB and a bit: data, a hole of more than a block, zeros that are written, an end of its own."""
    image = daemon.image(0)
    image.path.write_bytes(os.urandom(MIB + 5) + bytes(MIB))
    os.truncate(image.path, 8 * MIB)
    with open(image.path, "ab") as file:
        file.write(os.urandom(MIB + 17))
    return image


def ask(daemon, ticket, query=""):
    answer = daemon.send("GET", f"/images/{ticket}/checksum{query}")
    assert answer.status == 200, answer.text
    return json.loads(answer.body)


@pytest.fixture
def ticket(daemon, image):
    return daemon.ticket(image, size=image.path.stat().st_size, ops=["read"])


def test_the_checksum_is_that_of_the_blocks_checksums(daemon, image, ticket):
    assert ask(daemon, ticket) == {"algorithm": "blake2b", "block_size": 4 * MIB, "checksum": plain(image.read())}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_that_is_offered_works(daemon, image, ticket, algorithm):
    assert ask(daemon, ticket, f"?algorithm={algorithm}&block_size={MIB}")["checksum"] == plain(image.read(), algorithm, MIB)


@pytest.mark.parametrize("block", [MIB, MIB + 4096, 3 * MIB, 16 * MIB])
def test_blocks_may_have_any_allowed_size(daemon, image, ticket, block):
    assert ask(daemon, ticket, f"?block_size={block}")["checksum"] == plain(image.read(), block=block)


def test_holes_are_not_read(daemon, monkeypatch):
    image = daemon.image(64 * MIB)
    ticket = daemon.ticket(image, size=64 * MIB)
    monkeypatch.setattr(File, "readinto", None)

    assert ask(daemon, ticket)["checksum"] == plain(bytes(64 * MIB))


def test_an_empty_image_has_a_checksum_too(daemon):
    assert ask(daemon, daemon.ticket(daemon.image(0)))["checksum"] == plain(b"")


def test_only_the_tickets_part_is_summed(daemon, image):
    assert ask(daemon, daemon.ticket(image, size=1000))["checksum"] == plain(image.read(0, 1000))


@pytest.mark.parametrize("value", ["0", "-1", "x", "", "1.5", str(MIB - 4096), str(MIB + 1), str(16 * MIB + 4096)])
def test_a_block_size_that_is_not_allowed_is_400(daemon, ticket, value):
    answer = daemon.send("GET", f"/images/{ticket}/checksum?block_size={value}")

    assert (answer.status, answer.code) == (400, "bad-request")
    assert "block_size" in answer.text


@pytest.mark.parametrize("name", ["", "none", "shake_128", "BLAKE2B", "md4", "../md5"])
def test_an_algorithm_that_is_not_offered_is_400(daemon, ticket, name):
    assert daemon.send("GET", f"/images/{ticket}/checksum?algorithm={name}").status == 400


def test_the_algorithms_are_told_without_a_ticket(daemon):
    for path in ("/images/any/checksum/algorithms", "/images//checksum/algorithms"):
        assert json.loads(daemon.send("GET", path).body) == {"algorithms": ALGORITHMS}
    assert {"blake2b", "md5", "sha256"} <= set(ALGORITHMS)


def test_a_checksum_needs_a_ticket(daemon):
    assert daemon.send("GET", "/images/none/checksum").code == "no-ticket"
    assert daemon.send("GET", "/images//checksum").status == 400


def test_a_checksum_counts_as_transferred(daemon, image, ticket):
    ask(daemon, ticket)

    assert daemon.control.ticket(ticket)["transferred"] == image.path.stat().st_size


def test_a_file_that_becomes_shorter_is_an_error(daemon, ticket, monkeypatch):
    monkeypatch.setattr(File, "readinto", lambda *_: 0)

    assert daemon.send("GET", f"/images/{ticket}/checksum").status == 500


def test_revoking_ends_a_checksum(daemon, ticket, monkeypatch):
    monkeypatch.setattr(File, "readinto", lambda self, view, offset: wait(lambda: daemon.tickets.get(ticket).canceled) or 1)
    connection = daemon.connect()
    connection.start("GET", f"/images/{ticket}/checksum", [])
    wait(lambda: daemon.control.ticket(ticket)["active"])

    daemon.control.delete_ticket(ticket)

    assert daemon.command("GET", f"/tickets/{ticket}").status == 404
    connection.close()
