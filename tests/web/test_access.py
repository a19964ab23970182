"""Who may do what: every route of the table, for every role, and for those who show no or no good proof of who they are."""

import dataclasses
import datetime

import pytest

from appliance.web import security
from appliance.web.api import routes
from tests.web.conftest import NAMES

UNKNOWN = "6b0a2b1e-0000-4000-8000-000000000000"
EVERY = [pytest.param(route, id=f"{route.method} {route.path}") for route in routes.ROUTES]
CLOSED = [one for one in EVERY if not one.values[0].public]
UNSAFE = [one for one in CLOSED if one.values[0].method not in routes.SAFE]

#: What is written down here, not in the table: a role that slips into the table by mistake fails.
FOR_EVERYBODY = {
    "GET /me",
    "GET /domains",
    "GET /domains/{id}",
    "GET /hosts",
    "GET /images",
    "GET /images/{id}",
    "POST /images/{id}/ticket",
    "GET /images/{id}/data",
    "HEAD /images/{id}/data",
    "GET /transfers",
    "GET /transfers/{id}",
    "GET /hosts/{id}",
    "GET /events",
}
FOR_ADMINS = {
    "POST /domains",
    "PATCH /domains/{id}",
    "DELETE /domains/{id}",
    "POST /hosts",
    "DELETE /hosts/{id}",
    "POST /hosts/{id}/token",
    "POST /hosts/{id}/maintenance",
    "POST /hosts/{id}/activate",
}
FOR_NOBODY_IN_PARTICULAR = {"GET /authority", "POST /hosts/enrol"}


def call(appliance, route, role=None, **headers):
    return appliance.call(route.method, route.path.replace("{id}", UNKNOWN), role=role, **headers)


def test_what_needs_no_login_is_written_down_here():
    assert {one.id for one in EVERY if one.values[0].public} == FOR_NOBODY_IN_PARTICULAR


@pytest.mark.parametrize("route", CLOSED)
@pytest.mark.parametrize("role", list(NAMES))
def test_a_role_gets_in_or_is_told_which_role_would(appliance, route, role):
    reply = call(appliance, route, role)

    name = f"{route.method} {route.path}"
    roles = ("admin",) if name in FOR_ADMINS else ("admin", "uploader", "viewer") if name in FOR_EVERYBODY else ("admin", "uploader")
    allowed = role in roles
    assert (reply.status != 403) == allowed, reply.text
    assert reply.status not in (401, 500)
    if not allowed:
        assert reply.json["code"] == "forbidden"
        assert role in reply.json["detail"] and roles[-1] in reply.json["detail"]


@pytest.mark.parametrize("route", CLOSED)
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Bearer iat_wrong", "Basic YW5uOmFubg==", "Bearer " + "x" * 5000],
    ids=["nothing", "empty", "no token", "blank", "wrong", "wrong with prefix", "basic", "long"],
)
def test_nobody_gets_in_without_a_good_token(appliance, route, authorization):
    reply = call(appliance, route, **({} if authorization is None else {"Authorization": authorization}))

    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    if route.method != "HEAD":
        assert reply.json["code"] == "not-logged-in"


@pytest.mark.parametrize("route", UNSAFE)
def test_a_cookie_alone_changes_nothing(logged_in, route):
    reply = logged_in.call(route.method, route.path.replace("{id}", UNKNOWN))

    assert (reply.status, reply.json["code"]) == (403, "bad-csrf")


@pytest.mark.parametrize("route", UNSAFE)
def test_a_cookie_with_its_proof_gets_in(logged_in, route):
    token = logged_in.call("GET", "/me").json["csrf_token"]
    reply = logged_in.call(route.method, route.path.replace("{id}", UNKNOWN), X_CSRF_Token=token)

    assert reply.status in (200, 400, 404), reply.text


@pytest.mark.parametrize("headers", [{"Origin": "https://evil"}, {"Sec_Fetch_Site": "cross-site"}, {"Origin": "null"}], ids=str)
def test_a_request_of_another_site_is_refused_whatever_it_shows(logged_in, headers):
    token = logged_in.call("GET", "/me").json["csrf_token"]
    reply = logged_in.call("POST", f"/transfers/{UNKNOWN}/cancel", X_CSRF_Token=token, **headers)

    assert (reply.status, reply.json["code"]) == (403, "bad-csrf")


def test_a_proof_of_another_login_is_refused(logged_in, appliance):
    secret, _ = appliance.admin.logins.login("ulf", "correct horse battery staple", "127.0.0.2")
    other = appliance.request("GET", "/api/v1/me", headers={"Cookie": f"{security.COOKIE}={secret}"}).json["csrf_token"]
    reply = logged_in.call("POST", f"/transfers/{UNKNOWN}/cancel", X_CSRF_Token=other)

    assert (reply.status, reply.json["code"]) == (403, "bad-csrf")


@pytest.mark.parametrize("value", ["", "x", "x" * 43, "x" * 4000, "../../etc"])
def test_an_invented_cookie_is_401_for_the_api(appliance, value):
    reply = appliance.request("GET", "/api/v1/me", headers={"Cookie": f"{security.COOKIE}={value}"})

    assert (reply.status, reply.json["code"]) == (401, "not-logged-in")


def test_a_bad_token_never_falls_back_to_the_cookie(logged_in):
    assert logged_in.call("GET", "/me", Authorization="Bearer wrong").status == 401


class Later:
    """The clock of tomorrow."""

    def __init__(self, clock):
        self._clock = clock

    def now(self):
        return self._clock.now() + datetime.timedelta(days=1000)

    def steady(self):
        return self._clock.steady()


@pytest.fixture
def later(appliance, monkeypatch):
    for service in (appliance.admin.logins, appliance.admin.tokens):
        ground = service._ground
        monkeypatch.setattr(service, "_ground", dataclasses.replace(ground, clock=Later(ground.clock)))


def test_an_expired_cookie_is_401_for_the_api_and_the_login_for_pages(logged_in, later):
    assert logged_in.call("GET", "/me").status == 401
    assert logged_in.get("/events").headers["Location"] == "/login?next=/events"


def test_an_expired_token_is_401(appliance, later):
    assert appliance.call("GET", "/me").status == 401


def test_an_uploader_may_not_touch_what_is_anothers(appliance):
    transfer = appliance.transfer("admin")
    for action in ("pause", "cancel", "finalize", "heartbeat", "ticket", "resume"):
        reply = appliance.call("POST", f"/transfers/{transfer['id']}/{action}", role="uploader")
        assert (reply.status, reply.json["code"]) == (403, "forbidden"), action
    assert appliance.call("GET", f"/transfers/{transfer['id']}", role="uploader").json["actions"] == []


def test_an_uploader_may_not_delete_anothers_image(appliance):
    image = appliance.image(b"mine" * 100)
    reply = appliance.call("DELETE", f"/images/{image['id']}", role="uploader")

    assert (reply.status, reply.json["code"]) == (403, "forbidden")


def test_a_role_that_was_taken_away_is_gone_at_once(appliance):
    appliance.admin.users.add("temp", "correct horse battery staple", "uploader")
    token = appliance.admin.tokens.add("temp")
    appliance.admin.users.set_role("temp", "viewer")
    reply = appliance.request("POST", f"/api/v1/transfers/{UNKNOWN}/cancel", headers={"Authorization": f"Bearer {token}"})

    assert reply.status == 403
