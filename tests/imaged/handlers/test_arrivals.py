"""What is done with an image that has arrived, through the control service's real server and its real client."""

import json
import os
import shutil

import pytest

from imaged import client, services
from imaged.httpd.server import Server
from tests.imaged import qemu
from tests.imaged.conftest import wait

VMDK, QCOW2 = "11111111-2222-3333-4444-555555555555.vmdk", "11111111-2222-3333-4444-555555555555.qcow2"
MIB = 1 << 20


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """One control service for all these tests: its context, its root and its address."""
    directory = tmp_path_factory.mktemp("host")
    root, path = directory / "root", str(directory / "control.sock")
    root.mkdir()
    context = services.Context([root], scan_command=["/bin/sh", "-c", "grep -q EICAR && echo Eicar && exit 1; exit 0"])
    server = Server(path, services.control_app(context), threads=2, shutdown_timeout=0.5)
    thread = server.launch()
    yield context, root, f"unix:{path}"
    server.stop()
    thread.join()
    context.close()


@pytest.fixture
def root(service):
    return service[1]


@pytest.fixture
def control(service, root):
    control = client.Control(service[2])
    control.add_domain("iso", name="ISO images", path=str(root / "iso"))
    yield control
    shutil.rmtree(root / "iso")


@pytest.fixture(scope="module")
def vmdk(tmp_path_factory):
    """A stream-optimized VMDK and the raw disk that it is made of."""
    directory = tmp_path_factory.mktemp("vmdk")
    (directory / "raw").write_bytes(b"EICAR" + os.urandom(MIB) + bytes(MIB - 5))
    qemu.qemu_img("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", "raw", "vmdk", cwd=directory)
    return directory


@pytest.fixture
def arrived(control, vmdk):
    volume = control.create_volume("iso", VMDK, size=(vmdk / "vmdk").stat().st_size)
    shutil.copyfile(vmdk / "vmdk", volume["path"])


def outcome(control, job):
    wait(lambda: control.job(job["id"])["state"] != "running")
    return control.job(job["id"])


def refused(act, *words, **more):
    with pytest.raises(client.Refused) as refusal:
        act(*words, **more)
    return refusal.value.status, refusal.value.code


def post(control, path, body):
    """Status and code of a request that the client would not make."""
    data = json.dumps(body).encode()
    with client.Images(control.address).connection() as connection:
        connection.start("POST", path, [("Content-Length", str(len(data)))])
        connection.send(data)
        response = connection.response()
        response.read()
        return response.status, response.headers.get("Error-Code")


def test_an_image_goes_its_way_from_a_foreign_disk_to_a_verified_complete_one(control, arrived, vmdk, root):
    found = outcome(control, control.inspect("iso", VMDK))["result"]
    converted = outcome(control, control.convert("iso", VMDK, target=QCOW2, format="qcow2", source_format=found["format"]))
    verified = outcome(control, control.verify("iso", QCOW2, format="qcow2", sha256=None, max_virtual_size=2 * MIB))
    volume = control.complete_volume("iso", QCOW2)
    control.delete_volume("iso", VMDK)

    assert (found["format"], found["subformat"], found["virtual_size"]) == ("vmdk", "streamOptimized", 2 * MIB)
    assert (converted["state"], converted["result"]["size"]) == ("done", volume["size"])
    assert (verified["state"], verified["result"]["virtual_size"]) == ("done", 2 * MIB)
    assert qemu.same(vmdk / "raw", volume["path"], ("raw", "qcow2"))
    assert sorted(os.listdir(root / "iso")) == [".image-domain", QCOW2]


def test_the_same_conversion_while_it_runs_is_the_same_job(control, arrived, service, monkeypatch):
    first = control.convert("iso", VMDK, target=QCOW2, format="qcow2")
    again = control.convert("iso", VMDK, target=QCOW2, format="qcow2")

    # It may have ended before it was asked for again.
    assert again["id"] == first["id"] or control.job(first["id"])["state"] == "done"
    assert outcome(control, again)["state"] == "done"


def test_a_limit_is_kept(control, arrived):
    inspected = outcome(control, control.inspect("iso", VMDK, max_virtual_size=MIB))
    converted = outcome(control, control.convert("iso", VMDK, target=QCOW2, format="qcow2", max_virtual_size=MIB))

    assert [job["error"]["code"] for job in (inspected, converted)] == ["virtual-size", "virtual-size"]


def test_no_space_tells_both_numbers(control, arrived, monkeypatch):
    real = os.fstatvfs

    def little(file):
        values = list(real(file))
        values[1], values[3], values[4] = 1, MIB // 2, MIB // 2
        return os.statvfs_result(values)

    monkeypatch.setattr(os, "fstatvfs", little)

    error = outcome(control, control.convert("iso", VMDK, target=QCOW2, format="qcow2"))["error"]

    assert error["code"] == "no-space"
    assert error["details"]["available"] < error["details"]["needed"]


@pytest.fixture
def stalls(tmp_path, monkeypatch):
    """A qemu-img that converts for ever; its number is in the file `pid`."""
    program = tmp_path / "bin" / "qemu-img"
    program.parent.mkdir()
    script = f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 600"
    program.write_text(f'#!/bin/sh\n[ "$1" = convert ] || exec {shutil.which("qemu-img")} "$@"\n{script}\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path / "pid"


@pytest.mark.parametrize("end", ["cancel", "delete the original", "delete the target"])
def test_a_conversion_ends_with_its_job_and_with_either_volume(control, arrived, root, stalls, end):
    job = control.convert("iso", VMDK, target=QCOW2, format="qcow2")
    wait(stalls.exists)

    if end == "cancel":
        control.cancel_job(job["id"])
    else:
        control.delete_volume("iso", VMDK if end == "delete the original" else QCOW2)

    assert outcome(control, job)["state"] == "canceled"
    wait(lambda: not (root / "iso" / f".partial-{QCOW2}").exists())


def test_conversions_hold_up_no_verification(control, arrived, stalls, service):
    for number in range(4):
        control.convert("iso", VMDK, target=f"{number}-{QCOW2}", format="qcow2")
    wait(stalls.exists)

    assert outcome(control, control.sha256("iso", VMDK))["state"] == "done"
    service[0].jobs.cancel_all("iso")


def test_a_scan_tells_what_was_found(control, arrived, vmdk):
    raw = control.create_volume("iso", "disk.img", size=2 * MIB)
    clean = outcome(control, control.scan("iso", "disk.img"))
    shutil.copyfile(vmdk / "raw", raw["path"])
    infected = outcome(control, control.scan("iso", "disk.img"))

    assert (clean["state"], clean["result"]) == ("done", {"said": ""})
    assert (infected["state"], infected["error"]["code"]) == ("failed", "infected")


def test_without_a_scanner_it_says_so(daemon):
    daemon.control.add_domain("scanned", name="Scanned", path=str(daemon.root / "scanned"))

    assert refused(daemon.control.scan, "scanned", VMDK) == (409, "no-scanner")


@pytest.mark.parametrize("act", ["inspect", "convert", "scan"])
def test_a_volume_that_is_not_there_is_named(control, act):
    assert post(control, f"/domains/iso/volumes/{VMDK}/{act}", {"target": QCOW2, "format": "qcow2"}) == (404, "no-volume")


@pytest.mark.parametrize("act", ["inspect", "convert", "scan"])
def test_what_an_export_writes_is_left_alone(control, act):
    control.create_volume("iso", "disk.img", size=MIB, complete=True)
    control.export("iso", "disk.img", "t", False)

    assert post(control, f"/domains/iso/volumes/disk.img/{act}", {"target": QCOW2, "format": "qcow2"}) == (409, "exported")
    control.delete_volume("iso", "disk.img")


def test_what_is_there_is_not_converted_over(control, arrived):
    control.create_volume("iso", QCOW2, size=MIB, format="qcow2", complete=True)

    assert refused(control.convert, "iso", VMDK, target=QCOW2, format="qcow2") == (409, "exists")


@pytest.mark.parametrize(
    "act, body",
    [
        ("inspect", []),
        ("inspect", {"max_virtual_size": 0}),
        ("inspect", {"max_virtual_size": "1G"}),
        ("convert", {}),
        ("convert", {"target": QCOW2}),
        ("convert", {"format": "raw"}),
        ("convert", {"target": 7, "format": "qcow2"}),
        ("convert", {"target": QCOW2, "format": "vmdk"}),
        ("convert", {"target": QCOW2, "format": "raw"}),
        ("convert", {"target": "disk.img", "format": "qcow2"}),
        ("convert", {"target": "disk.img", "format": "raw", "compressed": True}),
        ("convert", {"target": QCOW2, "format": "qcow2", "compressed": 1}),
        ("convert", {"target": QCOW2, "format": "qcow2", "source_format": "vpc"}),
        ("convert", {"target": QCOW2, "format": "qcow2", "source_format": 1}),
        ("convert", {"target": QCOW2, "format": "qcow2", "max_virtual_size": -1}),
        ("convert", {"target": VMDK, "format": "raw"}),
    ],
)
def test_a_bad_body_is_refused_before_anything_happens(control, arrived, root, act, body):
    assert post(control, f"/domains/iso/volumes/{VMDK}/{act}", body) == (400, "bad-request")
    assert sorted(os.listdir(root / "iso")) == [".image-domain", f".partial-{VMDK}"]


@pytest.mark.parametrize("target", ["../x.img", "a b.img", ".x.img", "x.durable.img"])
def test_a_target_that_can_be_no_volume_is_refused(control, arrived, target):
    assert refused(control.convert, "iso", VMDK, target=target, format="raw") == (400, "invalid-name")
