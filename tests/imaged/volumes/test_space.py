"""The space of a domain: what a volume needs, what is reserved, and what does not fit."""

import os
import resource
from concurrent.futures import ThreadPoolExecutor

import pytest

from imaged import errors as daemon_errors
from tests.imaged.volumes.made import MIB, NAME, available_is, make


def test_more_than_is_free_is_refused_with_both_numbers(volumes, domain, monkeypatch):
    available_is(monkeypatch, MIB - 1)

    with pytest.raises(daemon_errors.NoSpace) as refused:
        make(volumes, size=MIB)

    assert refused.value.details == {"available": MIB - 1, "needed": MIB}
    assert os.listdir(domain.path) == [".image-domain"]


def test_exactly_what_is_free_is_taken(volumes, monkeypatch):
    available_is(monkeypatch, MIB)

    assert make(volumes, size=MIB).size == MIB


def test_what_is_being_filled_is_reserved(volumes, domain, monkeypatch):
    available_is(monkeypatch, 10 * MIB)
    make(volumes, size=8 * MIB)

    space = volumes.space(domain)

    assert (space.free, space.reserved, space.available) == (10 * MIB, 8 * MIB, 2 * MIB)
    with pytest.raises(daemon_errors.NoSpace):
        make(volumes, name="second", size=3 * MIB)


def test_what_has_arrived_is_reserved_no_longer(volumes, domain, monkeypatch):
    volume = make(volumes, size=8 * MIB)
    with open(volume.path, "r+b") as file:
        file.write(os.urandom(5 * MIB))
        os.fsync(file.fileno())

    assert volumes.space(domain).reserved <= 3 * MIB


def test_a_disk_larger_than_the_domain_is_taken_when_little_of_it_will_be_filled(volumes, domain, monkeypatch):
    available_is(monkeypatch, 10 * MIB)

    volume, _ = volumes.create("iso", NAME, 200 << 30, "sparse", initial_size=4 * MIB)

    assert (volume.size, volume.allocated) == (200 << 30, 0)
    assert volumes.space(domain).reserved == 4 * MIB
    assert [volume.name for volume in volumes.all("iso")] == [NAME]


def test_what_will_be_filled_must_be_available(volumes, domain, monkeypatch):
    available_is(monkeypatch, MIB)

    with pytest.raises(daemon_errors.NoSpace):
        volumes.create("iso", NAME, 200 << 30, "sparse", initial_size=2 * MIB)

    assert os.listdir(domain.path) == [".image-domain"]


def test_a_preallocated_volume_needs_all_of_its_space(volumes, monkeypatch):
    available_is(monkeypatch, MIB)

    with pytest.raises(daemon_errors.NoSpace):
        volumes.create("iso", NAME, 2 * MIB, "preallocated", initial_size=0)


@pytest.mark.parametrize("initial_size", [-1, MIB + 1])
def test_no_more_can_be_filled_than_there_is(volumes, initial_size):
    with pytest.raises(daemon_errors.BadRequest, match="initial_size"):
        volumes.create("iso", NAME, MIB, "sparse", initial_size=initial_size)


@pytest.mark.parametrize("act", ["complete", "delete"])
def test_what_was_expected_is_forgotten_in_the_end(volumes, domain, act):
    volumes.create("iso", NAME, MIB, "sparse", initial_size=10)

    getattr(volumes, act)("iso", NAME)

    assert [name for name in os.listdir(domain.path) if "expected" in name] == []


def test_domains_on_one_file_system_share_its_space(volumes, domains, root, domain, monkeypatch):
    other, _ = domains.add("data", "Disks", str(root / "data"))
    available_is(monkeypatch, 10 * MIB)
    make(volumes, size=8 * MIB)

    assert volumes.space(other).available == 2 * MIB


def test_of_two_that_come_at_once_only_what_fits_is_made(volumes, monkeypatch):
    available_is(monkeypatch, 10 * MIB)

    def create(number):
        try:
            make(volumes, name=f"volume-{number}", size=4 * MIB)
            return True
        except daemon_errors.NoSpace:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(16))) == 2


def test_a_disk_that_fills_up_while_allocating_leaves_nothing(volumes, domain, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)

    with pytest.raises(daemon_errors.NoSpace):
        make(volumes, allocation="preallocated")

    assert os.listdir(domain.path) == [".image-domain"]


def test_a_file_that_the_system_does_not_take_so_large_is_refused(volumes, domain):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, hard))  # Python ignores SIGXFSZ: the call fails with EFBIG
    try:
        with pytest.raises(daemon_errors.NoSpace, match="does not take files of"):
            make(volumes, size=2 * MIB)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert os.listdir(domain.path) == [".image-domain"]
