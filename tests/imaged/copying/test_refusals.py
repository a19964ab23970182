"""Copies and what is in their way: each ends with a sentence, and replaces nothing."""

import os
import shutil
import subprocess
import sys

import pytest

from imaged import client, console, copying, errors
from imaged.backends.file import File
from tests.imaged.copying.conftest import SIZE, run


def test_a_file_that_exists_is_never_replaced(source, where, tmp_path):
    assert "exists" in run("download", where(), source, status=1)
    assert source.stat().st_size == SIZE


def test_an_image_that_is_larger_than_any_file_leaves_nothing_behind(source, where, image, tmp_path):
    shutil.copy(source, image.path)
    script = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); from imaged import cli; cli.main(sys.argv[1:])"

    done = subprocess.run(
        [sys.executable, "-c", script, "download", where(), tmp_path / "back"], capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stderr.strip().splitlines()[-1]) == (1, f"Error: {tmp_path}/back: File too large")
    assert os.listdir(tmp_path) == ["source"]


def test_a_file_system_without_links_will_do(source, where, image, tmp_path, monkeypatch):
    def unable(*_):
        raise PermissionError(1, "Operation not permitted")

    shutil.copy(source, image.path)
    url = where()
    monkeypatch.setattr(os, "link", unable)

    run("download", url, tmp_path / "back")

    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["back", "source"]


def test_a_name_that_was_taken_meanwhile_is_not_replaced(source, where, image, tmp_path, monkeypatch):
    shutil.copy(source, image.path)
    real = copying._get

    def taking(*words):
        (tmp_path / "back").write_bytes(b"mine")
        return real(*words)

    monkeypatch.setattr(copying, "_get", taking)

    assert "the whole copy is" in run("download", where(), tmp_path / "back", status=1)
    assert (tmp_path / "back").read_bytes() == b"mine"
    assert (tmp_path / "back.part").read_bytes() == source.read_bytes()


def test_a_file_that_is_not_there_is_named(where, tmp_path):
    assert "nothing: No such file" in run("upload", tmp_path / "nothing", where(), status=1)


def test_what_is_no_file_is_refused_at_once(where, image, tmp_path):
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path, tmp_path / "pipe", "/dev/null"):
        assert "neither a file nor a block device" in run("upload", path, where(), status=1)
    assert image.read() == b""


def test_a_block_device_is_copied_in_its_full_size(source, where, image, monkeypatch):
    monkeypatch.setattr(copying.stat, "S_ISBLK", lambda mode: True)  # a file will do for one
    monkeypatch.setattr(File, "size", lambda self: 0)  # which is what a device says when it is asked as a file

    run("upload", source, where())

    assert image.read() == source.read_bytes()


def test_a_file_that_cannot_be_read_is_named_with_the_reason(source, where, monkeypatch):
    def failing(*_):
        raise OSError(5, "Input/output error")

    url = where()
    monkeypatch.setattr(os, "preadv", failing)

    assert f"{source}: Input/output error" in run("upload", source, url, status=console.BROKEN_OFF)


@pytest.mark.parametrize("url", ["", "id", "ftp://host/images/id", "https://host", "unix:/run/x", "http://[x/images/id"])
def test_what_is_no_url_of_an_image_is_named(source, url):
    assert "Error" in run("upload", source, url, status=1)


def test_a_server_that_is_not_there_is_named(source):
    assert "http://127.0.0.1:1 does not answer" in run("upload", source, "http://127.0.0.1:1/images/id", status=1)


def test_a_certificate_that_nobody_signed_is_refused(source, where, image):
    assert "CERTIFICATE_VERIFY_FAILED" in run("upload", source, where("https"), status=1)
    assert image.read() == b""


def test_an_authority_that_is_no_certificate_is_named(source, where):
    assert "cannot be read as PEM" in run("upload", source, where("https"), "--cafile", source, status=1)


@pytest.mark.parametrize("command", ["upload", "download"])
def test_a_ticket_that_is_not_known_or_has_ended_is_a_sentence(daemon, source, where, tmp_path, command):
    gone, expired = where(timeout=100), where(timeout=100)
    daemon.control.delete_ticket(gone.rpartition("/")[2])
    daemon.clock.now += 101

    for url, reason in ((gone, "No such ticket"), (expired, "expired"), (gone.replace("/images/", "/elsewhere/"), "No such resource")):
        words = (source, url) if command == "upload" else (url, tmp_path / "back")
        assert reason in run(command, *words, status=1)
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("command", ["upload", "download"])
def test_a_full_disk_is_a_sentence_and_the_rest_follows_when_there_is_room(source, where, image, tmp_path, monkeypatch, command):
    if command == "download":
        shutil.copy(source, image.path)
    url, full = where(), errors.NoSpace("The storage cannot take the data: No space left on device")
    words = (source, url) if command == "upload" else (url, tmp_path / "back")
    for name in ("write", "splice"):
        monkeypatch.setattr(File, name, lambda *_: (_ for _ in ()).throw(full))

    output = run(command, *words, status=console.BROKEN_OFF)
    assert "No space left on device" in output and "go on with --resume" in output
    monkeypatch.undo()
    run(command, *words, "--resume")

    assert image.read() == source.read_bytes()


def test_a_ticket_that_is_revoked_meanwhile_ends_the_copy_with_its_reason(daemon, source, where, monkeypatch):
    url, real = where(), copying._digest

    def revoking(*words):
        daemon.control.delete_ticket(url.rpartition("/")[2])
        return real(*words)

    monkeypatch.setattr(copying, "_digest", revoking)

    assert "No such ticket" in run("upload", source, url, status=1)


def test_a_file_that_becomes_shorter_while_it_is_sent_is_a_sentence(source, where, monkeypatch):
    real = copying._digest

    def cutting(*words):
        digest = real(*words)
        os.truncate(source, 0)
        return digest

    monkeypatch.setattr(copying, "_digest", cutting)

    assert "became shorter" in run("upload", source, where(), status=1)


def test_a_ticket_that_only_reads_takes_no_upload(source, where, image):
    assert "forbids write" in run("upload", source, where(ops=["read"]), status=1)


def test_an_image_that_is_too_small_says_so(source, where):
    assert "the image has 1000 bytes" in run("upload", source, where(size=1000), status=1)


def test_a_server_that_goes_away_says_how_to_go_on(source, where, monkeypatch):
    url, real = where(), client.Connection.send

    def breaking(self, data):
        self.interrupt()
        real(self, data)

    monkeypatch.setattr(client.Connection, "send", breaking)

    assert "go on with --resume" in run("upload", source, url, status=console.BROKEN_OFF)


def test_the_daemons_options_do_not_go_with_a_copy(source, where):
    assert "do not go with upload" in run("--root", "/", "upload", source, where(), status=2)
