"""What goes wrong with disks and transfers, as oVirt's SDK tells it, and as it is written."""

import contextlib
import http.client
import re
import ssl
import urllib.request

import ovirtsdk4
import pytest
from lxml import etree
from ovirtsdk4 import types

from tests.e2e.product import PASSWORD
from tests.ovirt.conftest import MIB, Engine
from tests.ovirt.test_transfers import cleaned, put
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def disk(engine):
    """A raw disk that these tests leave as it is."""
    made = engine.add_disk(MIB, name="left as it is")
    yield made
    cleaned(engine, made.id)


@contextlib.contextmanager
def refused(code: int, told: str):
    """What is done inside gets a fault with that status, which says `told`; the SDK makes the right exception of it."""
    kind = {401: ovirtsdk4.AuthError, 403: ovirtsdk4.AuthError, 404: ovirtsdk4.NotFoundError}.get(code, ovirtsdk4.Error)
    with pytest.raises(kind, match=told) as raised:
        yield
    assert raised.value.code == code, raised.value
    assert raised.value.fault.reason == "Operation Failed"


def call(engine: Engine, method: str, path: str, body: str | None = None, *, token: str | None = None) -> tuple[int, str]:
    """A raw request: the status, and the fault's detail (or the whole body)."""
    connection = engine.product.connect()
    try:
        headers = {"Authorization": f"Bearer {token or engine.product.token}", "Content-Type": "application/xml"}
        connection.request(method, f"/ovirt-engine/api{path}", body, headers)
        response = connection.getresponse()
        text = response.read()
        assert response.headers["Content-Type"] == "application/xml; charset=utf-8"
        return response.status, etree.fromstring(text).findtext("detail") or text.decode()
    finally:
        connection.close()


def download_of(disk_id: str) -> types.ImageTransfer:
    return types.ImageTransfer(disk=types.Disk(id=disk_id), direction=types.ImageTransferDirection.DOWNLOAD)


def test_a_second_transfer_on_a_disk(engine, disk):
    transfer = engine.start(disk.id, direction="download")

    for wanted in (download_of(disk.id), types.ImageTransfer(disk=types.Disk(id=disk.id))):
        with refused(409, "is locked"):
            engine.transfers.add(wanted)
    status, told = call(engine, "POST", "/imagetransfers", f'<image_transfer><disk id="{disk.id}"/></image_transfer>')
    assert status == 409 and "is locked" in told
    assert engine.transfer(transfer.id).phase == types.ImageTransferPhase.TRANSFERRING
    engine.finalize(transfer.id)


def test_a_disk_that_is_being_transferred_is_not_deleted(engine, disk):
    transfer = engine.start(disk.id, direction="download")

    with refused(409, "is locked"):
        engine.disks.disk_service(disk.id).remove()
    engine.finalize(transfer.id)
    assert engine.disks.disk_service(disk.id).get().status == types.DiskStatus.OK


def test_an_illegal_disk_gives_nothing_and_says_why(engine, product):
    text = b"This is no image of a CD." * 2000
    transfer = product.create("wrong.iso", len(text), format="iso", domain="iso")
    with product.open_session(transfer["id"]) as session:
        assert session.put(text, 0, len(text))[0] == 200
    product.ok("POST", f"/transfers/{transfer['id']}/finalize")
    product.finished(transfer["id"])

    told = engine.disks.disk_service(transfer["image_id"]).get()
    assert told.status == types.DiskStatus.ILLEGAL
    with refused(409, "is not a good image"):
        engine.transfers.add(download_of(transfer["image_id"]))
    assert engine.transfer(transfer["id"]).phase == types.ImageTransferPhase.FINISHED_FAILURE
    engine.disks.disk_service(transfer["image_id"]).remove()


def test_actions_that_the_phase_does_not_allow(engine, disk):
    transfer = engine.start(disk.id, direction="download")
    with refused(409, "it cannot resume"):
        engine.act(transfer.id, "resume")
    with refused(409, "cannot be paused"):
        engine.act(transfer.id, "pause")

    engine.finalize(transfer.id)

    # Once more: the system may have been faster.
    engine.finalize(transfer.id)
    for name in ("pause", "resume", "cancel", "extend"):
        with refused(409, "finished_success"):
            engine.act(transfer.id, name)
        status, told = call(engine, "POST", f"/imagetransfers/{transfer.id}/{name}", "<action/>")
        assert status == 409 and "finished_success" in told


def test_finalizing_with_data_missing_of_a_file_that_travels_as_it_is(engine):
    made = engine.add_disk(MIB, format="cow")
    transfer = engine.start(made.id, format="cow")

    with refused(409, "have not arrived|is empty|no data"):
        engine.act(transfer.id, "finalize")

    assert engine.transfer(transfer.id).phase == types.ImageTransferPhase.TRANSFERRING
    cleaned(engine, made.id)


def test_finalizing_a_preallocated_disk_with_data_missing(engine):
    made = engine.add_disk(2 * MIB, sparse=False)
    transfer = engine.start(made.id)
    put(transfer.transfer_url, b"x" * MIB, engine)

    with refused(409, "1.00 MiB of the image have not arrived"):
        engine.act(transfer.id, "finalize")
    status, told = call(engine, "POST", f"/imagetransfers/{transfer.id}/finalize", "<action/>")
    assert status == 409 and "have not arrived" in told

    put(transfer.transfer_url, b"y" * (2 * MIB), engine)
    engine.finalize(transfer.id)
    cleaned(engine, made.id)


def test_finalizing_what_a_browser_has_not_sent(engine, product):
    transfer = product.create("missing.raw", 1000)

    with refused(409, "have not arrived"):
        engine.act(transfer["id"], "finalize")

    assert product.transfer(transfer["id"])["phase"] == "transferring"
    engine.act(transfer["id"], "cancel")


def test_a_host_that_is_not_there(engine, disk):
    host = types.Host(id="00000000-0000-0000-0000-000000000000")

    with refused(404, "There is no such host"):
        engine.transfers.add(types.ImageTransfer(disk=types.Disk(id=disk.id), host=host))
    assert engine.disks.disk_service(disk.id).get().status == types.DiskStatus.OK


def test_a_preallocated_disk_that_has_no_room(engine):
    with refused(409, "free, and too large needs"):
        engine.add_disk(32 << 40, name="too large", sparse=False)

    wait_for(lambda: engine.disks.list(search='name="too large"') == [], "what was begun of it to be removed")


@pytest.mark.parametrize("size", [1 << 60, (1 << 63) - 1])
def test_a_disk_that_is_larger_than_any_may_be(engine, size):
    with refused(400, "size"):
        engine.add_disk(size, name="larger than any")

    assert engine.disks.list(search='name="larger than any"') == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\x07b", "x" * 300, "\u202egnp.exe"])
def test_a_name_that_cannot_be_used(engine, name):
    with pytest.raises(ovirtsdk4.Error) as raised:
        engine.add_disk(MIB, name=name)

    assert raised.value.code == 400


def test_another_users_transfer_is_not_touched(engine, product, disk):
    product.command("user", "add", "ulf", "--role", "uploader", input=f"{PASSWORD}\n")
    transfer = engine.start(disk.id, direction="download")
    token = product.command("token", "add", "--user", "ulf").strip()

    with contextlib.closing(ovirtsdk4.Connection(url=engine.url, token=token, ca_file=engine.ca)) as connection:
        service = connection.system_service().image_transfers_service().image_transfer_service(transfer.id)
        assert service.get().transfer_url is None
        for act in (service.cancel, service.finalize, service.extend):
            with refused(403, "Your role"):
                act()
    engine.finalize(transfer.id)


def test_an_upload_by_a_viewer(engine, product, disk):
    product.command("user", "add", "vera", "--role", "viewer", input=f"{PASSWORD}\n")
    token = product.command("token", "add", "--user", "vera").strip()

    with contextlib.closing(ovirtsdk4.Connection(url=engine.url, token=token, ca_file=engine.ca)) as connection:
        transfers = connection.system_service().image_transfers_service()
        with refused(403, "Your role"):
            transfers.add(types.ImageTransfer(disk=types.Disk(id=disk.id)))
    status, told = call(engine, "POST", "/imagetransfers", f'<image_transfer><disk id="{disk.id}"/></image_transfer>', token=token)
    assert status == 403 and "Your role" in told
    assert engine.disks.disk_service(disk.id).get().status == types.DiskStatus.OK


def test_an_address_that_nobody_was_given(engine, disk):
    transfer = engine.start(disk.id, direction="download")

    for url in (transfer.transfer_url, transfer.proxy_url):
        guessed = re.sub(r"[0-9a-f]$", lambda found: "0" if found[0] != "0" else "1", url)
        connection = http.client.HTTPSConnection(*re.search(r"//([^:/]+):(\d+)", guessed).groups(), context=engine.product.tls, timeout=30)
        connection.request("GET", re.sub(r"https://[^/]+", "", guessed))
        assert connection.getresponse().status in (401, 403)
        connection.close()
    engine.finalize(transfer.id)


def test_a_certificate_of_another_authority(engine, certificate, disk):
    with pytest.raises(ovirtsdk4.Error, match="certificate"):
        ovirtsdk4.Connection(url=engine.url, username="admin@internal", password=PASSWORD, ca_file=certificate[0]).authenticate()

    transfer = engine.start(disk.id, direction="download")
    for url in (transfer.transfer_url, transfer.proxy_url):
        with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
            urllib.request.urlopen(url, context=ssl.create_default_context(cafile=certificate[0]), timeout=30)
    engine.finalize(transfer.id)


def test_a_host_that_is_down(own_product):
    product = own_product(monitor_interval=0.2)
    with contextlib.closing(Engine(product)) as engine:
        made = engine.add_disk(MIB)
        transfer = engine.start(made.id)
        put(transfer.proxy_url, b"x" * MIB, engine)
        stopped = product.daemon()
        stopped.suspend()
        try:
            with refused(503, "does not answer"):
                engine.disks.add(
                    types.Disk(
                        name="never",
                        format=types.DiskFormat.RAW,
                        provisioned_size=MIB,
                        sparse=True,
                        storage_domains=[types.StorageDomain(name="data")],
                    )
                )
            paused = engine.wait_for_phase(transfer.id, "paused_system")
            assert paused.transfer_url is None
            assert wait_for(lambda: engine.system.hosts_service().list()[0].status != types.HostStatus.UP, "the host to be down")
            assert engine.system.storage_domains_service().list()[0].status == types.StorageDomainStatus.INACTIVE
        finally:
            stopped.resume()
        assert [one.name for one in engine.disks.list()] == ["disk"]
