"""Digests of parts of a volume."""

import hashlib
import os

import pytest

from imaged import errors as daemon_errors
from imaged.volumes.digests import MAX_DIGEST_BYTES
from tests.imaged.volumes.made import MIB, NAME, make


def test_digests_are_of_the_ranges(volumes):
    data = os.urandom(3 * MIB)
    with open(make(volumes, size=len(data)).path, "r+b") as file:
        file.write(data)

    found = volumes.digests("iso", NAME, [(0, len(data)), (1, 2 * MIB), (5, 5)])

    assert found == [hashlib.sha256(part).hexdigest() for part in (data, data[1 : 2 * MIB], b"")]


@pytest.mark.parametrize("ranges", [[(-1, 1)], [(2, 1)]])
def test_digests_of_nonsense_are_refused(volumes, ranges):
    make(volumes)

    with pytest.raises(daemon_errors.BadRequest):
        volumes.digests("iso", NAME, ranges)


def test_digests_past_the_end_are_refused(volumes):
    make(volumes)

    with pytest.raises(daemon_errors.OutOfRange):
        volumes.digests("iso", NAME, [(0, MIB + 1)])


@pytest.mark.parametrize("ranges", [[(0, 1)] * 65, [(0, MAX_DIGEST_BYTES), (0, 1)]])
def test_too_much_to_digest_is_refused(volumes, ranges):
    make(volumes, size=128 * MIB)

    with pytest.raises(daemon_errors.TooLarge):
        volumes.digests("iso", NAME, ranges)
