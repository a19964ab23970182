"""What the API refuses: each error in the one shape, with a sentence, a hint, and an id that the log knows."""

import http.client
import socket

import pytest

from appliance import errors
from appliance.web import problems
from appliance.web.api import models
from tests.web.conftest import Reply

GOOD = {"name": "good.raw", "size": 1000, "format": "raw", "domain": "data"}


def test_a_problem_has_one_shape_and_its_id_is_in_the_log(appliance, caplog):
    caplog.set_level("INFO")
    reply = appliance.call("GET", "/images/none")
    problem = models.Problem.model_validate(reply.json)

    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Cache-Control"] == "no-store"
    assert (problem.status, problem.code, problem.type) == (404, "not-found", "urn:image-appliance:error:not-found")
    assert problem.detail == "There is no such image."
    assert problem.hint and problem.title
    assert problem.id in caplog.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"size": "1000"}, "size"),
        ({"size": 1000.0}, "size"),
        ({"size": True}, "size"),
        ({"size": None}, "size"),
        ({"size": 0}, "size"),
        ({"size": -1}, "size"),
        ({"size": 1 << 63}, "size"),
        ({"name": 5}, "name"),
        ({"name": None}, "name"),
        ({"format": "vmdk"}, "format"),
        ({"format": "RAW"}, "format"),
        ({"domain": 1}, "domain"),
        ({"allocation": "thick"}, "allocation"),
        ({"client": "robot"}, "client"),
        ({"sha256": "abc"}, "sha256"),
        ({"sha256": "g" * 64}, "sha256"),
        ({"fingerprint": []}, "fingerprint"),
        ({"fingerprint": {"modified": "now"}}, "fingerprint.modified"),
        ({"fingerprint": {"pieces": [{"start": 0}]}}, "fingerprint.pieces.0.end"),
        ({"fingerprint": {"pieces": [{"start": -1, "end": 1, "sha256": "0" * 64}]}}, "fingerprint.pieces.0.start"),
        ({"fingerprint": {"pieces": [{"start": 0, "end": 1, "sha256": "0" * 64}] * 100}}, "fingerprint.pieces"),
        ({"path": "/etc/passwd"}, "path"),
        ({"__class__": "x"}, "__class__"),
    ],
    ids=str,
)
def test_a_bad_field_is_422_and_named(appliance, change, field):
    reply = appliance.call("POST", "/transfers", {**GOOD, **change})

    assert (reply.status, reply.json["code"]) == (422, "invalid"), reply.text
    assert field in reply.json["detail"]


@pytest.mark.parametrize("name", ["../x", "a\\b", "a\0b", "a\nb", "a\u202eb", "x" * 300, "", " ", "."])
def test_a_name_that_is_none_is_422_with_the_reason(appliance, name):
    reply = appliance.call("POST", "/transfers", {**GOOD, "name": name})

    assert (reply.status, reply.json["code"]) == (422, "bad-name")
    assert reply.json["hint"]


def test_half_a_character_in_a_name_is_refused(appliance):
    assert appliance.call("POST", "/transfers", b'{"name": "\\ud800.raw", "size": 1, "format": "raw", "domain": "data"}').status == 422


def test_an_unknown_fields_name_is_shown_short_and_harmless(appliance):
    reply = appliance.call("POST", "/transfers", {**GOOD, "\x1b\ud800" + "x" * 500: 1})

    assert reply.status == 422
    assert len(reply.json["detail"]) < 200 and "\x1b" not in reply.json["detail"]


def test_a_missing_field_is_named(appliance):
    reply = appliance.call("POST", "/transfers", {"name": "x.raw"})

    assert reply.status == 422
    assert {field["field"] for field in reply.json["details"]["fields"]} == {"size", "format", "domain"}


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"[]", b'{"a": NaN}', b"[" * 50000, b'{"name": "a", "name": "b"}'],
    ids=["empty", "words", "list", "NaN", "deep", "twice"],
)
def test_a_body_that_is_no_json_object_is_400(appliance, body):
    reply = appliance.call("POST", "/transfers", body)

    assert (reply.status, reply.json["code"]) == (400, "bad-request")


def test_a_body_of_another_type_is_415(appliance):
    reply = appliance.call("POST", "/transfers", b"name=x", Content_Type="application/x-www-form-urlencoded")

    assert (reply.status, reply.json["code"]) == (415, "unsupported-type")


def test_a_body_above_the_cap_is_413_and_ends_the_connection(appliance):
    reply = appliance.call("POST", "/transfers", b" " * (appliance.config.max_json_bytes + 1))

    assert (reply.status, reply.json["code"]) == (413, "too-large")
    assert reply.headers["Connection"] == "close"


def test_a_body_above_the_cap_is_refused_before_it_is_sent(appliance):
    head = f"POST /api/v1/transfers HTTP/1.1\r\nHost: box\r\nContent-Type: application/json\r\nContent-Length: {1 << 40}\r\n\r\n"

    assert exchange(appliance, head).status == 413


def test_a_body_of_unknown_length_is_411(appliance):
    authorization = f"Authorization: Bearer {appliance.tokens['admin']}"
    head = f"POST /api/v1/transfers HTTP/1.1\r\nHost: box\r\n{authorization}\r\nContent-Type: application/json\r\n"

    assert exchange(appliance, head + "\r\n").status == 411
    assert exchange(appliance, head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n").status == 411


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "after=%00", "after=nonsense", "state=any", "more=1", "limit=%ff"]
)
def test_a_bad_query_is_refused(appliance, query):
    reply = appliance.call("GET", f"/transfers?{query}")

    assert reply.status in (400, 422), reply.text
    assert reply.json["hint"]


def test_a_taken_name_is_409(appliance):
    appliance.transfer(name="taken.raw")
    reply = appliance.call("POST", "/transfers", {**GOOD, "name": "taken.raw"})

    assert (reply.status, reply.json["code"]) == (409, "name-taken")


def test_more_than_fits_is_409_and_tells_the_sizes(appliance):
    reply = appliance.call("POST", "/transfers/check", {**GOOD, "name": "vast.raw", "size": 1 << 45})

    assert (reply.status, reply.json["code"]) == (409, "no-space")
    assert "32.0 TiB" in reply.json["detail"]


def test_finalizing_too_early_is_409_and_lists_what_is_missing(appliance):
    reply = appliance.call("POST", f"/transfers/{appliance.transfer()['id']}/finalize")

    assert (reply.status, reply.json["code"], reply.json["details"]) == (409, "incomplete", {"missing": [[0, 1000]]})


def test_an_unforeseen_error_shows_an_id_and_no_more(appliance, monkeypatch, caplog):
    monkeypatch.setattr(appliance.admin.hosts, "all", lambda: {}["secret"])
    reply = appliance.call("GET", "/hosts")

    assert (reply.status, reply.json["code"]) == (500, "internal")
    assert "secret" not in reply.text and "Traceback" not in reply.text
    assert reply.json["id"] in caplog.text and "KeyError" in caplog.text


def test_an_answer_that_breaks_its_promise_is_an_error_of_ours(appliance, monkeypatch):
    monkeypatch.setattr(appliance.admin.hosts, "all", lambda: [{"id": "x"}])

    assert appliance.call("GET", "/hosts").json["code"] == "internal"


@pytest.mark.parametrize(
    "head",
    [
        "GET /api/v1/me HTTP/1.1\r\n\r\n",
        "GET /api/v1/me HTTP/1.1\r\nHost: box\r\nCookie: a[]b=1; =\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: box\r\n\r\n",
    ],
    ids=["no host", "strange cookie", "strange path"],
)
def test_what_cherrypy_or_the_server_refuses_shows_nothing_of_them(appliance, head):
    reply = exchange(appliance, head)
    text = reply.text.lower()

    assert 400 <= reply.status < 500
    for word in ("cherrypy", "cheroot", "python", "traceback"):
        assert word not in text and word not in str(reply.headers).lower()


@pytest.mark.parametrize("error", errors.ApplianceError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_a_code_and_a_hint(error):
    assert 400 <= error.status < 600
    assert error.code == error.code.lower() and " " not in error.code
    assert error.says.strip() and error.hint.strip()


def test_retry_after_is_told():
    assert problems.headers(errors.TooManyAttempts(7))["Retry-After"] == "7"


def exchange(appliance, head: str) -> Reply:
    """Sends bytes as they are; the answer to them."""
    with socket.create_connection(("127.0.0.1", appliance.port), 20) as peer:
        peer.sendall(head.encode())
        response = http.client.HTTPResponse(peer)
        response.begin()
        return Reply(response.status, response.headers, response.read())
