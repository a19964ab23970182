"""One daemon per socket."""

import os
import threading

import pytest

from imaged import locks


def test_a_second_is_told_who_holds_it(tmp_path):
    held = locks.acquire(tmp_path / "sock")

    with pytest.raises(locks.Held, match=f"process {os.getpid()}"):
        locks.acquire(tmp_path / "sock", patience=0)

    os.close(held)


def test_a_second_waits_for_the_first_to_go(tmp_path):
    held = locks.acquire(tmp_path / "sock")
    threading.Timer(0.1, os.close, [held]).start()

    os.close(locks.acquire(tmp_path / "sock", patience=10))


def test_a_lock_is_free_after_its_holder_and_stays_a_file(tmp_path):
    os.close(locks.acquire(tmp_path / "sock"))
    os.close(locks.acquire(tmp_path / "sock", patience=0))

    assert (tmp_path / "sock.lock").stat().st_mode & 0o777 == 0o600


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "sock.lock").symlink_to(tmp_path / "victim")

    with pytest.raises(OSError):
        locks.acquire(tmp_path / "sock")

    assert not (tmp_path / "victim").exists()
