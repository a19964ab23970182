"""Who may in: tokens for passwords, API tokens, passwords with each request; and how it ends."""

import base64
import datetime
import json

import ovirtsdk4
import pytest
import sqlalchemy as sa

from appliance.admin import digests, models
from tests.web.conftest import PASSWORD, Browser
from tests.web.ovirt.conftest import fault

TOKEN = "/ovirt-engine/sso/oauth/token"
LOGOUT = "/ovirt-engine/services/sso-logout"
GOOD = {"grant_type": "password", "scope": "ovirt-app-api", "username": "ann@internal", "password": PASSWORD}


@pytest.fixture(autouse=True)
def own_address(appliance):
    """Failed logins of one test must not lock out the next: all come from one address."""
    yield
    appliance.admin.logins._throttle._times.clear()


def token(engine, **fields):
    reply = engine.form(TOKEN, **{**GOOD, **fields})
    assert reply.status == 200, reply.text
    return reply.json["access_token"]


def basic(text):
    return f"Basic {base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()}"


def test_a_password_gives_a_token_in_the_form_that_clients_expect(engine):
    reply = engine.form(TOKEN, **GOOD)

    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.json["token_type"] == "bearer"
    assert reply.json["scope"] == "ovirt-app-api"
    assert reply.json["exp"].isdigit()
    assert engine.get("", role=None, Authorization=f"Bearer {reply.json['access_token']}").tag == "api"


@pytest.mark.parametrize("logout", [LOGOUT, "/ovirt-engine/sso/oauth/revoke"])
def test_a_logout_ends_the_token(engine, logout):
    secret = token(engine)

    reply = engine.form(logout, scope="ovirt-app-api", token=secret)

    assert (reply.status, reply.json) == (200, {})
    assert engine.call("GET", "/disks", role=None, Authorization=f"Bearer {secret}").status == 401


def test_a_logout_of_what_has_ended_is_no_error(engine):
    assert engine.form(LOGOUT, token="never-was-one").json == {}


def test_a_logout_does_not_end_an_api_token(engine, appliance):
    secret = appliance.admin.tokens.add("ann")

    engine.form(LOGOUT, token=secret)

    assert engine.call("GET", "", role=None, Authorization=f"Bearer {secret}").status == 200


def test_a_token_expires(engine, appliance):
    secret = token(engine)

    with appliance.database.session() as session:
        past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
        session.execute(sa.update(models.Login).where(models.Login.digest == digests.of(secret)).values(expires_at=past))

    reply = engine.call("GET", "/disks", role=None, Authorization=f"Bearer {secret}")
    assert reply.status == 401
    assert "logged in" in fault(reply)


@pytest.mark.parametrize("name", ["ann", "ann@internal"])
def test_a_name_and_a_password_with_each_request(engine, name):
    assert engine.get("", role=None, Authorization=basic(f"{name}:{PASSWORD}")).tag == "api"


def test_the_sdk_logs_in_and_out(connect):
    connection = connect()
    assert connection.test(raise_exception=True)
    secret = connection.authenticate()
    connection.close()

    with pytest.raises(ovirtsdk4.AuthError):
        connect(username=None, password=None, token=secret).system_service().get()


def test_the_sdk_takes_an_api_token(connect, appliance):
    connection = connect(username=None, password=None, token=appliance.tokens["viewer"])

    assert connection.system_service().get().authenticated_user.user_name == "vera@internal"


@pytest.mark.parametrize(
    "changed",
    [
        {"password": "wrong password"},
        {"username": "nobody@internal"},
        {"username": "ann@example.org"},
        {"username": "ann@internal@internal"},
    ],
    ids=str,
)
def test_a_wrong_login_is_denied_and_told_nothing_of_the_name(engine, changed):
    reply = engine.form(TOKEN, **{**GOOD, **changed})

    assert reply.status == 401
    assert reply.json["error_code"] == "access_denied"
    assert "The name or the password is wrong." in reply.json["error"]
    assert reply.headers["Content-Type"] == "application/json"


def test_the_sdk_raises_auth_error_for_a_wrong_password(connect):
    with pytest.raises(ovirtsdk4.AuthError, match="The name or the password is wrong"):
        connect(password="wrong password").authenticate()


def test_guessing_is_slowed_down(engine, appliance):
    for _ in range(appliance.config.login_attempts):
        engine.form(TOKEN, **{**GOOD, "password": "wrong password"})

    reply = engine.form(TOKEN, **GOOD)

    assert reply.status == 429
    assert reply.json["error_code"] == "access_denied"
    assert int(reply.headers["Retry-After"]) >= 1


def test_guessing_with_each_request_is_slowed_down(engine, appliance):
    for _ in range(appliance.config.login_attempts):
        assert engine.call("GET", "", role=None, Authorization=basic("ann@internal:wrong password")).status == 401

    reply = engine.call("GET", "", role=None, Authorization=basic(f"ann@internal:{PASSWORD}"))

    assert reply.status == 429
    assert "Too many logins failed" in fault(reply)


@pytest.mark.parametrize("missing", ["username", "password", "grant_type"])
def test_a_login_needs_everything(engine, missing):
    reply = engine.form(TOKEN, **{name: value for name, value in GOOD.items() if name != missing})

    assert reply.status == 400
    assert reply.json["error"].endswith("docs/ovirt.md tells what is understood.")


def test_another_grant_is_refused_by_its_name(engine):
    reply = engine.form(TOKEN, grant_type="client_credentials")

    assert (reply.status, reply.json["error_code"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", [TOKEN, LOGOUT, "/ovirt-engine/sso/oauth/token-http-auth"])
def test_a_login_is_posted(appliance, path, method):
    reply = appliance.request(method, f"{path}?username=ann%40internal&password=x")

    assert reply.status == 405
    assert reply.headers["Allow"] == "POST"
    assert reply.headers["Content-Type"] == "application/json"


def test_kerberos_is_refused_clearly(engine):
    reply = engine.form(
        "/ovirt-engine/sso/oauth/token-http-auth", grant_type="urn:ovirt:params:oauth:grant-type:http", scope="ovirt-app-api"
    )

    assert reply.status == 400
    assert "Kerberos" in reply.json["error"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"grant_type=password&username=\xff", "application/x-www-form-urlencoded", 400),
        (b"grant_type=password&username=%ff&password=x", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(100)), "application/x-www-form-urlencoded", 400),
        (b"x" * 100_000, "application/x-www-form-urlencoded", 413),
    ],
    ids=["json", "not ascii", "not utf-8", "many fields", "large"],
)
def test_a_login_that_cannot_be_read_is_json_too(appliance, body, kind, status):
    reply = appliance.request("POST", TOKEN, body, {"Content-Type": kind})

    assert reply.status == status
    assert json.loads(reply.body)["error_code"] == "invalid_request"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer",
        "Bearer x",
        "Bearer iat_" + "x" * 40,
        "Basic",
        "Basic !!!",
        basic("ann"),
        basic(b"\xff:\xff"),
        "Negotiate abc",
        "Digest username=ann",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/disks"), ("POST", "/disks"), ("DELETE", "/disks/x"), ("POST", "/imagetransfers/x/cancel")]
)
def test_whoever_is_nobody_gets_a_fault_before_anything_else(engine, method, path, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    reply = engine.call(method, path, "<not/xml" if method == "POST" else None, role=None, **headers)

    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    fault(reply)


def test_a_cookie_is_no_login_here(engine, appliance):
    browser = Browser(appliance)
    browser.log_in()
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())

    assert engine.call("GET", "/disks", role=None, Cookie=cookie).status == 401


def test_a_password_that_a_browser_knows_is_not_taken_from_another_site(engine):
    reply = engine.call("GET", "/disks", role=None, Authorization=basic(f"ann:{PASSWORD}"), Sec_Fetch_Site="cross-site")

    assert reply.status == 403


def test_no_password_and_no_token_is_logged(engine, caplog):
    caplog.set_level("DEBUG")
    secret = token(engine)
    engine.call("GET", "/disks", role=None, Authorization=f"Bearer {secret}")
    engine.call("GET", "/disks", role=None, Authorization=basic(f"ann:{PASSWORD}"))
    engine.form(LOGOUT, token=secret)

    assert secret not in caplog.text
    assert PASSWORD not in caplog.text
