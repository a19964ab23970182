"""`imaged upload` and `imaged download`: whole files, holes, parallel, broken off and resumed."""

import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from imaged import client, console, copying, errors, httpd, journal, services
from imaged.backends.file import File
from imaged.cli import main
from imaged.handlers import images
from imaged.httpd import tls
from imaged.ranges import Ranges
from imaged.remote import Remote
from tests.imaged.conftest import wait

MIB = 1 << 20
SIZE = 6 * MIB + 123


@pytest.fixture(scope="module")
def servers(daemon, certificate):
    """The daemon's images on http and https."""
    app = services.images_app(daemon.context)
    running = {
        "http": httpd.Server(("127.0.0.1", 0), app, threads=12),
        "https": httpd.Server(("127.0.0.1", 0), app, threads=12, tls=tls.server_context(*certificate)),
    }
    for server in running.values():
        server.launch()
    yield {scheme: f"{scheme}://127.0.0.1:{server.bind_addr[1]}" for scheme, server in running.items()}
    for server in running.values():
        server.stop()


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(copying, "PIECE", MIB)


@pytest.fixture
def source(tmp_path):
    """Data, a hole, data at an odd end."""
    path = tmp_path / "source"
    path.write_bytes(os.urandom(2 * MIB + 100))
    os.truncate(path, 5 * MIB)
    with open(path, "ab") as file:
        file.write(os.urandom(SIZE - 5 * MIB))
    return path


@pytest.fixture
def where(daemon, image, servers):
    """Makes a ticket; its URL."""
    return lambda scheme="http", **terms: f"{servers[scheme]}/images/{daemon.ticket(image, **{'size': SIZE, 'sparse': True, **terms})}"


def run(*words, status=0):
    result = CliRunner().invoke(main, list(map(str, words)))
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result.output


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("workers", [1, 4])
def test_there_and_back(source, where, image, certificate, tmp_path, scheme, workers):
    url = where(scheme)
    words = ["--workers", workers, *(["--cafile", certificate[0]] if scheme == "https" else [])]

    run("upload", source, url, *words)
    run("download", url, tmp_path / "back", *words)

    assert image.read() == source.read_bytes() == (tmp_path / "back").read_bytes()
    for path in (image.path, tmp_path / "back"):
        assert path.stat().st_blocks * 512 < 5 * MIB
    assert sorted(os.listdir(tmp_path)) == ["back", "source"]


def test_every_piece_travels_with_its_digest(source, where, image, monkeypatch):
    seen, real = [], images.Images.put

    def noting(self, request, ticket_id):
        seen.append(request.header("Content-Digest"))
        return real(self, request, ticket_id)

    monkeypatch.setattr(images.Images, "put", noting)

    run("upload", source, where())

    assert len(seen) == 5  # 2 MiB and a bit, and what lies behind the hole
    assert all(digest.startswith("sha-256=:") for digest in seen)


def test_a_file_that_changes_while_it_is_sent_is_noticed(source, where, monkeypatch):
    real = copying._digest

    def changing(file, start, end):
        digest = real(file, start, end)
        with open(source, "r+b") as other:
            other.write(os.urandom(1000))
        return digest

    monkeypatch.setattr(copying, "_digest", changing)

    assert "does not match its Content-Digest" in run("upload", source, where(), status=1)


def test_an_upload_is_durable_when_it_ends(daemon, source, where):
    url = where()

    run("upload", source, url)

    assert daemon.durable(url.rpartition("/")[2]) == [[0, SIZE]]


def test_old_bytes_are_zeroed_where_the_file_has_holes(source, where, image):
    image.path.write_bytes(b"x" * SIZE)

    run("upload", source, where())

    assert image.read() == source.read_bytes()


@pytest.mark.parametrize("features", [(), ("extents",), ("flush", "zero")], ids=",".join)
def test_servers_that_can_less_will_do(source, where, image, tmp_path, monkeypatch, features):
    monkeypatch.setattr(images, "WRITE_FEATURES", frozenset(features))
    url = where()

    run("upload", source, url)
    run("download", url, tmp_path / "back")

    assert image.read() == source.read_bytes() == (tmp_path / "back").read_bytes()


def test_an_empty_file_is_a_file(where, tmp_path):
    (tmp_path / "empty").touch()
    url = where(size=0)

    run("upload", tmp_path / "empty", url)
    run("download", url, tmp_path / "back")

    assert (tmp_path / "back").read_bytes() == b""


def test_on_the_same_host_the_unix_socket_is_taken(daemon, where, monkeypatch):
    url = where()
    real = images.Images.options

    def telling(self, request, ticket_id):
        monkeypatch.setattr(self, "_unix_socket", daemon.images_path)
        return real(self, request, ticket_id)

    monkeypatch.setattr(images.Images, "options", telling)

    assert Remote(url).address == f"unix:{daemon.images_path}"


def test_a_socket_that_leads_elsewhere_is_not_taken(where, monkeypatch, tmp_path):
    url = where()
    real = images.Images.options

    def telling(self, request, ticket_id):
        monkeypatch.setattr(self, "_unix_socket", tmp_path)
        return real(self, request, ticket_id)

    monkeypatch.setattr(images.Images, "options", telling)

    assert Remote(url).address.startswith("http://127.0.0.1:")


# Broken off, and resumed


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


# What is in the way


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
