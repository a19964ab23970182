"""A real web server as source: nginx, with its ranges, its validators and its redirects."""

import hashlib
import random
import uuid

import pytest

from appliance import errors
from appliance.transfer import fetch, sources
from appliance.transfer.sources import checksums, guard
from imaged import client
from tests.transfer.sources import web_server
from tests.transfer.sources.nginx import serving

DATA = random.Random(3).randbytes(5 << 20)


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    """Its address; it serves DATA as /disk.img."""
    directory = tmp_path_factory.mktemp("nginx")
    files = directory / "files"
    files.mkdir()
    (files / "disk.img").write_bytes(DATA)
    (files / "SHA256SUMS").write_text(f"{hashlib.sha256(DATA).hexdigest()}  disk.img\n")
    with serving(directory, files) as address:
        yield address


@pytest.fixture
def policy():
    return guard.Policy(ports=(range(1, 65536),), networks=web_server.LOOPBACK)


def test_a_look_at_nginx(nginx, policy):
    facts = sources.open(f"{nginx}/latest", policy).look()

    assert (facts.name, facts.size, facts.head) == ("disk.img", len(DATA), DATA[: 1 << 20])
    assert facts.resumable and facts.validator.startswith('"')


def test_nginx_goes_on_where_it_was_while_the_file_is_the_same(nginx, policy):
    source = sources.open(f"{nginx}/disk.img", policy)
    validator = source.look().validator

    with source.reading(5_000_000, validator) as stream:
        assert stream.start == 5_000_000
        assert sources.beginning(stream, len(DATA)) == DATA[5_000_000:]
    with pytest.raises(errors.SourceChanged), source.reading(5_000_000, '"another"'):
        pass


def test_nginx_without_ranges_starts_at_zero(nginx, policy):
    source = sources.open(f"{nginx}/plain/disk.img", policy)
    facts = source.look()

    assert not facts.resumable
    with source.reading(1000, facts.validator) as stream:
        assert (stream.start, stream.total) == (0, len(DATA))


def test_a_file_that_nginx_does_not_have_is_told(nginx, policy):
    with pytest.raises(errors.SourceMissing):
        sources.open(f"{nginx}/none.img", policy).look()


def test_an_image_comes_from_nginx_with_the_checksum_beside_it(nginx, policy, daemon):
    running, root = daemon
    path, ticket = root / f"{uuid.uuid4()}.img", str(uuid.uuid4())
    path.touch()
    about = {"uuid": ticket, "size": len(DATA), "ops": ["write"], "timeout": 300, "url": f"file://{path}"}
    client.Control(running.control).put_ticket(about)
    source = sources.open(f"{nginx}/disk.img", policy)
    facts, expected = source.look(), checksums.beside(source)

    fetching = fetch.Fetch(
        source,
        client.Images(running.images),
        ticket,
        host="h",
        limit=len(DATA),
        validator=facts.validator,
        total=facts.size,
        sha256=expected,
    )

    assert fetching.run().sha256 == hashlib.sha256(DATA).hexdigest()
    assert path.read_bytes() == DATA
