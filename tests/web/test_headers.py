"""The security headers stand on every kind of answer, whoever made it."""

import re

import pytest
import webob

from appliance.web import security

UNKNOWN = "6b0a2b1e-0000-4000-8000-000000000000"

ANSWERS = [
    ("GET", "/login", 200),
    ("GET", "/", 303),
    ("GET", "/nothing", 404),
    ("POST", "/login", 415),
    ("DELETE", "/", 405),
    ("GET", "/ca.pem", 200),
    ("GET", "/static/icon.svg", 200),
    ("GET", "/static/nothing.js", 404),
    ("GET", "/api/v1/openapi.json", 200),
    ("GET", "/api/v1/me", 401),
    ("HEAD", "/api/v1/me", 401),
    ("GET", "/api/v1/nothing", 404),
    ("PUT", "/api/v1/me", 405),
    ("GET", f"/images/{UNKNOWN}", 401),
    ("POST", "/sessions", 401),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS, ids=str)
def test_every_answer_has_them(appliance, method, path, status):
    reply = appliance.request(method, path, headers={"Accept": "text/html"})

    assert reply.status == status
    for name, value in security.HEADERS.items():
        assert reply.headers.get_all(name) == [value], name
    assert not re.search(r"\d", reply.headers["Server"])


def test_the_policy_is_strict():
    policy = dict(part.split(" ", 1) for part in security.CONTENT_SECURITY_POLICY.split("; "))

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe-inline" not in security.CONTENT_SECURITY_POLICY


def test_pages_may_connect_to_proxies_and_to_nobody_else():
    def page(_environ, start_response):
        start_response("200 OK", [])
        return []

    guarded = security.guarded(page, ["https://one.example:1", "https://two.example:2"])
    policy = webob.Request.blank("/").get_response(guarded).headers["Content-Security-Policy"]

    expected = security.CONTENT_SECURITY_POLICY.replace(
        "connect-src 'self'", "connect-src 'self' https://one.example:1 https://two.example:2"
    )
    assert policy == expected != security.CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(("scheme", "there"), [("https", True), ("http", False)])
def test_browsers_are_told_to_stay_with_tls_only_where_there_is_tls(appliance, scheme, there):
    reply = webob.Request.blank("/login", base_url=f"{scheme}://box/").get_response(appliance.application)

    assert ("Strict-Transport-Security" in reply.headers) == there


def test_pages_have_no_inline_script_or_style(logged_in):
    for path in ("/", "/nothing"):
        page = logged_in.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page), path
