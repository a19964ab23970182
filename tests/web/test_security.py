"""Cookies, proofs and paths: the small pure parts of what keeps browsers safe."""

import pytest
import webob

from appliance import errors
from appliance.web import security

CSRF = security.Csrf(b"k" * 32)
COOKIE = "c" * 43


def request(**headers: str) -> webob.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return webob.Request.blank("/", method="POST", headers={"Host": "box:8443", **named})


def test_the_token_of_ones_own_cookie_is_accepted():
    CSRF.check(request(Origin="https://box:8443", Sec_Fetch_Site="same-origin"), COOKIE, CSRF.token(COOKIE))


@pytest.mark.parametrize(
    ("cookie", "token"),
    [
        (COOKIE, None),
        (COOKIE, ""),
        (COOKIE, "0" * 64),
        (COOKIE, "ä\ud800"),
        (COOKIE, CSRF.token("d" * 43)),
        (COOKIE, security.Csrf(b"other" * 8).token(COOKIE)),
        (None, CSRF.token(COOKIE)),
        ("", CSRF.token("")),
    ],
    ids=["none", "empty", "zeros", "not ASCII", "another's", "another key", "no cookie", "empty cookie"],
)
def test_any_other_token_is_refused(cookie, token):
    with pytest.raises(errors.BadCsrf):
        CSRF.check(request(), cookie, token)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://box:9999"},
        {"Origin": "https://box:8443.evil"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "https://evil"},
    ],
    ids=str,
)
def test_a_request_from_another_site_is_refused_even_with_the_token(headers):
    with pytest.raises(errors.BadCsrf):
        CSRF.check(request(**headers), COOKIE, CSRF.token(COOKIE))


def test_a_proxy_may_name_the_host_that_the_browser_called():
    assert security.same_origin(request(Origin="https://images.example", X_Forwarded_Host="images.example"))


@pytest.mark.parametrize("path", ["/", "/library", "/library/0a-1", "/events?after=1&x=%20", "/a//b"])
def test_a_path_of_this_site_is_kept(path):
    assert security.local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "library",
        "//evil",
        "/\\evil",
        "/a\\b",
        "\\\\evil",
        "https://evil",
        "javascript:alert(1)",
        "/\t/evil",
        "/\n/evil",
        "/ /evil",
        " //evil",
        "/ä",
        "/a\r\nSet-Cookie: x=1",
        "/" + "a" * 3000,
    ],
)
def test_any_other_next_leads_to_the_overview(path):
    assert security.local_path(path) == "/"


def test_the_cookie_is_for_this_host_over_tls_and_for_no_script():
    line = security.cookie("value", 60).output(header="")

    assert line.strip().startswith("__Host-image-appliance=value;")
    parts = {part.strip().lower() for part in line.split(";")[1:]}
    assert parts == {"path=/", "secure", "httponly", "samesite=strict", "max-age=60"}


@pytest.mark.parametrize("value", ["", "short", "x" * 500, "with space" * 3, "ä" * 30, "a;b" * 10])
def test_a_cookie_that_we_cannot_have_made_is_none(value):
    made = webob.Request.blank("/")
    made.environ["HTTP_COOKIE"] = f"{security.COOKIE}={value}"

    assert security.cookie_of(made) is None
