"""Disks of other programs: an import makes what is kept of them, and says so; all that is told of the image is of that."""

import hashlib
import secrets

import pytest

from tests.admin.pipeline import disks
from tests.waiting import wait_for

DIRECT = {"method": {"name": "glance-direct"}}


@pytest.fixture
def served(source):
    """Puts a disk of a kind, or bytes, at an address."""

    def put(what):
        path = f"/{secrets.token_hex(6)}"
        source.files[path] = disks.disk(what) if isinstance(what, str) else what
        return source.url + path

    return put


def web_download(glance, url, **facts):
    image = glance.create(**facts)
    reply = glance.call("POST", f"/images/{image['id']}/import", {"method": {"name": "web-download", "uri": url}})
    assert reply.status == 202, reply.text
    return image


def staged(glance, data, **facts):
    image = glance.create(**facts)
    assert glance.call("PUT", f"/images/{image['id']}/stage", data).status == 204
    assert glance.show(image)["status"] == "uploading"
    assert glance.call("POST", f"/images/{image['id']}/import", DIRECT).status == 202
    return image


def task_of(glance, image):
    [task] = glance.call("GET", f"/images/{image['id']}/tasks").json["tasks"]
    return glance.ended(task)


def failed(glance, image):
    """Why the import failed; nothing of it is there any more, and the image takes other bytes."""
    task = task_of(glance, image)
    assert task["status"] == "failure", task
    wait_for(lambda: files(glance, image) == [], "its bytes to be gone")
    assert (glance.show(image)["status"], glance.show(image)["checksum"]) == ("queued", None)
    return task["message"]


def files(glance, image):
    return [path.name for path in (glance.appliance.directory / "domains").rglob(f"*{image['id']}*")]


def check(glance, image, format, tmp_path):
    """The image is of the format, holds the disk, and everything that is said of its file is true."""
    data = glance.call("GET", f"/images/{image['id']}/file").body
    (tmp_path / "back").write_bytes(data)
    assert disks.contents(tmp_path / "back", format) == disks.original()
    digests = hashlib.md5(data).hexdigest(), hashlib.sha512(data).hexdigest()
    assert (image["disk_format"], image["size"], image["virtual_size"]) == (format, len(data), disks.SIZE)
    assert (image["checksum"], image["os_hash_algo"], image["os_hash_value"]) == (digests[0], "sha512", digests[1])
    assert len(files(glance, image)) == 1


@pytest.mark.parametrize(
    ("kind", "wanted", "becomes"),
    [
        ("vmdk", {}, "qcow2"),
        ("vmdk", {"disk_format": "vmdk"}, "qcow2"),
        ("vdi", {"disk_format": "raw"}, "raw"),
        ("qcow2", {"disk_format": "raw"}, "raw"),
    ],
    ids=str,
)
def test_a_task_brings_a_disk_as_what_it_is_to_become(glance, served, tmp_path, kind, wanted, becomes):
    reply = glance.import_from(served(kind), format=kind, **wanted)

    assert reply.status == 201, reply.text
    task = glance.ended(reply.json)
    assert (task["status"], task["message"], task["input"]["import_from_format"]) == ("success", "", kind)
    check(glance, glance.show({"id": task["result"]["image_id"]}), becomes, tmp_path)


def test_an_iso_may_lie_on_a_plain_disk_and_is_copied_as_one(glance, served, appliance):
    disc = bytes(0x8000) + b"\1CD001\1" + bytes(8192) + secrets.token_bytes(300000)

    task = glance.ended(glance.import_from(served(disc), format="iso", disk_format="raw").json)

    assert (task["status"], task["message"]) == ("success", "")
    image = glance.show({"id": task["result"]["image_id"]})
    assert (image["disk_format"], image["os_hash_value"]) == ("raw", hashlib.sha512(disc).hexdigest())
    assert glance.call("POST", f"/images/{image['id']}/import", {"method": {"name": "copy-image"}, "stores": ["more"]}).status == 202
    wait_for(lambda: glance.show(image)["stores"] == "data,more", "the copy")
    assert [copy.format for copy in appliance.admin.images.page(domain="more").items if copy.size == len(disc)] == ["raw"]


@pytest.mark.parametrize("kind", ["vhd", "vhd-fixed"])
def test_an_image_that_is_fetched_becomes_qcow2(glance, served, tmp_path, kind):
    image = web_download(glance, served(kind), disk_format="vhd")

    check(glance, glance.active(image), "qcow2", tmp_path)


def test_what_was_staged_becomes_qcow2_and_is_copied_as_that(glance, tmp_path, appliance):
    image = staged(glance, disks.disk("vhdx"), disk_format="vhdx")

    found = glance.active(image)

    check(glance, found, "qcow2", tmp_path)
    assert task_of(glance, image)["result"] == {"image_id": image["id"]}
    assert glance.call("POST", f"/images/{image['id']}/import", {"method": {"name": "copy-image"}, "stores": ["more"]}).status == 202
    wait_for(lambda: glance.show(image)["stores"] == "data,more", "the copy")
    [copy] = [copy for copy in appliance.admin.images.page(domain="more").items if copy.size == found["size"]]
    assert (copy.format, copy.virtual_size, copy.path.rpartition(".")[2]) == ("qcow2", disks.SIZE, "qcow2")


@pytest.mark.parametrize(
    ("declared", "kind", "words"),
    [
        ("vmdk", "qcow2", "it is qcow2, and was said to be vmdk"),
        ("raw", "qcow2", "it is qcow2, and was said to be raw"),
        ("vhd", b"no disk" * 100, "it is raw, and was said to be vhd"),
        ("vdi", b"<html>no disk</html>", "web page"),
        ("vhdx", "404", "answered 404"),
    ],
    ids=["another", "not raw", "none", "a page", "404"],
)
def test_what_is_fetched_must_be_what_it_was_said_to_be(glance, source, served, declared, kind, words):
    image = web_download(glance, f"{source.url}/missing" if kind == "404" else served(kind), disk_format=declared)

    assert words in failed(glance, image)
    assert glance.show(image)["disk_format"] == declared


@pytest.mark.parametrize(
    ("declared", "kind", "words"),
    [
        ("vmdk", "qcow2", "it is qcow2, and was said to be vmdk"),
        ("qcow2", "vmdk", "it is vmdk, and was said to be qcow2"),
        ("vdi", b"no disk" * 100, "it is raw, and was said to be vdi"),
        ("vmdk", b'# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 2048 FLAT "/etc/passwd" 0\n' + b" " * 300, "VMDK"),
        ("vhd", b"conectix" + bytes(1000), "VHD"),
    ],
    ids=["another", "foreign", "none", "hostile", "half"],
)
def test_what_was_staged_must_be_what_it_was_said_to_be_and_safe(glance, declared, kind, words):
    image = staged(glance, disks.disk(kind) if isinstance(kind, str) else kind, disk_format=declared)

    assert words in failed(glance, image)


def test_a_disk_that_is_not_kept_is_not_uploaded_as_it_is(glance):
    image = glance.create(disk_format="vmdk")

    reply = glance.call("PUT", f"/images/{image['id']}/file", disks.disk("vmdk"))

    assert reply.status == 400
    assert "import it by glance-direct or web-download, which make it qcow2" in reply.json["error"]["message"]
    assert (glance.show(image)["status"], files(glance, image)) == ("queued", [])


@pytest.mark.parametrize(
    ("source_format", "wanted"),
    [("raw", "vmdk"), ("vmdk", "vdi"), ("vmdk", "iso"), ("raw", "iso"), ("iso", "qcow2"), ("vmdk", "ami"), ("aki", "raw"), ("raw", None)],
    ids=str,
)
def test_what_cannot_be_made_of_a_disk_is_refused_before_anything_is_asked(glance, source_format, wanted):
    before = len(glance.list("limit=1000"))

    reply = glance.import_from("http://127.0.0.1:1/x", format=source_format, disk_format=wanted)

    assert reply.status == 400, reply.text
    assert "format" in reply.json["error"]["message"]
    assert len(glance.list("limit=1000")) == before
