"""Copies that broke off, by themselves or killed, and go on with what is missing."""

import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from imaged import copying, journal
from imaged.handlers import images
from imaged.ranges import Ranges
from imaged.remote import Remote
from tests.imaged.conftest import wait
from tests.imaged.copying.conftest import MIB, SIZE, run


class Breaks(Exception):
    pass


def after(count):
    """A progress that breaks the copy off."""

    def progress(moved):
        nonlocal count
        count -= moved
        if count < 0:
            raise Breaks

    return progress


def test_a_resumed_upload_sends_only_what_is_missing(daemon, source, where, image):
    url = where()
    ticket = url.rpartition("/")[2]
    with pytest.raises(Breaks):
        copying.upload(source, Remote(url), workers=1, resume=False, progress=after(3 * MIB // 2))
    had = Ranges(map(tuple, daemon.durable(ticket)))
    assert MIB <= had.total < SIZE

    moved = []
    copying.upload(source, Remote(url), workers=2, resume=True, progress=moved.append)

    assert sum(moved) == SIZE
    assert had.total <= moved[0] < SIZE
    assert image.read() == source.read_bytes()
    assert daemon.durable(ticket) == [[0, SIZE]]


def test_an_upload_is_not_resumed_with_another_file(source, where, image):
    url = where()
    run("upload", source, url)
    with open(source, "r+b") as file:
        file.write(b"another beginning")

    assert "another file" in run("upload", source, url, "--resume", status=1)


def test_a_resumed_download_asks_only_for_what_is_missing(daemon, source, where, image, tmp_path):
    shutil.copy(source, image.path)
    url = where()
    with pytest.raises(Breaks):
        copying.download(Remote(url), tmp_path / "back", workers=1, resume=False, progress=after(SIZE // 2))
    assert not (tmp_path / "back").exists()
    before = os.stat(tmp_path / "back.part").st_ino

    assert "--resume" in run("download", url, tmp_path / "back", status=1)
    run("download", url, tmp_path / "back", "--resume")

    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    assert os.stat(tmp_path / "back").st_ino == before
    assert sorted(os.listdir(tmp_path)) == ["back", "source"]


#: The command as a process of its own, which kills itself in the middle of a piece.
KILLED = """
import os, signal, sys
from imaged import cli, client, copying

copying.PIECE, name, left = 1 << 20, sys.argv[1], int(sys.argv[2])
kind = client.Connection if name == "send" else client.Response
real = getattr(kind, name)


def dying(self, data):
    global left
    left -= len(data)
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, data)

setattr(kind, name, dying)
cli.main(sys.argv[3:])
"""


def killed(name, *words):
    """Runs the command until it has moved 2.5 MiB, and is killed: with two connections at least one piece of 1 MiB is durable."""
    command = [sys.executable, "-c", KILLED, name, str(5 * MIB // 2), *map(str, words)]
    assert subprocess.run(command, stderr=subprocess.DEVNULL, timeout=60).returncode == -signal.SIGKILL


@pytest.fixture
def requests(monkeypatch):
    """The ranges that are written, and those that are read."""
    seen, put, get = Ranges(), images.Images.put, images.Images.get

    def note(text):
        start, end = map(int, re.findall("[0-9]+", text))
        if end - start + 1 > copying.SAMPLE:
            seen.add(start, end + 1)

    monkeypatch.setattr(
        images.Images, "put", lambda self, request, *words: note(request.header("Content-Range")) or put(self, request, *words)
    )
    monkeypatch.setattr(images.Images, "get", lambda self, request, *words: note(request.header("Range")) or get(self, request, *words))
    return seen


def test_an_upload_that_was_killed_goes_on_with_what_is_missing(daemon, source, where, image, requests):
    url = where(journal=True)
    killed("send", "upload", source, url, "--workers", 2)
    wait(lambda: not daemon.control.ticket(url.rpartition("/")[2])["active"])
    had = Ranges(map(tuple, daemon.durable(url.rpartition("/")[2])))
    requests.subtract(0, SIZE)

    run("upload", source, url, "--resume")

    assert had.total >= MIB
    assert [had.common(start, end) for start, end in requests] == [[] for _ in requests]
    assert image.read() == source.read_bytes()


def test_a_download_that_was_killed_goes_on_with_what_is_missing(source, where, image, tmp_path, requests):
    shutil.copy(source, image.path)
    url = where()
    killed("readinto", "download", url, tmp_path / "back", "--workers", 2)
    had = journal.read(tmp_path / "back.part", SIZE)
    requests.subtract(0, SIZE)

    run("download", url, tmp_path / "back", "--resume")

    assert had.total >= MIB
    assert [had.common(start, end) for start, end in requests] == [[] for _ in requests]
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["back", "source"]


def test_a_download_is_not_resumed_into_a_file_of_another_size(source, where, image, tmp_path):
    shutil.copy(source, image.path)
    (tmp_path / "back.part").write_bytes(b"abc")

    assert "of another image" in run("download", where(), tmp_path / "back", "--resume", status=1)


def test_a_download_is_not_resumed_into_another_images_bytes(source, where, image, tmp_path):
    shutil.copy(source, image.path)
    url = where()
    with pytest.raises(Breaks):
        copying.download(Remote(url), tmp_path / "back", workers=1, resume=False, progress=after(SIZE // 2))
    image.path.write_bytes(os.urandom(SIZE))

    assert "bytes of another image" in run("download", url, tmp_path / "back", "--resume", status=1)


def test_a_download_that_broke_off_before_it_had_begun_begins(source, where, image, tmp_path):
    shutil.copy(source, image.path)
    (tmp_path / "back.part").touch()

    run("download", where(), tmp_path / "back")

    assert (tmp_path / "back").read_bytes() == source.read_bytes()
