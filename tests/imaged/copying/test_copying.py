"""`imaged upload` and `imaged download`: whole files, holes, parallel."""

import os

import pytest

from imaged import copying
from imaged.handlers import images
from imaged.remote import Remote
from tests.imaged.copying.conftest import MIB, SIZE, run


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
