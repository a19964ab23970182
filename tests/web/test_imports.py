"""/imports of the API: from a request to the image, and what a bad one is told."""

import gzip
import secrets

import pytest

from tests.admin.importer import DATA, SUM, source
from tests.transfer.sources import web_server
from tests.waiting import wait_for


@pytest.fixture
def server():
    with source() as server:
        yield server


def wanted(server, **words) -> dict:
    return {"url": server.url("/disk.img"), "domain": "data", "name": f"{secrets.token_hex(6)}.img", **words}


def ended(appliance, transfer: dict) -> dict:
    """The transfer, when it is finished."""

    def look():
        found = appliance.call("GET", f"/transfers/{transfer['id']}").json
        return found if found["phase"].startswith("finished") else None

    return wait_for(look, "the import")


def test_an_import_is_a_transfer_that_ends_with_an_image(appliance, server):
    reply = appliance.call("POST", "/imports", wanted(server, checksum=SUM), role="uploader")

    assert reply.status == 201, reply.text
    transfer = reply.json
    assert reply.headers["Location"] == f"/api/v1/transfers/{transfer['id']}"
    assert (transfer["client"], transfer["import"]["url"], transfer["import"]["source_size"]) == (
        "import",
        server.url("/disk.img"),
        len(DATA),
    )
    found = ended(appliance, transfer)
    assert (found["phase"], found["import"]["fetched_bytes"]) == ("finished_success", len(DATA))
    assert [(step["name"], step["status"]) for step in found["import"]["steps"]][:2] == [("inspect", "done"), ("verify-checksum", "done")]
    assert appliance.call("GET", f"/images/{found['image_id']}/data").body == DATA


def test_what_an_image_is_given_is_told_everywhere(appliance, server):
    about = {"tags": ["web"], "properties": {"year": "2027"}}
    reply = appliance.call("POST", "/imports", wanted(server, **about), role="uploader")

    assert reply.status == 201, reply.text
    transfer = ended(appliance, reply.json)
    image = appliance.call("GET", f"/images/{transfer['image_id']}").json
    assert {name: transfer["import"][name] for name in about} == {name: image[name] for name in about} == about


def test_a_query_tells_what_is_there(appliance, server):
    server.files["/disk.img"] = web_server.File(gzip.compress(DATA, 1))

    found = appliance.call("POST", "/imports/query", {"url": server.url("/disk.img")}, role="uploader").json

    assert (found["compression"], found["format"], found["size"]) == ("gzip", "raw", len(server.files["/disk.img"].data))


def test_the_methods_are_what_is_present(appliance):
    methods = appliance.call("GET", "/imports/methods", role="uploader").json

    assert methods["schemes"] == ["http", "https"]
    assert methods["compressions"] == ["gzip", "bzip2", "xz", "zstd"]
    assert {"raw", "qcow2", "iso"} <= set(methods["formats"])
    assert [step["name"] for step in methods["steps"] if step["usual"]][::5] == ["inspect", "register"]
    assert all(step["about"] for step in methods["steps"])


def test_other_transfers_have_no_import(appliance):
    assert appliance.transfer()["import"] is None


def test_a_viewer_may_neither_look_nor_import(appliance, server):
    for path in ("/imports", "/imports/query"):
        assert appliance.call("POST", path, wanted(server) if path == "/imports" else {"url": "http://x"}, role="viewer").status == 403

    assert server.requests == []


BAD = {
    "no url": ({"url": None}, 422, "invalid"),
    "a number for a time": ({"not_before": 1800000000}, 422, "invalid"),
    "a time without its zone": ({"not_before": "2027-01-31T22:00:00"}, 422, "invalid"),
    "a time before all times": ({"not_before": "0001-01-01T00:00:00+14:00"}, 422, "invalid"),
    "an unknown field": ({"path": "/etc/passwd"}, 422, "invalid"),
    "a file of the server": ({"url": "file:///etc/passwd"}, 422, "scheme-refused"),
    "a user in the url": ({"url": "http://me:hush@127.0.0.1/x"}, 422, "user-in-url"),
    "the metadata service": ({"url": "http://169.254.169.254:8080/latest"}, 403, "address-refused"),
    "another port": ({"url": "http://127.0.0.1:22/x"}, 403, "port-refused"),
    "tags that are no list": ({"tags": "web"}, 422, "invalid"),
    "a tag without end": ({"tags": ["x" * 256]}, 422, "invalid"),
    "too many tags": ({"tags": ["web"] * 129}, 422, "invalid"),
    "properties that are no texts": ({"properties": {"year": 2027}}, 422, "invalid"),
    "a property that cannot be shown": ({"properties": {"year": "\0"}}, 422, "invalid"),
    "too many properties": ({"properties": {str(number): "" for number in range(129)}}, 422, "invalid"),
    "a format that nothing is stored as": ({"format": "vmdk"}, 422, "invalid"),
    "a compressed raw disk": ({"format": "raw", "compressed": True}, 422, "invalid"),
    "a checksum that is none": ({"checksum": "xyz"}, 422, "bad-checksum"),
}


@pytest.mark.parametrize(("words", "status", "code"), BAD.values(), ids=BAD)
def test_a_bad_request_is_told_what_is_wrong_with_it(appliance, server, words, status, code):
    reply = appliance.call("POST", "/imports", wanted(server, **words))

    assert (reply.status, reply.json["code"]) == (status, code), reply.text
    assert "hush" not in reply.text


def test_what_opens_the_source_is_not_told(appliance, server):
    reply = appliance.call("POST", "/imports", wanted(server, url=server.url("/disk.img?key=hush"), user="me", password="hush"))

    assert reply.status == 201, reply.text
    found = ended(appliance, reply.json)
    events = appliance.call("GET", f"/events?transfer={found['id']}")
    assert "hush" not in reply.text + str(found) + events.text
    assert server.asked("Authorization")[-1].startswith("Basic ")


def test_a_client_cannot_send_the_bytes_of_an_import(appliance, server):
    transfer = appliance.call("POST", "/imports", wanted(server, not_before="2027-01-31T22:00:00+01:00")).json

    for action in ("ticket", "finalize"):
        reply = appliance.call("POST", f"/transfers/{transfer['id']}/{action}")
        assert (reply.status, reply.json["code"]) == (409, "works-alone")

    assert transfer["import"]["not_before"] == "2027-01-31T21:00:00Z"
    assert appliance.call("POST", f"/transfers/{transfer['id']}/cancel").status == 200


def test_ovirts_clients_see_imports_too(appliance, server):
    transfer = ended(appliance, appliance.call("POST", "/imports", wanted(server)).json)

    token = f"Bearer {appliance.tokens['admin']}"
    reply = appliance.request("GET", "/ovirt-engine/api/imagetransfers", None, {"Authorization": token, "Accept": "application/json"})

    assert reply.status == 200
    assert transfer["id"] in {each["id"] for each in reply.json["image_transfer"]}
