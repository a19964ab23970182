"""The native API, over real sockets, with the real administration and a real host behind it."""

import base64
import hashlib
import secrets

import pytest

from tests.waiting import wait_for

UNKNOWN = "6b0a2b1e-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def data():
    return secrets.token_bytes(300_000)


@pytest.fixture(scope="module")
def image(appliance, data):
    """A good image, of the uploader."""
    return appliance.image(data, role="uploader", name="Grüße aus Köln.raw")


def test_me_tells_who_asks(appliance):
    assert appliance.call("GET", "/me", role="viewer").json == {"name": "vera", "role": "viewer", "csrf_token": ""}


@pytest.fixture
def place(appliance):
    """The id of a storage domain, which does what is usual with imports afterwards."""
    domain = next(domain for domain in appliance.call("GET", "/domains").json["items"] if domain["name"] == "data")
    yield domain["id"]
    assert appliance.call("PATCH", f"/domains/{domain['id']}", {"steps": None}).json["steps"] == domain["steps"]


def test_what_is_done_with_imports_is_told_and_changed(appliance, place):
    usual = ["inspect", "verify-checksum", "decompress", "validate", "convert", "register"]
    shorter = ["inspect", "validate", "register"]

    assert appliance.call("GET", f"/domains/{place}", role="viewer").json["steps"] == usual
    changed = appliance.call("PATCH", f"/domains/{place}", {"steps": shorter})
    assert (changed.status, changed.json["steps"]) == (200, shorter)
    assert appliance.call("GET", f"/domains/{place}").json["steps"] == shorter


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "steps"),
        ({"steps": "inspect"}, "steps"),
        ({"steps": [1]}, "steps"),
        ({"steps": [""]}, "steps"),
        ({"steps": ["x" * 65]}, "steps"),
        ({"steps": ["inspect"] * 65}, "steps"),
        ({"steps": []}, "inspect cannot be left out"),
        ({"steps": ["inspect", "sign", "validate", "register"]}, "no step sign is installed"),
        ({"steps": None, "name": "other"}, "name"),
    ],
)
def test_what_cannot_be_done_with_imports_is_422_and_changes_nothing(appliance, place, body, says):
    reply = appliance.call("PATCH", f"/domains/{place}", body)

    assert (reply.status, reply.json["code"]) == (422, "invalid"), reply.text
    assert says in reply.json["detail"]
    assert len(appliance.call("GET", f"/domains/{place}").json["steps"]) == 6


def test_domains_tell_their_space(appliance):
    domains = appliance.call("GET", "/domains").json["items"]

    assert [(domain["name"], domain["kind"], domain["status"]) for domain in domains] == [
        ("data", "data", "active"),
        ("iso", "iso", "active"),
    ]
    assert all(0 < domain["available"] <= domain["capacity"] for domain in domains)
    assert appliance.call("GET", f"/domains/{domains[0]['id']}").json["name"] == "data"


def test_hosts_tell_whether_they_are_up(appliance):
    host = appliance.call("GET", "/hosts").json["items"][0]

    assert (host["name"], host["status"], host["domains"]) == ("local", "up", ["data", "iso"])


def test_an_upload_becomes_an_image_with_its_digest(image, data):
    assert image["status"] == "ok"
    assert image["sha256"] == hashlib.sha256(data).hexdigest()
    assert image["owner"] == "ulf"


def test_a_download_is_the_same_bytes(appliance, image, data):
    reply = appliance.call("GET", f"/images/{image['id']}/data", role="viewer")

    assert (reply.status, reply.body) == (200, data)
    assert reply.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"
    assert reply.headers["Content-Length"] == str(len(data))
    assert "Gr%C3%BC%C3%9Fe" in reply.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=299000-", 299_000, 300_000), ("bytes=-5", 299_995, 300_000)],
)
def test_a_range_of_a_download_is_those_bytes(appliance, image, data, asked, start, end):
    reply = appliance.call("GET", f"/images/{image['id']}/data", Range=asked)

    assert (reply.status, reply.body) == (206, data[start:end])
    assert reply.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(data)}"


def test_a_range_past_the_end_is_416(appliance, image, data):
    reply = appliance.call("GET", f"/images/{image['id']}/data", Range=f"bytes={len(data)}-")

    assert (reply.status, reply.json["code"]) == (416, "out-of-range")
    assert reply.headers["Content-Range"] == f"bytes */{len(data)}"


def test_head_of_a_download_has_its_headers_and_no_body(appliance, image, data):
    reply = appliance.call("HEAD", f"/images/{image['id']}/data")

    assert (reply.status, reply.body, reply.headers["Content-Length"]) == (200, b"", str(len(data)))


def test_a_download_that_one_has_already_is_304(appliance, image):
    first = appliance.call("HEAD", f"/images/{image['id']}/data")
    reply = appliance.call("GET", f"/images/{image['id']}/data", If_None_Match=first.headers["ETag"])

    assert (reply.status, reply.body) == (304, b"")


def test_a_read_ticket_opens_the_images_service(appliance, image, data):
    ticket = appliance.call("POST", f"/images/{image['id']}/ticket", role="viewer").json
    reply = appliance.request("GET", ticket["url"], headers={"Authorization": f"Bearer {ticket['ticket']}"})

    assert (reply.status, reply.body) == (200, data)


def test_bytes_of_an_unfinished_image_are_409(appliance):
    transfer = appliance.transfer()
    reply = appliance.call("GET", f"/images/{transfer['image_id']}/data")

    assert (reply.status, reply.json["code"]) == (409, "image-locked")


def test_lists_go_on_where_the_page_before_ended(appliance):
    made = [appliance.transfer()["id"] for _ in range(3)]
    first = appliance.call("GET", "/transfers?limit=2").json
    second = appliance.call("GET", f"/transfers?limit=2&after={first['next']}").json

    assert [item["id"] for item in first["items"] + second["items"]][:3] == made[::-1]


def test_events_tell_of_one_transfer(appliance):
    transfer = appliance.transfer("uploader")
    events = appliance.call("GET", f"/events?transfer={transfer['id']}").json["items"]

    assert events[-1]["user"] == "ulf"
    assert transfer["name"] in events[-1]["message"]


def test_creating_answers_where_the_transfer_is(appliance):
    reply = appliance.call("POST", "/transfers", {"name": "place.raw", "size": 10, "format": "raw", "domain": "data"})

    assert (reply.status, reply.headers["Location"]) == (201, f"/api/v1/transfers/{reply.json['id']}")


def test_check_says_yes_and_creates_nothing(appliance):
    body = {"name": "checked.raw", "size": 10, "format": "raw", "domain": "data"}

    assert appliance.call("POST", "/transfers/check", body).json["ok"] is True
    assert appliance.call("POST", "/transfers/check", body).json["ok"] is True


def test_pause_resume_and_cancel_move_the_transfer(appliance):
    transfer = appliance.transfer()
    phases = [appliance.call("POST", f"/transfers/{transfer['id']}/{action}").json["phase"] for action in ("pause", "resume", "cancel")]

    assert phases[:2] == ["paused_user", "transferring"]
    assert phases[2] in ("cancelled_user", "finalizing_cleanup", "finished_cleanup")


def test_a_heartbeat_tells_what_has_arrived_for_good(appliance):
    transfer = appliance.transfer()
    ticket = appliance.call("POST", f"/transfers/{transfer['id']}/ticket").json
    headers = {"Authorization": f"Bearer {ticket['ticket']}", "Content-Range": "bytes 100-199/1000"}
    assert appliance.request("PUT", ticket["url"], b"x" * 100, headers).status == 200

    def beat():
        told = appliance.call("POST", f"/transfers/{transfer['id']}/heartbeat").json
        return told if told["durable"] else None

    assert wait_for(beat, "the host's word") == {"phase": "transferring", "reason": None, "durable": [[100, 200]], "durable_bytes": 100}


def test_a_resuming_browser_is_asked_for_pieces_and_refused_with_others(appliance):
    piece = {"start": 0, "end": 1000, "sha256": hashlib.sha256(b"x" * 1000).hexdigest()}
    transfer = appliance.transfer(client="browser", fingerprint={"modified": 1.5, "pieces": [piece]})
    appliance.call("POST", f"/transfers/{transfer['id']}/pause")
    pieces = appliance.call("GET", f"/transfers/{transfer['id']}/pieces").json["pieces"]

    wrong = [{"start": start, "end": end, "sha256": "0" * 64} for start, end in pieces]
    reply = appliance.call("POST", f"/transfers/{transfer['id']}/resume", {"size": 1000, "modified": 1.5, "pieces": wrong})
    assert (reply.status, reply.json["code"]) == (409, "different-file")

    right = [{"start": start, "end": end, "sha256": hashlib.sha256(b"x" * (end - start)).hexdigest()} for start, end in pieces]
    reply = appliance.call("POST", f"/transfers/{transfer['id']}/resume", {"size": 1000, "modified": 1.5, "pieces": right})
    assert (reply.status, reply.json["phase"]) == (200, "transferring")


def test_an_image_is_deleted_once(appliance):
    image = appliance.image(b"short lived" * 100)

    assert appliance.call("DELETE", f"/images/{image['id']}").status == 204
    assert appliance.call("GET", f"/images/{image['id']}").status == 404
    assert appliance.call("DELETE", f"/images/{image['id']}").status == 404


def test_asking_again_costs_little(appliance, image):
    first = appliance.call("GET", f"/images/{image['id']}")
    again = appliance.call("GET", f"/images/{image['id']}", If_None_Match=first.headers["ETag"])

    assert first.headers["Cache-Control"] == "no-cache"
    assert (again.status, again.body) == (304, b"")


def test_head_is_answered_wherever_get_is(appliance):
    reply = appliance.call("HEAD", "/domains")

    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize("path", ["/images/", "/transfers/", "/domains/"])
def test_an_unknown_id_is_404(appliance, path):
    reply = appliance.call("GET", path + UNKNOWN)

    assert (reply.status, reply.json["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/nothing",
        "/images/../me",
        "/images/%2e%2e",
        "/images/a_b",
        "/images/" + "a" * 65,
        "/me/",
        "/transfers/x/nothing",
        "/images/%00",
    ],
)
def test_an_unknown_address_of_the_api_is_a_problem_for_browsers_too(appliance, path):
    reply = appliance.call("GET", path, Accept="text/html")

    assert (reply.status, reply.headers["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/me", "GET, HEAD"),
        ("GET", "/transfers/check", "POST"),
        ("PATCH", "/images/x", "DELETE, GET, HEAD"),
        ("OPTIONS", "/transfers", "GET, HEAD, POST"),
        ("DELETE", "/openapi.json", "GET, HEAD"),
        ("TRACE", "/me", "GET, HEAD"),
    ],
)
def test_another_method_is_405_and_names_those_that_work(appliance, method, path, allowed):
    reply = appliance.call(method, path)

    assert (reply.status, reply.headers["Allow"], reply.json["code"]) == (405, allowed, "method-not-allowed")
