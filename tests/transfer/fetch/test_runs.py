"""Another run: it goes on from what is durable, where the source can be believed to be the same."""

import hashlib

import pytest

from appliance import errors
from appliance.transfer import fetch
from tests.transfer.fetch.fetched import DATA, MIB, fetching, packed_fetching
from tests.transfer.sources import web_server


def first_run(coming: fetch.Fetch, server, volume) -> None:
    """Ends after 6 MiB of the source; another run has another ticket."""
    server.scripts = [web_server.cut(6 * MIB), web_server.status(404)]
    with pytest.raises(errors.SourceMissing):
        coming.run()
    server.requests.clear()
    volume.again()


def test_another_run_goes_on_from_what_is_durable(server, volume):
    first_run(fetching(server, volume), server, volume)
    assert volume.durable == [[0, 6 * MIB]]

    result = fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA
    assert server.asked("Range") == [f"bytes={6 * MIB}-"]
    assert result.sha256 is None, "of the whole nothing is known here"


def test_another_run_reads_the_beginning_from_the_host_if_digests_are_wanted(server, volume):
    first_run(fetching(server, volume), server, volume)

    result = fetching(server, volume, sha256=hashlib.sha256(DATA).hexdigest(), digests=("md5",)).run()

    assert server.asked("Range") == [f"bytes={6 * MIB}-"]
    assert result.digests == {"md5": hashlib.md5(DATA).hexdigest()}


def test_another_run_from_a_source_without_parts_begins_anew(server, volume):
    first_run(fetching(server, volume), server, volume)
    server.files["/disk.img"].ranges = False
    volume.path.write_bytes(bytes(len(DATA)))

    result = fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA, "all of it was written again"
    assert result.sha256 == hashlib.sha256(DATA).hexdigest()


def test_another_run_without_a_validator_believes_nothing(server, volume):
    server.files["/disk.img"].etag = None
    first_run(fetching(server, volume, validator=None), server, volume)
    volume.path.write_bytes(bytes(len(DATA)))

    fetching(server, volume, validator=None).run()

    assert volume.path.read_bytes() == DATA
    assert server.asked("Range") == [None]


def test_another_run_of_a_packed_file_does_not_write_again_what_is_durable(server, volume):
    first_run(packed_fetching(server, volume), server, volume)
    ((start, end),) = volume.durable
    assert start == 0 and end > 5 * MIB
    mark = b"as it was" + bytes(4096)
    with volume.path.open("r+b") as stream:
        stream.write(mark)

    packed_fetching(server, volume).run()

    assert volume.path.read_bytes() == mark + DATA[len(mark) :]
    assert volume.durable == [[0, len(DATA)]]
    assert server.asked("Range") == [None]


def test_another_run_asks_for_nothing_if_all_is_there(server, volume):
    fetching(server, volume).run()
    server.requests.clear()
    volume.again()

    assert fetching(server, volume).run().size == len(DATA)
    assert not server.requests


def test_a_gap_is_filled(server, volume):
    with volume.images.connection() as connection:
        about = [("Content-Length", "10"), ("Content-Range", f"bytes {7 * MIB}-{7 * MIB + 9}/*")]
        connection.start("PUT", f"/images/{volume.ticket}", about, bytes(10))
        connection.response().read()

    fetching(server, volume).run()

    assert volume.path.read_bytes() == DATA
    assert volume.durable == [[0, len(DATA)]]
