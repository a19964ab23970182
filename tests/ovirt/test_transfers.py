"""Disks in and out with oVirt's SDK and its images client, compared bit for bit."""

import json
import urllib.request

import ovirtsdk4
import pytest
from ovirt_imageio import client
from ovirtsdk4 import types

from tests import silence
from tests.ovirt.conftest import MIB, qemu_img
from tests.waiting import wait_for

URLS = ("transfer_url", "proxy_url")


@pytest.fixture
def disk(engine):
    """An empty raw disk of 8 MiB; deleted afterwards, if it is still there."""
    made = engine.add_disk(8 * MIB)
    yield made
    cleaned(engine, made.id)


def cleaned(engine, disk_id: str) -> None:
    """Ends what runs on the disk, and deletes it."""
    for transfer in engine.transfers.list():
        if transfer.disk and transfer.disk.id == disk_id and not transfer.phase.value.startswith(("finished", "finalizing", "cancelled")):
            engine.act(transfer.id, "cancel")

    def gone() -> bool:
        try:
            engine.disks.disk_service(disk_id).remove()
        except ovirtsdk4.NotFoundError:
            return True
        except ovirtsdk4.Error as error:
            assert error.code == 409, error
            return False
        return True

    wait_for(gone, "the disk to be deleted")


def upload(engine, disk_id: str, path, url: str = "transfer_url", **more) -> None:
    transfer = engine.start(disk_id, **more)
    client.upload(str(path), getattr(transfer, url), engine.ca)
    engine.finalize(transfer.id)


def download(engine, disk_id: str, path, *, url: str = "transfer_url", fmt: str = "raw", **more) -> None:
    transfer = engine.start(disk_id, direction="download", **more)
    client.download(getattr(transfer, url), str(path), engine.ca, fmt=fmt)
    engine.finalize(transfer.id)


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(("format", "sparse"), [("raw", True), ("raw", False), ("cow", True), ("cow", False)])
def test_a_disk_is_uploaded_and_downloaded(engine, image, tmp_path, format, sparse, url):
    disk = engine.add_disk(8 * MIB, format=format, sparse=sparse)

    upload(engine, disk.id, image, url)
    for fmt in ("raw", "qcow2"):
        download(engine, disk.id, tmp_path / fmt, url=url, fmt=fmt)
        qemu_img("compare", image, tmp_path / fmt)

    told = engine.disks.disk_service(disk.id).get()
    assert (told.status, told.format, told.provisioned_size, told.sparse) == (
        types.DiskStatus.OK,
        types.DiskFormat(format),
        8 * MIB,
        sparse,
    )
    cleaned(engine, disk.id)


def test_a_file_in_qcow2_travels_as_it_is(engine, image, tmp_path):
    file = tmp_path / "image.qcow2"
    qemu_img("convert", "-O", "qcow2", image, file)
    disk = engine.add_disk(8 * MIB, format="cow")

    transfer = engine.start(disk.id, format="cow")
    put(transfer.transfer_url, file.read_bytes(), engine)
    engine.finalize(transfer.id)
    transfer = engine.start(disk.id, format="cow", direction="download")
    (tmp_path / "copy.qcow2").write_bytes(get(transfer.proxy_url, engine))
    engine.finalize(transfer.id)

    qemu_img("compare", image, tmp_path / "copy.qcow2")
    cleaned(engine, disk.id)


def put(url: str, data: bytes, engine) -> None:
    request = urllib.request.Request(url, data, method="PUT")
    with urllib.request.urlopen(request, context=engine.product.tls, timeout=60) as response:
        assert response.status == 200


def get(url: str, engine) -> bytes:
    with urllib.request.urlopen(url, context=engine.product.tls, timeout=60) as response:
        return response.read()


def test_a_checksum_is_the_hosts_own(engine, disk, image):
    upload(engine, disk.id, image)
    transfer = engine.start(disk.id, direction="download")

    told = json.loads(get(f"{transfer.transfer_url}/checksum", engine))

    assert told == client.checksum(str(image), block_size=told["block_size"], algorithm=told["algorithm"])
    engine.finalize(transfer.id)


def test_two_transfers_at_once(engine, disk, image, tmp_path):
    other = engine.add_disk(8 * MIB, name="other", format="cow")
    first, second = engine.start(disk.id), engine.start(other.id)

    client.upload(str(image), first.transfer_url, engine.ca)
    client.upload(str(image), second.proxy_url, engine.ca)
    engine.finalize(second.id)
    engine.finalize(first.id)

    for number, one in enumerate((disk.id, other.id)):
        download(engine, one, tmp_path / str(number))
        qemu_img("compare", image, tmp_path / str(number))
    cleaned(engine, other.id)


def test_a_transfer_is_told_as_it_was_asked_for(engine, disk):
    host = engine.system.hosts_service().list()[0]
    transfer = engine.start(
        disk.id,
        shallow=True,
        inactivity_timeout=77,
        timeout_policy=types.ImageTransferTimeoutPolicy.PAUSE,
        host=types.Host(id=host.id),
    )

    assert (transfer.disk.id, transfer.host.id) == (disk.id, host.id)
    assert transfer.direction == types.ImageTransferDirection.UPLOAD
    assert transfer.format == types.DiskFormat.RAW
    assert (transfer.shallow, transfer.inactivity_timeout) == (True, 77)
    assert transfer.timeout_policy == types.ImageTransferTimeoutPolicy.PAUSE
    assert transfer.active is True
    assert engine.connection.follow_link(transfer.host).name == host.name
    assert f":{engine.product.settings['daemon_port']}/images/" in transfer.transfer_url
    assert f":{engine.product.settings['images_port']}/images/" in transfer.proxy_url
    assert transfer.id not in transfer.transfer_url
    assert engine.disks.disk_service(disk.id).get().status == types.DiskStatus.LOCKED


def test_a_transfer_is_found_by_its_correlation_id(engine, disk):
    transfer = engine.transfers.add(types.ImageTransfer(disk=types.Disk(id=disk.id)), query={"correlation_id": "my-own-id"})

    [job] = engine.system.jobs_service().list(search="correlation_id=my-own-id")
    assert (job.id, job.status) == (transfer.id, types.JobStatus.STARTED)
    assert {event.correlation_id for event in engine.system.events_service().list(search="correlation_id=my-own-id")} == {"my-own-id"}
    engine.act(transfer.id, "cancel")
    engine.wait_for_phase(transfer.id, "finished_cleanup", "finished_failure")
    [job] = engine.system.jobs_service().list(search="correlation_id=my-own-id")
    assert job.status == types.JobStatus.ABORTED


def test_a_pause_stops_the_data_and_a_resume_gives_a_new_address(engine, disk, image, tmp_path):
    transfer = engine.start(disk.id)
    put(transfer.transfer_url, image.read_bytes()[: 4 * MIB], engine)

    engine.act(transfer.id, "pause")
    paused = engine.transfer(transfer.id)
    assert paused.phase == types.ImageTransferPhase.PAUSED_USER
    assert paused.transfer_url is None and paused.proxy_url is None
    for url in (transfer.transfer_url, transfer.proxy_url):
        with pytest.raises(urllib.error.HTTPError) as raised:
            put(url, b"x" * 4096, engine)
        assert raised.value.code in (401, 403, 404)

    engine.act(transfer.id, "resume")
    resumed = engine.wait_for_phase(transfer.id, "transferring")
    assert resumed.transfer_url not in (None, transfer.transfer_url)
    assert resumed.transferred == 4 * MIB
    client.upload(str(image), resumed.transfer_url, engine.ca)
    engine.finalize(transfer.id)
    download(engine, disk.id, tmp_path / "copy")
    qemu_img("compare", image, tmp_path / "copy")


def test_a_transfer_that_an_sdk_started_is_paused_and_cancelled_by_the_native_api(engine, disk):
    transfer = engine.start(disk.id)

    assert engine.product.ok("POST", f"/transfers/{transfer.id}/pause")["phase"] == "paused_user"
    assert engine.transfer(transfer.id).phase == types.ImageTransferPhase.PAUSED_USER
    engine.product.ok("POST", f"/transfers/{transfer.id}/cancel")
    engine.wait_for_phase(transfer.id, "finished_cleanup", "finished_failure")


def test_a_cancelled_upload_takes_its_disk_with_it(engine, disk):
    transfer = engine.start(disk.id)

    engine.act(transfer.id, "cancel")
    engine.wait_for_phase(transfer.id, "finished_cleanup", "finished_failure")

    with pytest.raises(ovirtsdk4.NotFoundError):
        engine.disks.disk_service(disk.id).get()


def test_a_cancelled_download_leaves_its_disk(engine, disk):
    transfer = engine.start(disk.id, direction="download")

    engine.act(transfer.id, "cancel")
    engine.wait_for_phase(transfer.id, "finished_cleanup", "finished_failure")

    assert engine.wait_for_disk(disk.id).status == types.DiskStatus.OK


@pytest.mark.parametrize(("direction", "policy", "phase"), silence.ENDINGS)
def test_what_comes_of_silence(engine, disk, direction, policy, phase):
    transfer = engine.start(disk.id, direction=direction, inactivity_timeout=1, timeout_policy=types.ImageTransferTimeoutPolicy(policy))

    engine.wait_for_phase(transfer.id, phase)


def test_an_extension_is_activity(engine, disk):
    transfer = engine.start(disk.id, inactivity_timeout=0)

    engine.act(transfer.id, "extend")

    assert engine.transfer(transfer.id).phase == types.ImageTransferPhase.TRANSFERRING


def test_a_disk_is_renamed_and_described(engine, disk):
    changed = engine.disks.disk_service(disk.id).update(types.Disk(name="renamed", description="what it is"))

    assert (changed.name, changed.alias, changed.description) == ("renamed", "renamed", "what it is")
    assert engine.disks.list(search="name=renamed and description=what*")[0].id == disk.id
    assert engine.disks.disk_service(disk.id).update(types.Disk(alias="again")).name == "again"
    # As a whole, with its size: what most scripts do.
    whole = engine.disks.disk_service(disk.id).get()
    whole.description = "as a whole"
    assert engine.disks.disk_service(disk.id).update(whole).description == "as a whole"


def test_a_disk_for_an_iso(engine, tmp_path):
    iso = tmp_path / "boot.iso"
    iso.write_bytes(b"\0" * 32768 + b"\x01CD001\x01\0" + b"\0" * (2 * MIB - 32776))
    disk = engine.add_disk(2 * MIB, sparse=False, content_type=types.DiskContentType.ISO)

    upload(engine, disk.id, iso)

    told = engine.disks.disk_service(disk.id).get()
    assert (told.content_type, told.format, told.status) == (types.DiskContentType.ISO, types.DiskFormat.RAW, types.DiskStatus.OK)
    cleaned(engine, disk.id)


def test_a_disk_has_the_id_that_was_asked_for(engine):
    wanted = "5d9a2a9c-7f7e-4b0e-9d0b-1d5a1c8e0f11"

    assert engine.add_disk(MIB, id=wanted).id == wanted

    with pytest.raises(ovirtsdk4.Error) as raised:
        engine.add_disk(MIB, id=wanted)
    assert raised.value.code == 409
    cleaned(engine, wanted)


@pytest.mark.parametrize("words", [(), ("--format", "raw"), ("--format", "raw", "--preallocated")], ids=str)
def test_ovirt_img(engine, ovirt_img, image, tmp_path, words):
    told = json.loads(
        ovirt_img("upload-disk", "--storage-domain", "data", "--name", "by the tool", "-o", "json", *words, image).splitlines()[-1]
    )
    [disk] = engine.disks.list(search='name="by the tool"')

    ovirt_img("download-disk", disk.id, tmp_path / "copy.qcow2")

    assert told
    qemu_img("compare", image, tmp_path / "copy.qcow2")
    cleaned(engine, disk.id)


def test_a_lost_sdk_leaves_nothing_that_cannot_be_ended(engine, disk):
    """A script that was killed: its transfer is listed, and cancelled by whoever comes next."""
    transfer = engine.start(disk.id)

    found = [one for one in engine.transfers.list() if one.disk and one.disk.id == disk.id and one.phase.value == "transferring"]

    assert [one.id for one in found] == [transfer.id]
