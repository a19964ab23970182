"""A benchmark that writes garbage is worthless: what did not arrive whole is noticed."""

import pytest

from bench import images

MIB = 1 << 20


@pytest.fixture
def source(tmp_path):
    return images.full(tmp_path / "source", 2 * MIB)


def test_pieces_in_order_are_the_whole(source, tmp_path):
    data = source.read_bytes()
    (tmp_path / "one").write_bytes(data[:70000])
    (tmp_path / "two").write_bytes(data[70000:])

    images.check(source, [tmp_path / "one", tmp_path / "two"])


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[:MIB] + bytes([data[MIB] ^ 1]) + data[MIB + 1 :],
        lambda data: b"",
    ],
    ids=["short", "long", "one bit", "empty"],
)
def test_what_is_not_whole_is_noticed(source, tmp_path, spoiled):
    (tmp_path / "copy").write_bytes(spoiled(source.read_bytes()))

    with pytest.raises(AssertionError):
        images.check(source, [tmp_path / "copy"])


def test_a_sparse_disk_has_a_twentieth_of_data(tmp_path):
    size = 640 * MIB
    disk = images.sparse(tmp_path / "disk", size)

    assert disk.stat().st_size == size
    assert disk.stat().st_blocks * 512 == pytest.approx(size / 20, rel=0.01)
