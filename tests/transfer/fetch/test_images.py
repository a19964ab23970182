"""Images that are fetched: whole, with holes, packed, and never longer, shorter or another than they should be."""

import gzip
import hashlib

import pytest

from appliance import errors
from appliance.transfer import fetch, sources
from tests.transfer.fetch.fetched import DATA, MIB, PACK, Volume, fetching, packed_fetching
from tests.transfer.sources import web_server


def test_an_image_arrives_and_is_durable(server, volume):
    result = fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA
    assert volume.durable == [[0, len(DATA)]]
    assert (result.size, result.sha256, result.validator) == (len(DATA), hashlib.sha256(DATA).hexdigest(), '"one"')


def test_zeros_are_holes(server, volume):
    fetching(server, volume).run()

    assert volume.path.stat().st_blocks * 512 <= len(DATA) - 3 * MIB + 128 * 1024


def test_zeros_replace_what_was_there(server, volume):
    volume.path.write_bytes(b"x" * len(DATA))

    fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA


@pytest.mark.parametrize("kind", PACK)
def test_a_packed_image_is_unpacked(server, volume, kind):
    result = packed_fetching(server, volume, kind, digests=("md5", "sha512")).run()

    assert volume.path.read_bytes() == DATA
    assert result.size == len(DATA)
    assert result.sha256 == hashlib.sha256(server.files["/disk.img"].data).hexdigest()
    assert result.digests == {"md5": hashlib.md5(DATA).hexdigest(), "sha512": hashlib.sha512(DATA).hexdigest()}


def test_an_empty_file_is_no_image(server, daemon):
    server.files["/disk.img"].data = b""

    with pytest.raises(errors.SourceEmpty):
        fetching(server, Volume(daemon, 0), total=0).run()


def test_a_file_is_fetched_from_the_folder(volume, tmp_path):
    (tmp_path / "disk.img").write_bytes(DATA)
    source = sources.open(f"file://{tmp_path}/disk.img", sources.guard.Policy(schemes=("file",), folder=tmp_path))

    fetch.Fetch(source, volume.images, volume.ticket, host="host-1", limit=volume.size).run()

    assert volume.path.read_bytes() == DATA


def test_a_page_is_not_written(server, volume):
    server.files["/disk.img"] = web_server.File(b"<!doctype html>" + DATA)

    with pytest.raises(errors.NotAnImage):
        fetching(server, volume, total=None).run()
    assert volume.durable == []


def test_more_than_the_volume_takes_is_refused_before_it_is_written(server, volume):
    server.files["/disk.img"].data = DATA + b"x"

    with pytest.raises(errors.SourceLong):
        fetching(server, volume, total=None).run()
    assert volume.durable == []


def test_more_than_the_volume_takes_is_refused_though_nobody_announced_it(server, volume):
    server.files["/disk.img"] = web_server.File(DATA + b"x", headers={"Content-Length": None, "Connection": "close"})

    with pytest.raises(errors.SourceLong):
        fetching(server, volume, total=None).run()


def test_a_source_that_ends_without_a_length_before_it_should_is_told(server, volume):
    server.files["/disk.img"] = web_server.File(DATA[:-1], headers={"Content-Length": None}, ranges=False)

    with pytest.raises(errors.SourceShort):
        fetching(server, volume).run()


def test_a_wrong_checksum_is_told(server, volume):
    with pytest.raises(errors.WrongChecksum, match="0000"):
        fetching(server, volume, sha256="0" * 64).run()


@pytest.mark.parametrize("kind", [None, "gzip"])
def test_a_right_checksum_is_of_the_file_at_its_source(server, volume, kind):
    coming = packed_fetching if kind else fetching
    data = gzip.compress(DATA, 1, mtime=0) if kind else DATA

    assert coming(server, volume, sha256=hashlib.sha256(data).hexdigest()).run().size == len(DATA)


def test_a_bomb_ends_where_the_volume_does(server, volume):
    data = gzip.compress(bytes(40 * MIB))
    server.files["/disk.img"] = web_server.File(data)

    with pytest.raises(errors.ArchiveTooLarge):
        fetching(server, volume, packed="gzip", total=len(data)).run()
    assert volume.path.stat().st_size == len(DATA)


def test_a_packed_file_that_is_not_whole_is_told(server, volume):
    data = gzip.compress(DATA, 1, mtime=0)[:-100]
    server.files["/disk.img"] = web_server.File(data)

    with pytest.raises(errors.ArchiveTruncated):
        fetching(server, volume, packed="gzip", total=len(data)).run()
