"""What oVirt's face refuses: always a fault in XML, with a status that its SDK makes the right exception of."""

import http.client
import json
import socket

import ovirtsdk4
import pytest
from ovirtsdk4 import types

from tests.web.ovirt.conftest import fault

NONE = "00000000-0000-0000-0000-000000000000"
LAUGHS = (
    '<!DOCTYPE disk [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 12))
    + "]><disk><name>&a11;</name></disk>"
)
DISK = "<disk><name>{name}</name><format>raw</format><provisioned_size>1000</provisioned_size>{domain}</disk>"
DOMAIN = "<storage_domains><storage_domain><name>data</name></storage_domain></storage_domains>"


@pytest.mark.parametrize(
    "path",
    [
        "/ovirt-engine",
        "/ovirt-engine/",
        "/ovirt-engine/web-ui",
        "/ovirt-engine/apiary",
        "/ovirt-engine/api/vms",
        "/ovirt-engine/api/disks/../../..",
        "/ovirt-engine/api/disks/%2e%2e",
        "/ovirt-engine/api/disks/%ff%fe",
        "/ovirt-engine/api/disks/" + "x" * 100,
        "/ovirt-engine/api/disks/a b".replace(" ", "%20"),
        "/ovirt-engine/api/disks/<script>".replace("<", "%3C"),
        "/ovirt-engine/api//disks",
        "/ovirt-engine/services",
        f"/ovirt-engine/api/disks/{NONE}",
        f"/ovirt-engine/api/disks/{NONE}/disksnapshots",
        f"/ovirt-engine/api/disks/{NONE}/disksnapshots/{NONE}",
        f"/ovirt-engine/api/storagedomains/{NONE}",
        "/ovirt-engine/api/storagedomains/data",
        f"/ovirt-engine/api/storagedomains/{NONE}/disks",
        f"/ovirt-engine/api/hosts/{NONE}",
        f"/ovirt-engine/api/imagetransfers/{NONE}",
        f"/ovirt-engine/api/datacenters/{NONE}",
        f"/ovirt-engine/api/datacenters/{NONE}/storagedomains",
        f"/ovirt-engine/api/clusters/{NONE}",
        f"/ovirt-engine/api/jobs/{NONE}",
        "/ovirt-engine/api/events/99999999",
        "/ovirt-engine/api/events/x",
    ],
)
def test_what_is_not_there_is_404(engine, path):
    reply = engine.call("GET", path)

    assert reply.status == 404
    assert "There is no such" in fault(reply)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "", "GET, HEAD"),
        ("DELETE", "/storagedomains", "GET, HEAD"),
        ("PUT", "/disks", "GET, HEAD, POST"),
        ("PATCH", "/disks/x", "DELETE, GET, HEAD, PUT"),
        ("GET", "/imagetransfers/x/pause", "POST"),
        ("OPTIONS", "/disks", "GET, HEAD, POST"),
        ("TRACE", "/disks", "GET, HEAD, POST"),
        ("BREW", "/disks", "GET, HEAD, POST"),
    ],
)
def test_another_method_is_405_and_names_those_that_work(engine, method, path, allowed):
    reply = engine.call(method, path)

    assert reply.status == 405
    assert reply.headers["Allow"] == allowed
    fault(reply)


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("disk", lambda system: system.disks_service().disk_service(NONE).get()),
        ("disk", lambda system: system.disks_service().disk_service(NONE).remove()),
        ("disk", lambda system: system.disks_service().disk_service(NONE).update(types.Disk(name="x"))),
        ("storage domain", lambda system: system.storage_domains_service().storage_domain_service(NONE).get()),
        ("host", lambda system: system.hosts_service().host_service(NONE).get()),
        ("transfer", lambda system: system.image_transfers_service().image_transfer_service(NONE).get()),
        ("transfer", lambda system: system.image_transfers_service().image_transfer_service(NONE).pause()),
        ("transfer", lambda system: system.image_transfers_service().image_transfer_service(NONE).resume()),
        ("transfer", lambda system: system.image_transfers_service().image_transfer_service(NONE).cancel()),
        ("transfer", lambda system: system.image_transfers_service().image_transfer_service(NONE).finalize()),
        ("transfer", lambda system: system.image_transfers_service().image_transfer_service(NONE).extend()),
        ("disk", lambda system: system.image_transfers_service().add(types.ImageTransfer(disk=types.Disk(id=NONE)))),
        (
            "domain",
            lambda system: system.disks_service().add(
                types.Disk(name="x", format=types.DiskFormat.RAW, provisioned_size=1000, storage_domains=[types.StorageDomain(name="none")])
            ),
        ),
    ],
)
def test_the_sdk_raises_not_found_for_what_is_not_there(system, kind, call):
    with pytest.raises(ovirtsdk4.NotFoundError, match="There is no such") as raised:
        call(system)

    assert raised.value.code == 404
    assert raised.value.fault.reason == "Operation Failed"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/disks?search=name", "FIELD=VALUE"),
        ("/disks?search=colour%3Dred", "fields here are"),
        ("/disks?max=many", "max: it must be a whole number"),
        ("/disks?max=-2", "max: it must be a whole number"),
        ("/disks?max=1.5", "max: it must be a whole number"),
        ("/disks?max=" + "9" * 30, "max: it must be a whole number"),
        ("/disks?case_sensitive=perhaps", "case_sensitive: it must be true or false"),
        ("/events?from=x", "from: it must be a whole number"),
        ("/events?from=-1", "from: it must be a whole number"),
        ("/disks?follow=vms", "follow: here can be followed: storage_domains"),
        ("/hosts?follow=nics", "follow: here can be followed: nothing"),
        ("/disks?search=%ff", "query string is not valid"),
        ("/disks?max=1&max=2", "gives a parameter twice"),
        ("/disks?" + "&".join(f"a{number}=1" for number in range(60)), "query string is not valid"),
        ("/disks?correlation_id=" + "x" * 51, "correlation_id: it must be at most 50"),
        ("/disks?correlation_id=a%00b", "correlation_id: it must be at most 50"),
    ],
)
def test_a_bad_question_is_400_and_says_what_would_be_good(engine, path, told):
    reply = engine.call("GET", path)

    assert reply.status == 400
    assert told in fault(reply)


def test_the_sdk_raises_an_error_for_a_search_that_is_not_understood(system):
    with pytest.raises(ovirtsdk4.Error, match="FIELD=VALUE") as raised:
        system.disks_service().list(search="name~x")

    assert raised.value.code == 400


@pytest.mark.parametrize(
    ("path", "root"), [("/disks", "disk"), ("/imagetransfers", "image_transfer"), (f"/imagetransfers/{NONE}/pause", "action")]
)
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("name=disk", "not well-formed XML"),
        ("<disk>", "not well-formed XML"),
        (LAUGHS, "cannot be understood"),
        ("<vm/>", "the root element of its body must be {root}, and not vm"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "document type"),
    ],
    ids=["no xml", "unfinished", "billion laughs", "another root", "document type"],
)
def test_a_body_that_cannot_be_used_is_400(engine, path, root, body, told):
    reply = engine.call("POST", path, body)

    assert reply.status == 400
    assert told.format(root=root) in fault(reply)
    assert "passwd" not in reply.text and "root:" not in reply.text


@pytest.mark.parametrize("path", ["/disks", "/imagetransfers"])
def test_no_body_where_there_must_be_one_is_400(engine, path):
    for reply in (engine.call("POST", path), engine.call("POST", path, b"")):
        assert reply.status == 400
        assert "body" in fault(reply)


def test_a_body_of_10_mib_is_413_and_is_not_read(engine):
    reply = engine.call("POST", "/disks", b"<disk><name>" + b"x" * (10 << 20) + b"</name></disk>")

    assert reply.status == 413
    assert "64.0 KiB" in fault(reply)


def test_the_sdk_raises_an_error_for_a_body_that_is_too_large(system):
    # More than 8 MB it does not send itself.
    with pytest.raises(ovirtsdk4.Error, match=r"64\.0 KiB") as raised:
        system.disks_service().add(types.Disk(name="x" * (7 << 20)))

    assert raised.value.code == 413


def test_a_body_without_a_length_is_a_fault(engine, appliance):
    connection = http.client.HTTPConnection("127.0.0.1", appliance.port, timeout=20)
    headers = {"Authorization": f"Bearer {appliance.tokens['admin']}", "Content-Type": "application/xml"}
    connection.request("POST", "/ovirt-engine/api/disks", iter([b"<disk/>"]), headers, encode_chunked=True)
    response = connection.getresponse()

    assert response.status == 400
    assert b"Content-Length" in response.read()
    connection.close()


def test_another_type_of_body_is_415(engine):
    reply = engine.call("POST", "/disks", "<disk/>", Content_Type="application/x-www-form-urlencoded")

    assert reply.status == 415
    assert "application/xml" in fault(reply)


@pytest.mark.parametrize(
    ("element", "told"),
    [
        *(
            (f"<provisioned_size>{size}</provisioned_size>", "disk.provisioned_size: it must be from 1 to")
            for size in (-1, 0, 2**63, 2**64, 10**30)
        ),
        *(
            (f"<provisioned_size>{size}</provisioned_size>", "disk.provisioned_size: it must be a whole number")
            for size in ("ten", "1.5", "", "1e9")
        ),
        ("<initial_size>-1</initial_size>", "disk.initial_size: it must be from 0 to"),
        ("<initial_size>x</initial_size>", "disk.initial_size: it must be a whole number"),
        ("<sparse>maybe</sparse>", "disk.sparse: it must be true or false"),
        ("<format>vmdk</format>", "disk.format: it must be one of raw, cow"),
        ("<content_type>music</content_type>", "disk.content_type: it must be one of data, iso"),
        ("<storage_type>lun</storage_type>", "disk.storage_type: it must be one of image"),
        ("<backup>weekly</backup>", "disk.backup: it must be one of none, incremental"),
        ("<alias>another</alias>", "disk.alias: it differs from the name"),
        ("<storage_domains/>", "disk.storage_domains: it is given more than once"),
        ("<name><b/></name>", "disk.name: it is given more than once"),
    ],
)
def test_a_bad_member_of_a_disk_is_400_and_named(engine, element, told):
    name = element.partition(">")[0].strip("<")
    body = DISK.format(name="bad", domain=DOMAIN)
    if name in ("provisioned_size", "format"):
        start, end = body.index(f"<{name}>"), body.index(f"</{name}>") + len(f"</{name}>")
        body = body[:start] + body[end:]
    reply = engine.call("POST", "/disks", body.replace("</disk>", f"{element}</disk>"))

    assert reply.status == 400
    assert told in fault(reply)
    assert engine.get("/disks?search=name%3Dbad").getchildren() == []


def test_a_change_of_a_disks_size_is_refused_and_changes_nothing(engine, system):
    disk = engine.disk(1000)
    service = system.disks_service().disk_service(disk["id"])

    with pytest.raises(ovirtsdk4.Error, match="a disk's size cannot be changed here") as raised:
        service.update(types.Disk(description="larger", provisioned_size=1001))

    assert raised.value.code == 400
    assert service.get().description == ""


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("<format>raw</format>", "disk.format: it is required"),
        ("<provisioned_size>1000</provisioned_size>", "disk.provisioned_size: it is required"),
        (DOMAIN, "disk.storage_domains.storage_domain: it is required"),
    ],
)
def test_a_disk_needs_a_format_a_size_and_a_domain(engine, missing, told):
    reply = engine.call("POST", "/disks", DISK.format(name="bad", domain=DOMAIN).replace(missing, ""))

    assert reply.status == 400
    assert told in fault(reply)


def test_an_iso_in_cow_is_refused(engine):
    body = DISK.format(name="bad", domain=DOMAIN).replace("raw", "cow").replace("</disk>", "<content_type>iso</content_type></disk>")

    assert "an ISO image must be raw" in fault(engine.call("POST", "/disks", body))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "image_transfer.disk: it is required"),
        ("<disk/>", "image_transfer.disk: it needs an id"),
        ('<disk id=""/>', "image_transfer.disk: it needs an id"),
        ('<disk id="x"/><disk id="y"/>', "image_transfer.disk: it is given more than once"),
        ('<snapshot id="x"/>', "neither snapshots nor backups"),
        ('<disk id="x"/><backup id="y"/>', "neither snapshots nor backups"),
        ('<disk id="x"/><direction>sideways</direction>', "image_transfer.direction: it must be one of upload, download"),
        ('<disk id="x"/><format>vmdk</format>', "image_transfer.format: it must be one of raw, cow"),
        ('<disk id="x"/><format>raw</format><shallow>deep</shallow>', "image_transfer.shallow: it must be true or false"),
        (
            '<disk id="x"/><format>raw</format><inactivity_timeout>-1</inactivity_timeout>',
            "image_transfer.inactivity_timeout: it must be from 0",
        ),
        (
            '<disk id="x"/><format>raw</format><inactivity_timeout>soon</inactivity_timeout>',
            "image_transfer.inactivity_timeout: it must be a whole number",
        ),
        (
            '<disk id="x"/><format>raw</format><timeout_policy>shrug</timeout_policy>',
            "image_transfer.timeout_policy: it must be one of legacy, pause, cancel",
        ),
    ],
)
def test_a_bad_member_of_a_transfer_is_400_and_named(engine, content, told):
    reply = engine.call("POST", "/imagetransfers", f"<image_transfer>{content}</image_transfer>")

    assert reply.status == 400
    assert told in fault(reply)


def test_what_breaks_inside_is_500_with_an_id_that_the_log_knows(engine, appliance, monkeypatch, caplog):
    monkeypatch.setattr(appliance.admin.domains, "all", lambda: 1 / 0)
    reply = engine.call("GET", "/storagedomains")

    assert reply.status == 500
    told = fault(reply)
    assert "ZeroDivisionError" not in told
    assert told.partition("Error id: ")[2].strip("]") in caplog.text


def test_a_fault_is_json_for_who_asks_for_json(engine):
    reply = engine.call("GET", f"/disks/{NONE}", Accept="application/json")

    assert reply.headers["Content-Type"] == "application/json"
    assert json.loads(reply.body)["reason"] == "Operation Failed"


def test_a_viewer_may_look_and_not_change(engine, connect):
    image = engine.disk()
    disks = connect("viewer").system_service().disks_service()
    assert disks.disk_service(image["id"]).get().id == image["id"]

    for change in (
        disks.disk_service(image["id"]).remove,
        lambda: disks.disk_service(image["id"]).update(types.Disk(name="mine")),
        lambda: disks.add(
            types.Disk(name="x", format=types.DiskFormat.RAW, provisioned_size=1000, storage_domains=[types.StorageDomain(name="data")])
        ),
    ):
        with pytest.raises(ovirtsdk4.AuthError, match="Your role") as raised:
            change()
        assert raised.value.code == 403


def test_a_locked_disk_cannot_be_deleted(engine, appliance, system):
    transfer = appliance.transfer()

    with pytest.raises(ovirtsdk4.Error, match="locked") as raised:
        system.disks_service().disk_service(transfer["image_id"]).remove()

    assert raised.value.code == 409
    appliance.call("POST", f"/transfers/{transfer['id']}/cancel")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /ovirt-engine/api/" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /ovirt-engine/api/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /ovirt-engine/api HTTP/1.1\r\n\r\n",
        b"GET /ovirt-engine/api HTTP/9.9\r\nHost: a\r\n\r\n",
        b"/ovirt-engine/api\r\n\r\n",
    ],
    ids=["too long", "not utf-8", "no host", "another HTTP", "no method"],
)
def test_what_breaks_http_gets_no_page(appliance, head):
    with socket.create_connection(("127.0.0.1", appliance.port), timeout=20) as plug:
        plug.sendall(head)
        plug.shutdown(socket.SHUT_WR)
        answer = b""
        while data := plug.recv(65536):
            answer += data

    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    assert b"<html" not in answer.lower() and b"Traceback" not in answer
