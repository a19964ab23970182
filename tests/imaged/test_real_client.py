"""oVirt's own client, unmodified, against the daemon: what it uploads and downloads is what the disk was.

It is a program of its own that these tests only run; it decodes local images by qemu-nbd, so what is not raw is compared by qemu-img.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ovirt_imageio import client as imageio

from imaged import httpd, services
from imaged.handlers import images
from imaged.httpd import tls
from tests.imaged import nbd_servers
from tests.imaged.conftest import Daemon
from tests.imaged.qemu import qemu_img, same

MIB = 1 << 20
SIZE = 24 * MIB


@pytest.fixture(scope="module")
def house(certificate):
    """A daemon with images on http, on https, and on an https that tells of a unix socket; `seen` are that socket's requests."""
    with tempfile.TemporaryDirectory() as directory:
        daemon = Daemon(Path(directory))
        app = services.images_app(daemon.context)
        plain = httpd.Server(("127.0.0.1", 0), app, threads=12)
        secure = httpd.Server(("127.0.0.1", 0), app, threads=12, tls=tls.server_context(*certificate))
        daemon.seen = []

        def watched(environ, start_response):
            daemon.seen.append(environ["REQUEST_METHOD"])
            return app(environ, start_response)

        daemon.context.unix_socket = f"{directory}/local"
        local = httpd.Server(daemon.context.unix_socket, watched, threads=12)
        telling = httpd.Server(("127.0.0.1", 0), services.images_app(daemon.context), threads=12, tls=tls.server_context(*certificate))
        servers = {"http": plain, "https": secure, "telling": telling}
        for server in (*servers.values(), local):
            server.launch()
        daemon.base = {name: f"http{'' if server is plain else 's'}://127.0.0.1:{server.bind_addr[1]}" for name, server in servers.items()}
        daemon.cafile = certificate[0]
        yield daemon
        for server in (*servers.values(), local):
            server.stop()
        daemon.close()


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Local disks of the same size: (kind, format) → path."""
    directory = tmp_path_factory.mktemp("local")
    sparse, full = directory / "sparse.raw", directory / "full.raw"
    with open(sparse, "wb") as file:
        for start in (0, 5, 20):
            file.seek(start * MIB + 512 * start)
            file.write(os.urandom(MIB + 512 * start))
        file.truncate(SIZE)
    full.write_bytes(os.urandom(SIZE))
    found = {("sparse", "raw"): sparse, ("full", "raw"): full}
    for kind in ("sparse", "full"):
        path = found[kind, "qcow2"] = directory / f"{kind}.qcow2"
        qemu_img("convert", "-O", "qcow2", found[kind, "raw"], path)
    return found


def url(house, ticket, scheme):
    return f"{house.base[scheme]}/images/{ticket}"


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("form", ["raw", "qcow2"])
@pytest.mark.parametrize("kind", ["sparse", "full"])
@pytest.mark.parametrize("scheme", ["http", "https", "telling"])
def test_an_upload_and_a_download_bring_the_disk_and_back(house, local, tmp_path, scheme, kind, form, workers):
    image = house.image(SIZE)
    ticket = house.ticket(image, size=SIZE, ops=["read", "write"], sparse=True)
    source = local[kind, form]

    imageio.upload(str(source), url(house, ticket, scheme), house.cafile, max_workers=workers)
    assert same(source, image.path, (form, "raw"))
    if kind == "sparse":
        assert image.path.stat().st_blocks * 512 < SIZE / 2

    back = tmp_path / f"back.{form}"
    imageio.download(url(house, ticket, scheme), str(back), house.cafile, fmt=form, max_workers=workers)
    assert same(source, back, (form, form))


def test_on_the_same_host_the_client_takes_the_unix_socket(house, local):
    image = house.image(SIZE)
    where = url(house, house.ticket(image, size=SIZE, sparse=True), "telling")

    imageio.upload(str(local["sparse", "raw"]), where, house.cafile)

    assert same(local["sparse", "raw"], image.path)
    assert {"PUT", "PATCH"} <= set(house.seen)


@pytest.mark.parametrize("left", [(), ("checksum", "extents"), ("flush",), ("zero",), ("extents", "zero"), ("flush", "zero")], ids=",".join)
def test_without_some_features_all_arrives_as_well(house, local, tmp_path, monkeypatch, left):
    monkeypatch.setattr(images, "WRITE_FEATURES", frozenset(left))
    image = house.image(SIZE)
    ticket = house.ticket(image, size=SIZE, sparse=True)

    imageio.upload(str(local["sparse", "raw"]), url(house, ticket, "http"), house.cafile)
    imageio.download(url(house, ticket, "http"), str(tmp_path / "back.raw"), house.cafile, fmt="raw")

    assert same(local["sparse", "raw"], image.path)
    assert same(local["sparse", "raw"], tmp_path / "back.raw")


def test_after_an_upload_everything_is_durable(house, local):
    image = house.image(SIZE)
    ticket = house.ticket(image, size=SIZE, sparse=True, journal=True)

    imageio.upload(str(local["sparse", "raw"]), url(house, ticket, "http"), house.cafile)

    status = house.control.ticket(ticket)
    assert (status["transferred"], status["durable"]) == (SIZE, [[0, SIZE]])


def test_old_bytes_are_zeroed_where_the_disk_has_holes(house, local):
    image = house.image(0)
    shutil.copy(local["full", "raw"], image.path)
    ticket = house.ticket(image, size=SIZE)

    imageio.upload(str(local["sparse", "raw"]), url(house, ticket, "http"), house.cafile)

    assert same(local["sparse", "raw"], image.path)


@pytest.mark.parametrize("kind", ["sparse", "full"])
@pytest.mark.parametrize("query", ["", "?algorithm=sha256&block_size=1048576"])
def test_its_checksum_is_ours(house, local, kind, query):
    image = house.image(0)
    shutil.copy(local[kind, "raw"], image.path)
    ticket = house.ticket(image, size=SIZE, ops=["read"])

    ours = json.loads(house.send("GET", f"/images/{ticket}/checksum{query}").body)

    for form in ("raw", "qcow2"):
        assert imageio.checksum(str(local[kind, form]), block_size=ours["block_size"], algorithm=ours["algorithm"]) == ours


def test_what_it_measures_and_tells_of_a_disk_is_the_same_after_there_and_back(house, local, tmp_path):
    ticket = house.ticket(house.image(SIZE), size=SIZE, sparse=True)
    source, back = str(local["sparse", "raw"]), str(tmp_path / "back.qcow2")

    imageio.upload(source, url(house, ticket, "http"), house.cafile)
    imageio.download(url(house, ticket, "http"), back, house.cafile)

    assert imageio.info(back)["virtual-size"] == SIZE
    for form in ("raw", "qcow2"):
        assert imageio.measure(back, form)["required"] == imageio.measure(source, form)["required"]
    assert list(imageio.extents(back)) == list(imageio.extents(str(local["sparse", "qcow2"])))


def test_a_ticket_that_only_reads_is_downloaded_by_four(house, local, tmp_path):
    image = house.image(0)
    shutil.copy(local["sparse", "raw"], image.path)
    ticket = house.ticket(image, size=SIZE, ops=["read"])

    imageio.download(url(house, ticket, "https"), str(tmp_path / "back.raw"), house.cafile, fmt="raw", max_workers=4)

    assert same(local["sparse", "raw"], tmp_path / "back.raw")


# ImageioClient: any part of an image


@pytest.fixture(params=["http", "https", "telling"])
def parts(request, house):
    """Its client of a sparse image of 4 MiB, and the image."""
    image = house.image(4 * MIB)
    ticket = house.ticket(image, size=4 * MIB, ops=["read", "write"], sparse=True)
    with imageio.ImageioClient(url(house, ticket, request.param), cafile=house.cafile) as remote:
        yield remote, image


def test_parts_are_written_read_zeroed_and_flushed(parts):
    remote, image = parts
    data, back, stream = os.urandom(MIB + 10), bytearray(MIB), io.BytesIO()

    assert (remote.size(), remote.max_readers, remote.max_writers) == (4 * MIB, 8, 8)
    remote.write(MIB - 5, data)
    remote.zero(MIB, 100)
    remote.read_from(io.BytesIO(b"tail"), 4 * MIB - 4, 4)
    remote.flush()
    remote.read(MIB, back)
    remote.write_to(stream, 4 * MIB - 4, 4)

    assert back == bytes(100) + data[105 : MIB + 5]
    assert stream.getvalue() == b"tail"
    assert image.read() == bytes(MIB - 5) + data[:5] + back + data[MIB + 5 :] + bytes(2 * MIB - 9) + b"tail"


def test_the_map_of_its_parts_is_the_files(parts):
    remote, image = parts
    with open(image.path, "r+b") as file:
        file.seek(MIB)
        file.write(b"x" * MIB)

    assert [(extent.start, extent.length, extent.zero, extent.hole) for extent in remote.extents()] == [
        (0, MIB, True, True),
        (MIB, MIB, False, False),
        (2 * MIB, 2 * MIB, True, True),
    ]


def test_a_file_has_no_dirty_map_for_it(parts):
    remote, _ = parts

    with pytest.raises(Exception, match="has no dirty extents"):
        list(remote.extents("dirty"))


def test_the_dirty_map_is_what_the_bitmap_says(house, tmp_path):
    disk = tmp_path / "disk.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", disk, 4 * MIB)
    qemu_img("bitmap", "--add", disk, "changes")
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 1M 1M", disk], check=True, stdout=subprocess.DEVNULL)
    with nbd_servers.qemu_nbd(house.root, disk, "--read-only", "--bitmap=changes", form="qcow2") as export:
        ticket = house.ticket(house.image(0), url=export, size=4 * MIB, ops=["read"], dirty=True)
        with imageio.ImageioClient(url(house, ticket, "https"), cafile=house.cafile) as remote:
            found = [(extent.start, extent.length, extent.dirty) for extent in remote.extents("dirty")]
        house.control.delete_ticket(ticket)

    assert found == [(0, MIB, False), (MIB, MIB, True), (2 * MIB, 2 * MIB, False)]
    assert found == [(extent.start, extent.length, extent.dirty) for extent in imageio.extents(str(disk), bitmap="changes")]


def test_an_address_that_does_not_answer_is_left_for_the_proxys(house):
    ticket = house.ticket(house.image(MIB), size=MIB)

    with imageio.ImageioClient("https://127.0.0.1:1/images/x", cafile=house.cafile, proxy_url=url(house, ticket, "https")) as remote:
        assert remote.size() == MIB


def test_a_certificate_that_nobody_signed_is_not_trusted(house):
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        imageio.ImageioClient(url(house, house.ticket(house.image(MIB), size=MIB), "https"))


def test_a_qcow2_behind_qemu_nbd_is_written_and_read(house, local, tmp_path):
    target = tmp_path / "target.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", target, SIZE)
    with nbd_servers.qemu_nbd(house.root, target, "--discard=unmap", form="qcow2") as export:
        ticket = house.ticket(house.image(0), url=export, size=SIZE, sparse=True)
        imageio.upload(str(local["sparse", "qcow2"]), url(house, ticket, "https"), house.cafile)
        imageio.download(url(house, ticket, "https"), str(tmp_path / "back.qcow2"), house.cafile)
        house.control.delete_ticket(ticket)

    assert same(local["sparse", "qcow2"], target, ("qcow2", "qcow2"))
    assert same(local["sparse", "qcow2"], tmp_path / "back.qcow2", ("qcow2", "qcow2"))


def test_an_incremental_download_brings_what_a_bitmap_says(house, tmp_path):
    disk, backup = tmp_path / "disk.qcow2", tmp_path / "backup.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", disk, SIZE)
    base = tmp_path / "base.qcow2"
    shutil.copy(disk, base)
    qemu_img("bitmap", "--add", disk, "changes")
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 3M 2M", disk], check=True, stdout=subprocess.DEVNULL)
    with nbd_servers.qemu_nbd(house.root, disk, "--read-only", "--bitmap=changes", form="qcow2") as export:
        ticket = house.ticket(house.image(0), url=export, size=SIZE, ops=["read"], dirty=True)
        imageio.download(
            url(house, ticket, "http"), str(backup), house.cafile, incremental=True, backing_file=str(base), backing_format="qcow2"
        )
        house.control.delete_ticket(ticket)

    assert same(disk, backup, ("qcow2", "qcow2"))
    assert json.loads(qemu_img("info", "--output=json", backup))["actual-size"] < 4 * MIB


def test_a_refusal_reaches_the_user_as_a_sentence(house, local):
    image = house.image(SIZE)
    ticket = house.ticket(image, size=SIZE, ops=["read"])

    with pytest.raises(Exception, match="forbids write"):
        imageio.upload(str(local["sparse", "raw"]), url(house, ticket, "http"), house.cafile)


def test_qemu_img_reads_an_image_straight_from_our_https_address(house, local, tmp_path):
    image = house.image(0)
    shutil.copy(local["sparse", "qcow2"], image.path)
    size = image.path.stat().st_size
    where = url(house, house.ticket(image, size=size, ops=["read"]), "https")
    options = json.dumps({"driver": "qcow2", "file": {"driver": "https", "url": where, "sslverify": False}})

    assert json.loads(qemu_img("info", "--output=json", f"json:{options}"))["virtual-size"] == SIZE
    # One coroutine: with its usual eight, QEMU 7.2's https driver forgets transfers that end together, from any server, and waits for ever.
    qemu_img("convert", "-m", 1, "-O", "raw", f"json:{options}", tmp_path / "raw")

    assert same(local["sparse", "raw"], tmp_path / "raw")


def test_the_product_does_not_import_the_client():
    words = [sys.executable, "-c", "import sys, imaged.cli, imaged.ctl, imaged.server; sys.exit('ovirt_imageio' in sys.modules)"]

    assert subprocess.run(words).returncode == 0
