"""Images in plain files, below HTTP."""

import contextlib
import errno
import os

import pytest

from imaged import errors
from imaged.backends import file


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(b"abcdefgh")
    return path


@pytest.fixture
def backend(path, tmp_path):
    with file.locate(f"file://{path}", [tmp_path]).open(write=True) as backend:
        yield backend


def test_a_write_changes_exactly_its_bytes(backend, path):
    backend.write(memoryview(b"XY"), 3)

    assert path.read_bytes() == b"abcXYfgh"


def test_a_read_gives_what_is_there_and_nothing_past_the_end(backend):
    buffer = memoryview(bytearray(5))

    assert backend.readinto(buffer, 5) == 3
    assert bytes(buffer[:3]) == b"fgh"
    assert backend.readinto(buffer, 8) == 0


def test_a_write_that_the_system_takes_in_parts_is_completed(backend, path, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, view, offset: real(descriptor, view[:3], offset))

    backend.write(memoryview(b"0123456789"), 0)

    assert path.read_bytes() == b"0123456789"


@pytest.mark.parametrize("punch", [True, False])
@pytest.mark.parametrize("supported", [True, False])
def test_zeros_are_written_where_the_file_system_has_no_shortcut(backend, path, monkeypatch, punch, supported):
    if not supported:
        monkeypatch.setattr(backend, "_fallocate", lambda *_: False)

    backend.zero(2, 10, punch)
    backend.zero(0, 0, punch)

    assert path.read_bytes() == b"ab" + bytes(10)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_storage_that_is_full_is_no_space(backend, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, "full")

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(errors.NoSpace):
        backend.write(memoryview(b"x"), 0)


def test_storage_that_fails_is_internal_with_the_reason_in_the_log_alone(backend, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", refuse)
    with pytest.raises(errors.Internal) as failure:
        backend.flush()

    assert "Input/output" not in failure.value.message
    assert "Input/output" in caplog.text


def test_a_directory_on_the_way_that_became_a_link_is_not_followed(tmp_path):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    (root / "inner").mkdir(parents=True)
    elsewhere.mkdir()
    (root / "inner" / "image").touch()
    (elsewhere / "image").touch()
    place = file.locate(f"file://{root}/inner/image", [root])
    (root / "inner").rename(root / "moved")
    (root / "inner").symlink_to(elsewhere)

    with pytest.raises(errors.ForbiddenPath):
        place.open(write=True)


def test_a_root_that_is_reached_through_a_link_is_fine(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "image").touch()
    (tmp_path / "root").symlink_to(tmp_path / "real")

    with file.locate(f"file://{tmp_path}/root/image", [tmp_path / "root"]).open(write=False) as backend:
        assert backend.size() == 0


def test_a_file_that_may_not_be_opened_says_so(path, tmp_path, monkeypatch):
    place = file.locate(f"file://{path}", [tmp_path])
    real = os.open

    def refuse(name, *rest, **options):
        if name == "image":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(name, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(errors.NoFile, match="Permission denied"):
        place.open(write=True)


@pytest.fixture
def place(path, tmp_path):
    place = file.locate(f"file://{path}", [tmp_path])
    yield place
    place.close()


def open_files(path):
    """How many descriptors of ours lead to `path`."""
    links = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/self/fd/{number}"))
    return links.count(str(path))


def test_a_file_stays_open_for_the_next_request(place, path):
    for _ in range(3):
        place.open(write=True).close()

    assert open_files(path) == 1


def test_a_file_that_has_taken_the_name_is_the_one_that_is_opened(place, path, tmp_path):
    place.open(write=False).close()
    other = tmp_path / "other"
    other.write_bytes(b"new")
    other.rename(path)

    with place.open(write=False) as backend:
        assert backend.size() == 3


def test_a_name_that_is_gone_is_gone_at_once(place, path):
    place.open(write=False).close()
    path.unlink()

    with pytest.raises(errors.NoFile):
        place.open(write=False)


def test_a_link_in_the_place_of_an_open_file_is_not_followed(place, path, tmp_path):
    place.open(write=False).close()
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")

    with pytest.raises(errors.ForbiddenPath):
        place.open(write=False)


def test_what_failed_is_not_kept(place, path):
    with pytest.raises(errors.NoSpace), place.open(write=True) as backend:
        backend.write(memoryview(b"x"), file.MAX_SIZE)

    assert open_files(path) == 0


def test_no_file_stays_open_when_its_ticket_is_gone(place, path):
    used = place.open(write=True)
    place.open(write=False).close()

    place.close()
    used.close()

    assert open_files(path) == 0


def test_no_file_stays_open_for_somebody_who_is_silent(place, path):
    place.open(write=True).close()

    place.tidy()
    assert open_files(path) == 1
    place.tidy()
    assert open_files(path) == 0


def test_closing_twice_does_not_close_what_somebody_else_has(place):
    first = place.open(write=True)
    first.close()
    with place.open(write=True) as second:
        first.close()
        second.write(memoryview(b"x"), 0)

        assert second.size() == 8
