"""The storage half of the control service, through its real server and its real client."""

import hashlib
import os
import shutil
import time
from pathlib import Path

import pytest

from imaged import client, services
from imaged.httpd.server import Server

GRUB = Path("/usr/lib/grub-rescue/grub-rescue-cdrom.iso")
NAME = "11111111-2222-3333-4444-555555555555.iso"
QCOW2 = "11111111-2222-3333-4444-555555555555.qcow2"
RAW = "11111111-2222-3333-4444-555555555555.img"
TIB = 1 << 40


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """One control service for all these tests: its root and its address."""
    directory = tmp_path_factory.mktemp("host")
    root, path = directory / "root", str(directory / "control.sock")
    root.mkdir()
    context = services.Context([root], host_id="host-1")
    server = Server(path, services.control_app(context), threads=2, shutdown_timeout=0.5)
    thread = server.launch()
    yield root, f"unix:{path}"
    server.stop()
    thread.join()
    context.close()


@pytest.fixture
def root(service):
    return service[0]


@pytest.fixture
def control(service, root):
    control = client.Control(service[1])
    control.add_domain("iso", name="ISO images", path=str(root / "iso"))
    yield control
    shutil.rmtree(root / "iso")


def stored(control, source):
    """A partial volume that has the bytes of `source`."""
    volume = control.create_volume("iso", NAME, size=source.stat().st_size)
    shutil.copyfile(source, volume["path"])
    return volume


def outcome(control, job, timeout=30):
    deadline = time.monotonic() + timeout
    while job["state"] == "running":
        assert time.monotonic() < deadline, job
        job = control.job(job["id"])
    return job


def refused(act, *words, **more):
    with pytest.raises(client.Refused) as refusal:
        act(*words, **more)
    return refusal.value.status, refusal.value.code


def raw(control, method, path, body):
    """Status and code of a request that the client would not make."""
    images = client.Images(control.address)
    with images.connection() as connection:
        connection.start(method, path, [("Content-Length", str(len(body)))])
        connection.send(body)
        response = connection.response()
        response.read()
        return response.status, response.headers.get("Error-Code")


def test_a_domain_says_what_it_has(control, root):
    (domain,) = control.domains()

    assert (domain["id"], domain["name"], domain["path"]) == ("iso", "ISO images", str(root / "iso"))
    assert 0 < domain["available"] == domain["free"] - domain["reserved"] <= domain["capacity"]
    assert control.domain("iso")["capacity"] == domain["capacity"]


def test_a_volume_lives_from_nothing_to_complete_to_nothing(control, root):
    stored(control, GRUB)
    job = outcome(control, control.verify("iso", NAME, format="iso", sha256=None, max_virtual_size=TIB))
    volume = control.complete_volume("iso", NAME)

    assert job["result"]["sha256"] == hashlib.sha256((root / "iso" / NAME).read_bytes()).hexdigest()
    assert (job["state"], job["result"]["label"], job["result"]["bootable"]) == ("done", "ISOIMAGE", True)
    assert volume["state"] == "complete"
    assert [volume["name"] for volume in control.volumes("iso")] == [NAME]

    control.delete_volume("iso", NAME)
    assert refused(control.volume, "iso", NAME) == (404, "no-volume")


def test_the_answer_has_every_fact_of_a_volume(control, root):
    path = root / "iso" / f".partial-{NAME}"

    assert control.create_volume("iso", NAME, size=4096, allocation="preallocated") == {
        "domain": "iso",
        "name": NAME,
        "state": "partial",
        "size": 4096,
        "allocated": os.stat(path).st_blocks * 512,
        "path": str(path),
        "url": f"file://{path}",
        "durable": [],
        "format": "raw",
        "virtual_size": 4096,
    }


def test_creating_says_whether_it_is_new(control):
    body = b'{"size": 10, "allocation": "sparse"}'

    assert raw(control, "PUT", f"/domains/iso/volumes/{NAME}", body)[0] == 201
    assert raw(control, "PUT", f"/domains/iso/volumes/{NAME}", body)[0] == 200


def test_an_image_that_is_another_format_fails_in_words(control):
    stored(control, GRUB)

    job = outcome(control, control.verify("iso", NAME, format="qcow2", sha256=None, max_virtual_size=TIB))

    assert (job["state"], job["error"]["code"]) == ("failed", "format-mismatch")
    assert "looks like an ISO image" in job["error"]["message"]


def test_an_expected_digest_may_be_in_capitals(control):
    stored(control, GRUB)
    digest = hashlib.sha256(GRUB.read_bytes()).hexdigest().upper()

    assert outcome(control, control.verify("iso", NAME, format="iso", sha256=digest, max_virtual_size=TIB))["state"] == "done"


def test_no_space_says_how_much(control):
    with pytest.raises(client.Refused) as refusal:
        control.create_volume("iso", NAME, size=1 << 62)

    assert (refusal.value.status, refusal.value.code) == (507, "no-space")
    assert refusal.value.details["needed"] == 1 << 62
    assert 0 < refusal.value.details["available"] < 1 << 62


def test_digests_are_compared_by_range(control):
    stored(control, GRUB)

    assert control.digests("iso", NAME, [[0, 100]]) == [hashlib.sha256(GRUB.read_bytes()[:100]).hexdigest()]


@pytest.mark.parametrize("name", ["../escape", "a b", ".hidden", "x" * 129, "a\u202eb"])
def test_a_bad_volume_name_is_refused(control, root, name):
    status, _ = refused(control.create_volume, "iso", name, size=10)

    assert status in (400, 404)
    assert os.listdir(root) == ["iso"] and os.listdir(root / "iso") == [".image-domain"]


def test_an_unknown_domain_is_named(control):
    assert refused(control.create_volume, "other", NAME, size=10) == (404, "no-domain")
    assert refused(control.domain, "other") == (404, "no-domain")
    assert refused(control.volumes, "other") == (404, "no-domain")


def test_a_domain_outside_the_roots_is_refused(control):
    assert refused(control.add_domain, "etc", name="etc", path="/etc") == (403, "forbidden-path")


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("PUT", "/domains/x", b""),
        ("PUT", "/domains/x", b"{}"),
        ("PUT", "/domains/x", b"[]"),
        ("PUT", "/domains/x", b'{"name": 1, "path": "/"}'),
        ("PUT", "/domains/iso/volumes/x", b'{"size": "10"}'),
        ("PUT", "/domains/iso/volumes/x", b'{"size": 1.5}'),
        ("PUT", "/domains/iso/volumes/x", b'{"size": true}'),
        ("PUT", "/domains/iso/volumes/x", b'{"size": -1}'),
        ("PUT", "/domains/iso/volumes/x", b'{"size": 1e400}'),
        ("PUT", "/domains/iso/volumes/x", b'{"size": 10, "allocation": null}'),
        ("POST", "/domains/iso/volumes/x/digests", b'{"ranges": {}}'),
        ("POST", "/domains/iso/volumes/x/digests", b'{"ranges": [[0]]}'),
        ("POST", "/domains/iso/volumes/x/digests", b'{"ranges": [["0", "1"]]}'),
        ("POST", "/domains/iso/volumes/x/digests", b'{"ranges": [[true, 1]]}'),
        ("POST", "/domains/iso/volumes/x/verify", b'{"format": "vmdk", "max_virtual_size": 1}'),
        ("POST", "/domains/iso/volumes/x/verify", b'{"format": "raw"}'),
        ("POST", "/domains/iso/volumes/x/verify", b'{"format": "raw", "max_virtual_size": 0}'),
        ("POST", "/domains/iso/volumes/x/verify", b'{"format": "raw", "max_virtual_size": 1, "sha256": "abc"}'),
        ("POST", "/domains/iso/volumes/x/verify", b'{"format": "raw", "max_virtual_size": 1, "sha256": 7}'),
        ("POST", "/domains/iso/volumes/x/verify", b'{"format": "raw", "max_virtual_size": 1, "digest": "no"}'),
        ("POST", "/domains/iso/volumes/x/verify", b'{"format": "raw", "max_virtual_size": 1, "digests": "md5"}'),
        ("POST", "/domains/iso/volumes/x/verify", b'{"format": "raw", "max_virtual_size": 1, "digests": ["md5", "sha256"]}'),
        ("POST", "/domains/iso/volumes/x/verify", b'{"format": "raw", "max_virtual_size": 1, "digests": ["shake_128"]}'),
        ("POST", "/domains/iso/volumes/x/verify", b'{"format": "raw", "max_virtual_size": 1, "digests": [["md5"], null]}'),
        ("PUT", "/domains/iso/volumes/x", b'{"size": 10, "complete": "yes"}'),
        ("PUT", "/domains/iso/volumes/x", b'{"size": 10, "complete": true, "format": "vmdk"}'),
        ("PUT", "/domains/iso/volumes/x", b'{"size": 10, "complete": true, "format": 1}'),
        ("PUT", "/domains/iso/volumes/x", b'{"size": 10, "complete": true, "allocation": "thick"}'),
        ("PUT", "/domains/iso/volumes/x", b'{"size": 10, "complete": true, "initial_size": 11}'),
        ("POST", "/domains/iso/volumes/x/reset", b'{"size": "0"}'),
        ("POST", "/domains/iso/volumes/x/reset", b'{"size": -1}'),
        ("PUT", "/domains/iso/volumes/x/export", b"{}"),
        ("PUT", "/domains/iso/volumes/x/export", b'{"id": "t"}'),
        ("PUT", "/domains/iso/volumes/x/export", b'{"id": "t", "read_only": 1}'),
        ("PUT", "/domains/iso/volumes/x/export", b'{"id": 7, "read_only": true}'),
        ("PUT", "/domains/iso/volumes/x/export", b'{"id": "../t", "read_only": true}'),
        ("PUT", "/domains/iso/volumes/../export", b'{"id": "t", "read_only": true}'),
    ],
)
def test_a_bad_body_is_refused_before_anything_happens(control, root, method, path, body):
    status, _ = raw(control, method, path, body)

    assert status == 400
    assert os.listdir(root / "iso") == [".image-domain"]


@pytest.mark.parametrize("act", ["verify", "sha256", "complete", "reset", "digests"])
def test_a_volume_that_is_not_there_is_named(control, act):
    bodies = {"verify": b'{"format": "raw", "max_virtual_size": 1}', "digests": b'{"ranges": []}', "reset": b"{}"}

    assert raw(control, "POST", f"/domains/iso/volumes/{NAME}/{act}", bodies.get(act, b"")) == (404, "no-volume")


def test_a_job_is_canceled_and_canceling_again_is_fine(control):
    stored(control, GRUB)
    job = control.verify("iso", NAME, format="iso", sha256=None, max_virtual_size=TIB)

    control.cancel_job(job["id"])
    control.cancel_job(job["id"])

    assert outcome(control, job)["state"] in ("canceled", "done")


def test_an_unknown_job_is_404(control):
    assert refused(control.job, "nothing") == (404, "no-job")


def test_deleting_ends_the_verification(control):
    volume = control.create_volume("iso", NAME, size=20 << 30)
    job = control.verify("iso", NAME, format="raw", sha256=None, max_virtual_size=TIB)

    control.delete_volume("iso", NAME)

    assert outcome(control, job)["state"] == "canceled"
    assert not os.path.exists(volume["path"])


def test_an_empty_disk_is_ready_at_once_and_says_whether_it_is_new(control):
    body = b'{"size": 1000, "format": "qcow2", "complete": true}'

    assert raw(control, "PUT", f"/domains/iso/volumes/{QCOW2}", body)[0] == 201
    assert raw(control, "PUT", f"/domains/iso/volumes/{QCOW2}", body)[0] == 200
    volume = control.volume("iso", QCOW2)
    assert (volume["state"], volume["format"], volume["virtual_size"]) == ("complete", "qcow2", 1024)


def test_a_disk_of_another_format_than_its_name_says_is_refused(control):
    assert refused(control.create_volume, "iso", NAME, size=10, format="qcow2", complete=True) == (400, "bad-request")


def test_without_digest_nothing_is_hashed(control):
    control.create_volume("iso", QCOW2, size=TIB, initial_size=0, format="qcow2", complete=True)

    job = outcome(control, control.verify("iso", QCOW2, format="qcow2", sha256=None, max_virtual_size=TIB, digest=False))

    assert (job["state"], job["result"]["sha256"], job["result"]["virtual_size"]) == ("done", None, TIB)
    assert job["done"] == job["total"] == control.volume("iso", QCOW2)["size"]


def test_an_expected_digest_is_compared_whatever_else_was_asked(control):
    stored(control, GRUB)

    job = outcome(control, control.verify("iso", NAME, format="iso", sha256="0" * 64, max_virtual_size=TIB, digest=False))

    assert (job["state"], job["error"]["code"]) == ("failed", "sha256-mismatch")


def test_digests_are_taken_by_name(control):
    stored(control, GRUB)

    job = outcome(control, control.verify("iso", NAME, format="iso", sha256=None, max_virtual_size=TIB, digests=["sha1", "md5", "sha1"]))

    data = GRUB.read_bytes()
    assert job["result"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert job["result"]["digests"] == {"md5": hashlib.md5(data).hexdigest(), "sha1": hashlib.sha1(data).hexdigest()}


@pytest.mark.parametrize("done", [False, True])
def test_a_volume_is_hashed_alone_partial_or_complete(control, done):
    stored(control, GRUB)
    if done:
        control.complete_volume("iso", NAME)

    job = outcome(control, control.sha256("iso", NAME))

    assert job["result"] == {"sha256": hashlib.sha256(GRUB.read_bytes()).hexdigest()}


def test_a_complete_volume_is_verified_after_it_was_written_in_its_place(control, qcow2):
    control.create_volume("iso", QCOW2, size=64 << 20, format="qcow2", complete=True)
    shutil.copyfile(qcow2, control.reset_volume("iso", QCOW2)["path"])

    job = outcome(control, control.verify("iso", QCOW2, format="qcow2", sha256=None, max_virtual_size=TIB))

    assert job["result"]["sha256"] == hashlib.sha256(qcow2.read_bytes()).hexdigest()


def test_what_an_older_longer_file_left_behind_the_image_does_not_spoil_it(control, qcow2, root):
    control.create_volume("iso", QCOW2, size=64 << 20, format="qcow2", complete=True)
    (root / "iso" / QCOW2).write_bytes(qcow2.read_bytes() + os.urandom(5 << 20))

    job = outcome(control, control.verify("iso", QCOW2, format="qcow2", sha256=None, max_virtual_size=TIB, digest=False))

    assert job["state"] == "done", job


def test_an_export_lives_from_its_id_to_its_end(control, root):
    control.create_volume("iso", QCOW2, size=1 << 20, format="qcow2", complete=True)

    export = control.export("iso", QCOW2, "t", False)

    assert (export["id"], export["size"]) == ("t", 1 << 20)
    assert control.export("iso", QCOW2, "t", False) == export
    assert raw(control, "PUT", f"/domains/iso/volumes/{QCOW2}/export", b'{"id": "t", "read_only": false}')[0] == 200
    control.put_ticket({"uuid": "t", "size": 1 << 20, "ops": ["write"], "timeout": 60, "url": export["url"]})
    assert refused(control.export, "iso", QCOW2, "another", True) == (409, "exported")
    assert refused(control.verify, "iso", QCOW2, format="qcow2", sha256=None, max_virtual_size=TIB) == (409, "exported")
    assert refused(control.sha256, "iso", QCOW2) == (409, "exported")
    assert refused(control.reset_volume, "iso", QCOW2) == (409, "exported")
    control.delete_ticket("t")

    control.end_export("iso", QCOW2, "t")
    control.end_export("iso", QCOW2, "t")
    assert control.sha256("iso", QCOW2)["id"]
    assert not os.path.exists(export["url"].removeprefix("nbd:unix:"))


@pytest.mark.parametrize("act", ["export", "reset"])
def test_who_writes_a_volume_ends_the_jobs_that_read_it(control, act):
    control.create_volume("iso", RAW, size=20 << 30, initial_size=0, complete=True)
    job = control.sha256("iso", RAW)

    if act == "export":
        control.export("iso", RAW, "t", False)
    else:
        control.reset_volume("iso", RAW)

    assert outcome(control, job)["state"] == "canceled"
    control.end_export("iso", RAW, "t")


def test_who_reads_a_volume_lets_its_jobs_go_on(control, qcow2, root):
    shutil.copyfile(qcow2, root / "iso" / QCOW2)
    job = control.sha256("iso", QCOW2)

    control.export("iso", QCOW2, "t", True)

    assert outcome(control, job)["result"] == {"sha256": hashlib.sha256(qcow2.read_bytes()).hexdigest()}
    control.end_export("iso", QCOW2, "t")


def test_an_image_that_cannot_be_opened_is_refused_with_its_reason(control, root):
    (root / "iso" / QCOW2).write_bytes(b"something else" * 1000)

    assert refused(control.export, "iso", QCOW2, "t", True) == (422, "format-mismatch")


def test_deleting_a_volume_ends_its_exports(control):
    control.create_volume("iso", QCOW2, size=1 << 20, format="qcow2", complete=True)
    export = control.export("iso", QCOW2, "t", True)

    control.delete_volume("iso", QCOW2)

    assert not os.path.exists(export["url"].removeprefix("nbd:unix:"))


@pytest.mark.parametrize("domain", ["iso", "none"])
def test_ending_an_export_of_what_is_not_there_is_fine(control, domain):
    assert raw(control, "DELETE", f"/domains/{domain}/volumes/{QCOW2}/export?id=t", b"")[0] == 204


@pytest.mark.parametrize("path", ["/domains/", "/domains/iso/", "/domains/iso/volumes/", "/jobs", "/domains/iso/volumes/x/y", "/x/domains"])
def test_no_other_address_answers(control, path):
    assert raw(control, "GET", path, b"")[0] == 404
