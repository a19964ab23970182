"""What is there, as oVirt's SDK sees it, and as it is written."""

import datetime
import json
import secrets

import ovirtsdk4
import pytest
from ovirtsdk4 import types

from tests.web.ovirt.conftest import root

API = "/ovirt-engine/api"


@pytest.fixture(scope="module")
def image(engine):
    """A good image of 1000 bytes."""
    return engine.disk()


@pytest.fixture(scope="module")
def domain(appliance):
    return appliance.admin.domains.get("data")


def test_the_entry_tells_what_this_is(system):
    api = system.get()

    assert api.product_info.name == "Image Upload Appliance"
    assert (api.product_info.version.major, api.product_info.version.minor) == (4, 5)
    assert api.authenticated_user.user_name == "ann@internal"
    assert (api.summary.hosts.total, api.summary.storage_domains.total) == (1, 2)
    assert abs(datetime.datetime.now(datetime.UTC) - api.time) < datetime.timedelta(minutes=5)


def test_every_link_of_the_entry_leads_somewhere(engine):
    for link in engine.get("").findall("link"):
        assert engine.call("GET", link.get("href")).status == 200


def test_storage_domains(system, domain):
    found = {found.name: found for found in system.storage_domains_service().list()}

    assert set(found) == {"data", "iso"}
    data = found["data"]
    assert (data.id, data.href) == (domain.id, f"{API}/storagedomains/{domain.id}")
    assert (data.type, data.status) == (types.StorageDomainType.DATA, types.StorageDomainStatus.ACTIVE)
    assert found["iso"].type == types.StorageDomainType.ISO
    assert data.available > 0 and data.used >= 0
    assert data.storage.type == types.StorageType.LOCALFS
    assert [center.id for center in data.data_centers] == [system.data_centers_service().list()[0].id]


@pytest.mark.parametrize(
    ("search", "names"), [("name=data", ["data"]), ("name=*", ["data", "iso"]), ("name=none", []), ("type=iso", ["iso"])]
)
def test_storage_domains_are_found_by_a_search(system, search, names):
    assert [found.name for found in system.storage_domains_service().list(search=search)] == names


def test_a_storage_domain_by_its_id(system, domain):
    assert system.storage_domains_service().storage_domain_service(domain.id).get().name == "data"


def test_the_disks_of_a_storage_domain(system, domain, image):
    service = system.storage_domains_service().storage_domain_service(domain.id)

    assert image["id"] in [disk.id for disk in service.disks_service().list()]
    found = service.disks_service().list(query={"search": f"name={image['name']}"})
    assert [disk.id for disk in found] == [image["id"]]


def test_a_disk_of_another_storage_domain_is_not_found_there(system, engine, appliance, image):
    iso = appliance.admin.domains.get("iso")

    with pytest.raises(ovirtsdk4.NotFoundError):
        system.storage_domains_service().storage_domain_service(iso.id).disks_service().disk_service(image["id"]).remove()

    assert engine.call("GET", f"/disks/{image['id']}").status == 200


def test_a_disk_is_deleted_through_its_storage_domain(engine, system, domain):
    made = engine.disk()

    system.storage_domains_service().storage_domain_service(domain.id).disks_service().disk_service(made["id"]).remove()

    assert engine.call("GET", f"/disks/{made['id']}").status == 404


def test_a_disk(system, image, domain):
    disk = system.disks_service().disk_service(image["id"]).get()

    assert (disk.id, disk.name, disk.alias, disk.image_id) == (image["id"], image["name"], image["name"], image["id"])
    assert disk.status == types.DiskStatus.OK
    assert disk.format == types.DiskFormat.RAW
    assert disk.content_type == types.DiskContentType.DATA
    assert disk.storage_type == types.DiskStorageType.IMAGE
    assert disk.provisioned_size == 1000
    assert disk.actual_size >= 0 and disk.total_size >= 0
    assert disk.sparse is True
    assert disk.backup == types.DiskBackup.NONE
    assert [storage.id for storage in disk.storage_domains] == [domain.id]


def test_a_transfer_by_a_browser_is_seen(system, image):
    transfer = system.image_transfers_service().image_transfer_service(image["transfer_id"]).get()

    assert transfer.phase == types.ImageTransferPhase.FINISHED_SUCCESS
    assert transfer.direction == types.ImageTransferDirection.UPLOAD
    assert (transfer.disk.id, transfer.image.id) == (image["id"], image["id"])
    assert transfer.active is False
    assert transfer.transfer_url is None and transfer.proxy_url is None
    assert image["transfer_id"] in [found.id for found in system.image_transfers_service().list()]


def test_an_upload_by_a_browser_is_paused_and_cancelled_by_the_sdk(system, appliance):
    transfer = appliance.transfer()
    service = system.image_transfers_service().image_transfer_service(transfer["id"])

    service.pause()
    assert service.get().phase == types.ImageTransferPhase.PAUSED_USER
    assert appliance.call("GET", f"/transfers/{transfer['id']}").json["phase"] == "paused_user"

    service.resume()
    assert service.get().phase == types.ImageTransferPhase.TRANSFERRING

    service.cancel()
    assert service.get().phase in (
        types.ImageTransferPhase.CANCELLED_USER,
        types.ImageTransferPhase.FINALIZING_CLEANUP,
        types.ImageTransferPhase.FINISHED_CLEANUP,
    )


def test_an_action_in_the_wrong_phase_is_409_and_names_it(system, image):
    service = system.image_transfers_service().image_transfer_service(image["transfer_id"])

    for act in (service.pause, service.resume, service.cancel, service.finalize):
        with pytest.raises(ovirtsdk4.Error, match="finished_success") as raised:
            act()
        assert raised.value.code == 409


def test_finalizing_with_bytes_missing_is_409_and_changes_nothing(system, appliance):
    transfer = appliance.transfer()
    service = system.image_transfers_service().image_transfer_service(transfer["id"])

    with pytest.raises(ovirtsdk4.Error, match="have not arrived") as raised:
        service.finalize()

    assert raised.value.code == 409
    assert service.get().phase == types.ImageTransferPhase.TRANSFERRING
    service.cancel()


def test_hosts(system, connect):
    [host] = system.hosts_service().list()

    assert (host.name, host.status) == ("local", types.HostStatus.UP)
    assert system.hosts_service().host_service(host.id).get().address == "localhost"


def test_a_transfers_host_can_be_followed(system, connect, image):
    connection = connect()
    transfer = connection.system_service().image_transfers_service().image_transfer_service(image["transfer_id"]).get()

    assert connection.follow_link(transfer.host).name == "local"
    assert connection.follow_link(transfer.disk).id == image["id"]


def test_the_question_of_a_script_that_runs_on_a_host(system):
    [center] = system.data_centers_service().list(search="storage.name=data", case_sensitive=True)
    [host] = system.hosts_service().list()

    question = f"hw_id={host.id} and datacenter={center.name} and status=Up"
    assert [found.id for found in system.hosts_service().list(search=question, case_sensitive=True)] == [host.id]
    assert system.hosts_service().list(search="hw_id=none", case_sensitive=True) == []


def test_the_data_center_and_the_cluster_are_always_the_same(system):
    [center] = system.data_centers_service().list()
    [cluster] = system.clusters_service().list(search="name=Default")

    assert (center.name, cluster.name, cluster.data_center.id) == ("Default", "Default", center.id)
    assert system.data_centers_service().data_center_service(center.id).get().status == types.DataCenterStatus.UP
    assert {found.name for found in system.data_centers_service().data_center_service(center.id).storage_domains_service().list()} == {
        "data",
        "iso",
    }
    assert system.clusters_service().cluster_service(cluster.id).get().name == "Default"
    assert system.data_centers_service().list(search="storage.name=none") == []


def test_a_disk_has_no_snapshots(system, image, domain):
    disk = system.disks_service().disk_service(image["id"])

    assert disk.disk_snapshots_service().list(include_active=True, include_template=True) == []
    assert system.storage_domains_service().storage_domain_service(domain.id).disk_snapshots_service().list() == []


def test_events_come_newest_first(system, image):
    events = system.events_service().list(max=5)

    assert len(events) == 5
    assert [int(event.id) for event in events] == sorted((int(event.id) for event in events), reverse=True)
    assert all(event.description and event.time and event.severity for event in events)


def test_events_after_one_that_is_known(system, engine):
    [last] = system.events_service().list(max=1)
    engine.disk()

    newer = system.events_service().list(from_=int(last.id), search="sortby time asc")

    assert newer and all(int(event.id) > int(last.id) for event in newer)
    assert [int(event.id) for event in newer] == sorted(int(event.id) for event in newer)
    assert 1032 in [event.code for event in newer]


def test_an_event_by_its_id(system):
    [last] = system.events_service().list(max=1)

    assert system.events_service().event_service(last.id).get().description == last.description


def test_a_transfer_is_a_job(system, image):
    jobs = {job.id: job for job in system.jobs_service().list()}

    assert jobs[image["transfer_id"]].status == types.JobStatus.FINISHED
    assert jobs[image["transfer_id"]].end_time >= jobs[image["transfer_id"]].start_time
    assert system.jobs_service().job_service(image["transfer_id"]).get().description == f"Upload of disk {image['name']}"
    assert system.jobs_service().list(search=f"correlation_id={secrets.token_hex(8)}") == []


def test_links_are_followed_on_request(engine, image, domain):
    followed = engine.get(f"/imagetransfers/{image['transfer_id']}?follow=host,disk,image")

    assert followed.findtext("host/name") == "local"
    assert followed.findtext("disk/name") == followed.findtext("image/name") == image["name"]
    assert engine.get(f"/disks/{image['id']}?follow=storage_domains").findtext("storage_domains/storage_domain/name") == "data"
    assert image["id"] in [disk.get("id") for disk in engine.get(f"/storagedomains/{domain.id}?follow=disks").findall("disks/disk")]
    center = engine.get("/datacenters").find("data_center").get("id")
    assert len(engine.get(f"/datacenters/{center}?follow=storage_domains").findall("storage_domains/storage_domain")) == 2


def test_more_disks_than_one_page_are_all_listed(system, engine, appliance, monkeypatch):
    made = {engine.disk()["id"] for _ in range(3)}
    monkeypatch.setattr("appliance.admin.lists.MAX_LIMIT", 2)

    assert made <= {disk.id for disk in system.disks_service().list()}
    assert len(system.disks_service().list(search="sortby name page 1", max=2)) == 2


def test_the_same_in_json(engine, image):
    reply = engine.call("GET", f"/disks/{image['id']}", Accept="application/json")

    assert reply.headers["Content-Type"] == "application/json"
    disk = json.loads(reply.body)
    assert (disk["id"], disk["href"], disk["name"]) == (image["id"], f"{API}/disks/{image['id']}", image["name"])
    assert disk["provisioned_size"] == 1000 and disk["sparse"] is True
    assert image["id"] in [found["id"] for found in json.loads(engine.call("GET", "/disks", Accept="application/json").body)["disk"]]


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/xml",
        "text/xml",
        "text/html",
        "application/xml, application/json",
        "nonsense",
        "application/json;q=0.5, application/xml",
    ],
)
def test_xml_unless_json_is_wanted_more(engine, accept):
    assert root(engine.call("GET", "", Accept=accept)).tag == "api"


def test_a_head_answers_as_a_get_without_the_body(engine):
    reply = engine.call("HEAD", "/disks")

    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["Content-Length"]) > 0


def test_a_slash_at_the_end_changes_nothing(engine):
    assert engine.get("/disks/").tag == "disks"
    assert engine.get("/").tag == "api"


def test_answers_are_not_kept_and_have_the_headers_of_every_page(engine):
    headers = engine.call("GET", "/disks").headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("format", ["&format=X509-PEM-CA", "&format=X509-PEM", ""])
def test_the_authoritys_certificate_is_for_everybody(appliance, format):
    reply = appliance.request("GET", f"/ovirt-engine/services/pki-resource?resource=ca-certificate{format}")

    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/x-x509-ca-cert"
    assert reply.body == (appliance.directory / "ca" / "ca.pem").read_bytes()


@pytest.mark.parametrize(
    "query", ["", "?resource=engine-certificate", "?resource=ca-certificate&format=OPENSSH-PUBKEY", "?resource=../../ca", "?resource=%ff"]
)
def test_no_other_certificate_is_given(engine, query):
    reply = engine.call("GET", f"/ovirt-engine/services/pki-resource{query}", role=None)

    assert reply.status == 400
    assert root(reply).tag == "fault"
