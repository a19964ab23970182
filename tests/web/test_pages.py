"""Login, logout and the frame, as a browser without script sees them."""

import re

import pytest

from appliance.web import security
from tests.web.conftest import PASSWORD

VIEWS = ["/", "/library", "/library/6b0a2b1e-0000-4000-8000-000000000000", "/domains/data", "/hosts", "/events", "/settings"]


def test_login_leads_to_next_with_a_new_cookie(browser):
    form = browser.get("/login?next=/events")
    reply = browser.submit("/login", name="ann", password=PASSWORD, next="/events", csrf_token=browser.csrf(form))

    assert (reply.status, reply.headers["Location"]) == (303, "/events")
    assert browser.call("GET", "/me").json["name"] == "ann"


def test_the_cookie_is_flagged_and_lives_as_long_as_the_login(browser):
    line = browser.log_in().headers["Set-Cookie"]

    parts = {part.strip().lower() for part in line.split(";")[1:]}
    assert line.startswith(f"{security.COOKIE}=")
    assert parts == {"path=/", "secure", "httponly", "samesite=strict", "max-age=43200"}


def test_logging_in_again_ends_the_login_before(browser, appliance):
    browser.log_in()
    before = browser.cookies[security.COOKIE]
    form = browser.cookies.pop(security.COOKIE) and browser.get("/login")
    browser.cookies[security.COOKIE] = before
    browser.submit("/login", name="ulf", password=PASSWORD, next="/", csrf_token=browser.csrf(form))

    assert browser.cookies[security.COOKIE] != before
    assert appliance.admin.logins.user(before) is None


@pytest.mark.parametrize("name", ["ann", "nobody", "", "ann' OR 1=1 --", "<script>alert(1)</script>"])
def test_a_wrong_password_shows_the_form_again_and_tells_nothing_of_the_name(own_address, browser, name):
    form = browser.get("/login")
    reply = browser.submit("/login", name=name, password="wrong", next="/events", csrf_token=browser.csrf(form))

    assert reply.status == 401
    assert "The name or the password is wrong" in reply.text
    assert 'value="/events"' in reply.text
    assert "<script>alert" not in reply.text
    assert security.COOKIE not in reply.cookies


@pytest.fixture
def own_address(appliance):
    """Failed logins of one test must not lock out the next: all come from one address."""
    yield
    appliance.admin.logins._throttle._times.clear()


def test_too_many_wrong_passwords_have_to_wait_even_with_the_right_one(own_address, appliance, browser):
    for _ in range(appliance.config.login_attempts):
        assert browser.log_in(password="wrong").status == 401
    reply = browser.log_in()

    assert reply.status == 429
    assert 1 <= int(reply.headers["Retry-After"]) <= appliance.config.login_window
    assert "Too many logins failed" in reply.text


@pytest.mark.parametrize("token", ["", "0" * 64, None], ids=["empty", "wrong", "none"])
def test_a_login_without_the_forms_proof_is_refused(browser, token):
    browser.get("/login")
    fields = {"name": "ann", "password": PASSWORD, "next": "/"} | ({} if token is None else {"csrf_token": token})
    reply = browser.submit("/login", **fields)

    assert reply.status == 403
    assert security.COOKIE not in reply.cookies


def test_a_login_from_another_site_is_refused(browser):
    token = browser.csrf(browser.get("/login"))
    body = f"name=ann&password={PASSWORD.replace(' ', '+')}&csrf_token={token}".encode()
    reply = browser.request("POST", "/login", body, Content_Type="application/x-www-form-urlencoded", Origin="https://evil")

    assert reply.status == 403


@pytest.mark.parametrize("next", ["//evil", "https://evil/", "/\\evil", "javascript:alert(1)"])
def test_next_never_leaves_this_site(browser, next):
    assert browser.log_in(next=next).headers["Location"] == "/"


def test_a_login_form_of_another_kind_or_size_is_refused(browser):
    assert browser.request("POST", "/login", b"{}", Content_Type="application/json").status == 415
    assert browser.request("POST", "/login", b"x" * 20000, Content_Type="application/x-www-form-urlencoded").status == 413


@pytest.mark.parametrize("path", VIEWS)
def test_every_view_is_the_frame_with_the_users_name_role_and_proof(logged_in, path):
    reply = logged_in.get(path)

    assert reply.status == 200
    assert 'content="ann" data-role="admin"' in reply.text
    assert logged_in.call("GET", "/me").json["csrf_token"] in reply.text
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", VIEWS)
def test_every_view_asks_those_who_are_not_logged_in_to_log_in_and_brings_them_back(browser, path):
    reply = browser.get(path)

    assert (reply.status, reply.headers["Location"]) == (303, f"/login?next={path}")
    assert 'name="next" value="' + path + '"' in browser.get(reply.headers["Location"]).text


def test_an_expired_or_invented_cookie_leads_to_the_login(browser):
    browser.cookies[security.COOKIE] = "x" * 43

    assert browser.get("/").headers["Location"] == "/login?next=/"


def test_a_link_from_another_site_is_followed_again_from_here(browser):
    reply = browser.get("/events", Sec_Fetch_Site="cross-site")

    assert reply.headers["Refresh"] == "0; url=/events"
    assert reply.cookies == {}


def test_the_login_page_leads_on_who_is_logged_in(logged_in):
    assert logged_in.get("/login?next=/hosts").headers["Location"] == "/hosts"


def test_the_login_page_never_replaces_a_login(browser):
    assert set(browser.get("/login").cookies) == {security.FORM_COOKIE}


def test_logout_ends_the_login_on_the_server_too(logged_in, appliance):
    secret = logged_in.cookies[security.COOKIE]
    reply = logged_in.submit("/logout", csrf_token=logged_in.csrf(logged_in.get("/")))

    assert (reply.status, reply.headers["Location"]) == (303, "/login")
    assert security.COOKIE not in logged_in.cookies
    assert appliance.admin.logins.user(secret) is None


def test_logout_without_proof_does_nothing(logged_in):
    assert logged_in.submit("/logout", csrf_token="0" * 64).status == 403
    assert logged_in.call("GET", "/me").status == 200


@pytest.mark.parametrize(
    "path", ["/nothing", "/library/a/b", "/domains/", "/static/none.js", "/library/%2e%2e", "/%C3%BF", "/%ff", "/login/"]
)
def test_an_unknown_address_is_a_page_for_browsers(browser, path):
    reply = browser.get(path)

    assert reply.status == 404
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "There is no such" in reply.text


def test_an_unknown_address_is_a_problem_for_scripts(appliance):
    reply = appliance.request("GET", "/nothing", headers={"Accept": "*/*"})

    assert (reply.status, reply.json["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/login"), ("GET", "/logout"), ("POST", "/"), ("PUT", "/ca.pem"), ("POST", "/static/icon.svg")]
)
def test_another_method_is_405_and_names_those_that_work(logged_in, method, path):
    reply = logged_in.request(method, path)

    assert reply.status == 405
    assert reply.headers["Allow"]


def test_the_authoritys_certificate_is_for_everybody_and_offered_at_the_login(browser):
    assert 'href="/ca.pem"' in browser.get("/login").text
    reply = browser.get("/ca.pem")

    assert reply.text.startswith("-----BEGIN CERTIFICATE-----")
    assert "attachment" in reply.headers["Content-Disposition"]


def test_every_file_that_a_page_names_is_there_and_kept_for_ever(logged_in):
    names = re.findall(r'(?:href|src)="(/static/[^"]+)"', logged_in.get("/").text)

    assert names
    for name in names:
        reply = logged_in.get(name)
        assert (reply.status, "immutable" in reply.headers["Cache-Control"]) == (200, True), name


def test_a_broken_page_shows_an_id_and_no_more(logged_in, monkeypatch, caplog):
    monkeypatch.setattr("appliance.web.visitors.of_cookie", lambda *_: 1 / 0)
    reply = logged_in.get("/")

    assert reply.status == 500
    assert "ZeroDivisionError" not in reply.text and "Traceback" not in reply.text
    identity = reply.text.split("<code>")[1].split("</code>")[0]
    assert identity in caplog.text and "ZeroDivisionError" in caplog.text
