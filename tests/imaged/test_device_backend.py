"""Images on block devices: on a loop device where this machine lets us make one, and in each case on a file opened past the cache."""

import contextlib
import fcntl
import itertools
import os
import random
import subprocess

import pytest

from imaged import backends, errors
from imaged.backends import device, kept, policy
from imaged.backends.extents import merged
from tests.imaged.conftest import at_once

MIB = 1 << 20
SIZE = 8 * MIB


def losetup(*words: str) -> str:
    return subprocess.run(["losetup", *words], check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def loop_device(path):
    name = losetup("--find", "--show", str(path))
    try:
        yield name
    finally:
        losetup("--detach", name)


def loops_can_be_made() -> bool:
    try:
        return bool(losetup("--find")) and os.access("/dev/loop-control", os.W_OK)
    except (OSError, subprocess.CalledProcessError):
        return False


KINDS = ["file", "loop"] if loops_can_be_made() else ["file"]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "store"
    path.write_bytes(b"x" * SIZE)
    return path


@pytest.fixture(params=KINDS)
def opened(request, path):
    """Opens a backend on the same store; the store's bytes."""
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(loop_device(path)) if request.param == "loop" else str(path)

        def open_one():
            if request.param == "loop":
                return stack.enter_context(device.Place(policy.Path(name)).open(write=True))
            return stack.enter_context(device.Device(kept.Opened(os.open(name, os.O_RDWR))))

        open_one.name = name
        yield open_one


def contents(backend) -> bytes:
    data, view = bytearray(SIZE), memoryview(bytearray(MIB))
    done = 0
    while count := backend.readinto(view, done):
        data[done : done + count] = view[:count]
        done += count
    assert done == SIZE
    return bytes(data)


def test_its_size_is_the_devices(opened):
    assert opened().size() == SIZE


def test_it_goes_past_the_cache(opened):
    backend = opened()

    assert fcntl.fcntl(backend.past_cache._descriptor, fcntl.F_GETFL) & os.O_DIRECT


@pytest.mark.parametrize(
    ("offset", "count"), [(0, MIB), (4096, 8192), (5, 10), (4090, 12), (1, 3 * MIB), (8192, 5000), (SIZE - 5, 5), (SIZE - 4096, 4096)]
)
def test_a_write_changes_exactly_its_bytes(opened, path, offset, count):
    data = os.urandom(count)
    backend = opened()
    backend.write(memoryview(data), offset)
    backend.flush()

    expected = b"x" * offset + data + b"x" * (SIZE - offset - count)
    assert contents(backend) == expected
    assert path.read_bytes() == expected


@pytest.mark.parametrize("punch", [True, False])
@pytest.mark.parametrize(("offset", "count"), [(0, SIZE), (5, 10), (4090, 12), (4096, MIB), (7, 3 * MIB), (SIZE - 5, 5), (100, 0)])
def test_zeros_are_exactly_where_they_belong(opened, path, offset, count, punch):
    backend = opened()
    backend.zero(offset, count, punch)
    backend.flush()

    assert path.read_bytes() == b"x" * offset + bytes(count) + b"x" * (SIZE - offset - count)


def test_a_read_past_the_end_gives_nothing(opened):
    view = memoryview(bytearray(8192))

    assert opened().readinto(view, SIZE) == 0
    assert opened().readinto(view, SIZE - 100) == 100


def test_a_device_never_grows(opened):
    backend = opened()
    with pytest.raises(errors.NoSpace):
        backend.zero(SIZE - 5, 10, False)


def test_what_is_full_is_all_data(opened):
    found = [(e.start, e.end, e.about["zero"]) for e in merged(opened().extents("zero", 10, SIZE))]

    assert found == [(10, SIZE, False)]


def test_a_store_without_a_direct_way_goes_through_the_cache(path, monkeypatch):
    real = os.open

    def refuse(name, flags, *rest, **options):
        if flags & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return real(name, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    with device.Device(kept.Opened(real(path, os.O_RDWR))) as backend:
        assert backend.past_cache is None
        backend.write(memoryview(b"y" * 10000), 4000)
        assert contents(backend) == b"x" * 4000 + b"y" * 10000 + b"x" * (SIZE - 14000)


def test_parallel_writers_of_unaligned_ranges_do_not_disturb_each_other(opened, path):
    data = os.urandom(SIZE)
    cuts = [0, *sorted(random.Random(1).sample(range(1, SIZE), 400)), SIZE]
    pieces = list(itertools.pairwise(cuts))

    def work(first):
        backend = opened()
        for start, end in pieces[first::8]:
            backend.write(memoryview(data)[start:end], start)
        backend.flush()

    at_once(work, range(8))

    assert contents(opened()) == data
    assert path.read_bytes() == data


# Policy


def test_a_device_that_is_not_allowed_is_refused(tmp_path):
    for url in ("file:///dev/null", "file:///dev/zero", "file:///dev/loop0", "file:///dev/loop-control"):
        with pytest.raises(errors.ForbiddenPath):
            backends.locate(url, policy.Policy([tmp_path]))


def test_a_character_device_is_refused_even_where_devices_are_allowed(tmp_path):

    with pytest.raises(errors.ForbiddenPath):
        backends.locate("file:///dev/null", policy.Policy.parse([tmp_path], ["file:///dev"]))


def test_a_device_whose_place_a_file_took_is_not_opened(path):
    with pytest.raises(errors.ForbiddenPath):
        device.Place(path).open(write=False)


def test_a_device_that_is_gone_is_a_clear_error(tmp_path):
    with pytest.raises(errors.NoFile, match="No such file"):
        device.Place(tmp_path / "gone").open(write=True)
