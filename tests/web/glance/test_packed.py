"""What was staged packed: it is unpacked as it comes, whatever its name and its type say, and what is wrong with it is told at once."""

import bz2
import gzip
import hashlib
import io
import lzma
import secrets
import zipfile

import pytest
from backports import zstd

from tests.admin.pipeline import disks
from tests.web.glance.test_files import CHUNKED, chunks
from tests.web.glance.test_foreign import DIRECT, check, task_of

PACKERS = {"gzip": gzip.compress, "xz": lzma.compress, "bzip2": bz2.compress, "zstd": zstd.compress}
DATA = secrets.token_bytes(200000) + bytes(300000)


def zipped(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("disk.img", data)
    return made.getvalue()


@pytest.mark.parametrize("kind", PACKERS)
def test_what_was_staged_packed_is_the_image_that_was_in_it(glance, kind):
    image = glance.create()
    assert glance.call("PUT", f"/images/{image['id']}/stage", PACKERS[kind](DATA)).status == 204
    assert glance.show(image)["status"] == "uploading"

    assert glance.call("POST", f"/images/{image['id']}/import", DIRECT).status == 202

    found = glance.active(image)
    assert (found["size"], found["os_hash_value"]) == (len(DATA), hashlib.sha512(DATA).hexdigest())
    assert glance.call("GET", f"/images/{image['id']}/file").body == DATA


def test_what_became_larger_by_being_packed_is_imported_too(glance):
    data = secrets.token_bytes(100000)
    image = glance.create()
    assert glance.call("PUT", f"/images/{image['id']}/stage", gzip.compress(data)).status == 204

    assert glance.call("POST", f"/images/{image['id']}/import", DIRECT).status == 202

    assert glance.active(image)["os_hash_value"] == hashlib.sha512(data).hexdigest()


@pytest.mark.parametrize(("format", "becomes"), [("qcow2", "qcow2"), ("vmdk", "qcow2")])
def test_a_disk_in_it_is_judged_and_converted_as_one_that_was_not_packed(glance, tmp_path, format, becomes):
    image = glance.create(disk_format=format)
    packed = gzip.compress(disks.disk(format))
    sent = f"x-openstack-image-size: {len(packed)}"
    assert glance.raw(f"/images/{image['id']}/stage", chunks(packed[:7], packed[7:]), CHUNKED, sent) == 204

    assert glance.call("POST", f"/images/{image['id']}/import", DIRECT).status == 202

    check(glance, glance.active(image), becomes, tmp_path)


def test_what_is_in_it_must_be_what_was_said(glance):
    image = glance.create(disk_format="qcow2")
    assert glance.call("PUT", f"/images/{image['id']}/stage", gzip.compress(DATA)).status == 204

    assert glance.call("POST", f"/images/{image['id']}/import", DIRECT).status == 202

    assert "said to be qcow2" in task_of(glance, image)["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lzma.compress(DATA)[:-20], "What was sent ends in the middle of its xz data"),
        (gzip.compress(DATA)[:-4], "in the middle of its gzip data"),
        (bz2.compress(DATA)[:100000] + bytes(200000), "bzip2 data is damaged"),
        (zstd.compress(DATA) + b"and more", "What was sent has something else behind its zstd data"),
        (gzip.compress(b""), "an empty file is no image"),
        (zipped(DATA), "is packed as zip, which is not unpacked here. Unpack it first"),
        (b"\x89LZO\x00" + DATA, "is packed as lzop"),
    ],
    ids=["a cut xz", "a cut gzip", "a damaged one", "two things", "nothing", "zip", "lzop"],
)
def test_what_cannot_be_unpacked_is_refused_with_the_reason_and_the_image_takes_others(glance, body, words):
    image = glance.create()

    reply = glance.call("PUT", f"/images/{image['id']}/stage", body)

    assert (reply.status, words in reply.json["error"]["message"]) == (400, True), reply.text
    assert glance.show(image)["status"] == "queued"
    assert glance.call("PUT", f"/images/{image['id']}/stage", gzip.compress(DATA)).status == 204


def test_a_size_that_was_said_is_that_of_what_is_sent(glance):
    image = glance.create()
    packed = gzip.compress(DATA)

    status = glance.raw(f"/images/{image['id']}/stage", chunks(packed), CHUNKED, f"x-openstack-image-size: {len(DATA)}")

    assert (status, glance.show(image)["status"]) == (400, "queued")


def test_bytes_that_are_kept_as_they_come_are_not_unpacked_and_refused(glance, name):
    image = glance.create(name=name)

    reply = glance.call("PUT", f"/images/{image['id']}/file", gzip.compress(DATA))

    assert (reply.status, glance.show(image)["status"]) == (409, "queued")
    assert f"{name} is not a good image: " in reply.json["error"]["message"]
    assert "a gzip-compressed file: unpack it" in reply.json["error"]["message"]
