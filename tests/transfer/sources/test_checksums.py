"""Checksums: as people write them, and as they lie beside files."""

import pytest

from appliance import errors
from appliance.transfer import sources
from appliance.transfer.sources import checksums
from tests.transfer.sources import web_server

SUM = "0123456789abcdef" * 4
OTHER = "f" * 64


@pytest.fixture
def server():
    with web_server.serving() as server:
        server.files["/dir/disk.img"] = web_server.File(b"image")
        yield server


def beside(server, path="/dir/disk.img") -> str:
    return checksums.beside(sources.open(server.url(path), server.policy()))


@pytest.mark.parametrize(
    "text",
    [
        SUM,
        SUM.upper(),
        f"  {SUM}\n",
        f"sha256:{SUM}",
        f"SHA256={SUM}",
        f"sha-256: {SUM}",
        f"{SUM}  disk.img",
        f"{SUM} *disk.img\n",
        f"\\{SUM}  disk\\nimg",
        f"SHA256 (disk.img) = {SUM}",
        f"SHA256(disk.img)= {SUM}",
    ],
)
def test_a_checksum_that_a_person_gives_is_understood(text):
    assert checksums.given(text) == SUM


@pytest.mark.parametrize("text", ["", "x", SUM[:-1], SUM + "0", "g" * 64, f"md5:{SUM}", f"{SUM} {SUM}x y", f"SHA512 (x) = {SUM}", "٠" * 64])
def test_what_is_no_checksum_is_refused(text):
    with pytest.raises(errors.BadChecksum):
        checksums.given(text)


@pytest.mark.parametrize("digits", [32, 40, 96, 128])
def test_another_digest_is_recognised_by_its_length(digits):
    with pytest.raises(errors.BadChecksum, match=f"{digits} digits"):
        checksums.given("a" * digits)


@pytest.mark.parametrize("name", ["SHA256SUMS", "SHA256SUM", "CHECKSUM", "disk.img.sha256", "disk.img.sha256sum"])
def test_a_checksum_beside_the_file_is_found(server, name):
    server.files[f"/dir/{name}"] = web_server.File(f"{OTHER}  other.img\n{SUM}  disk.img\n".encode(), content_type="text/plain")

    assert beside(server) == SUM


@pytest.mark.parametrize(
    "text",
    [
        f"{SUM} *disk.img",
        f"{SUM}  ./disk.img",
        f"{SUM}  images/disk.img",
        f"SHA256 (disk.img) = {SUM}",
        f"-----BEGIN PGP SIGNED MESSAGE-----\n\n# disk.img: 5 bytes\nSHA256 (disk.img) = {SUM}\n-----BEGIN PGP SIGNATURE-----\n",
        f"{OTHER}  disk.img.xz\r\n{SUM}  disk.img\r\n",
        f"\ufeff{SUM}  disk.img",
        f"{SUM}\tdisk.img",
        f"SHA2-256(disk.img)= {SUM}",
    ],
    ids=["binary", "here", "deeper", "BSD", "signed", "Windows", "marked", "tab", "openssl"],
)
def test_every_form_of_a_file_of_checksums_is_read(server, text):
    server.files["/dir/SHA256SUMS"] = web_server.File(text.encode(), content_type="text/plain")

    assert beside(server) == SUM


def test_a_file_of_its_own_may_be_the_digits_alone(server):
    server.files["/dir/disk.img.sha256"] = web_server.File(f"{SUM}\n".encode(), content_type="text/plain")

    assert beside(server) == SUM


def test_the_digits_alone_say_nothing_in_a_file_for_all(server):
    server.files["/dir/SHA256SUMS"] = web_server.File(SUM.encode(), content_type="text/plain")

    with pytest.raises(errors.NoChecksum):
        beside(server)


def test_a_name_with_codes_is_looked_for_as_it_is_meant(server):
    server.files["/dir/SHA256SUMS"] = web_server.File(f"{SUM}  a b+ü.img".encode(), content_type="text/plain")

    assert beside(server, "/dir/a%20b+%C3%BC.img") == SUM


@pytest.mark.parametrize("text", ["", f"{SUM}  other.img", f"{SUM}  disk.img.asc", "MD5 (disk.img) = " + "a" * 32, "\0" * 5000])
def test_a_checksum_that_is_not_there_is_told(server, text):
    server.files["/dir/SHA256SUMS"] = web_server.File(text.encode(), content_type="text/plain")

    with pytest.raises(errors.NoChecksum, match=r"disk\.img"):
        beside(server)


def test_a_page_in_place_of_a_missing_file_is_no_checksum(server):
    server.files["/dir/disk.img.sha256"] = web_server.File(b"<!doctype html>Not found", content_type="text/html")
    server.files["/dir/SHA256SUMS"] = web_server.File(f"{SUM}  disk.img".encode(), content_type="text/plain")

    assert beside(server) == SUM


def test_no_more_than_a_mebibyte_is_read(server):
    server.files["/dir/disk.img.sha256"] = web_server.File(b"#" * (1 << 20) + f"\n{SUM}  disk.img".encode(), content_type="text/plain")

    with pytest.raises(errors.NoChecksum):
        beside(server)


def test_a_server_that_fails_is_no_missing_checksum(server):
    server.scripts = [web_server.status(500)]

    with pytest.raises(errors.SourceFailed):
        beside(server)


def test_a_redirect_of_the_checksum_is_guarded_too(server):
    server.scripts = [web_server.redirect("http://169.254.169.254/SHA256SUMS")]

    with pytest.raises(errors.AddressRefused):
        beside(server)
