"""What pages of other origins may read, and what browsers ask before."""

import pytest
import webob

from appliance.web import cors, security

PAGE = "https://appliance.example:8443"


def inner(environ, start_response):
    start_response("401 Unauthorized", [("Error-Code", "no-session"), ("Content-Length", "0")])
    return []


APP = security.guarded(cors.shared(inner))


def ask(method: str, **headers: str) -> webob.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return webob.Request.blank("/images/x", method=method, headers=named).get_response(APP)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST", "DELETE", "GET"])
def test_a_browser_may_ask_beforehand_without_a_credential(method):
    reply = ask("OPTIONS", Origin=PAGE, Access_Control_Request_Method=method)

    assert (reply.status_code, reply.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert method in reply.headers["Access-Control-Allow-Methods"].split(", ")
    assert int(reply.headers["Access-Control-Max-Age"]) >= 600


@pytest.mark.parametrize("name", ["Authorization", "Session-Id", "Content-Range", "Content-Digest", "Content-Type", "Range"])
def test_every_header_that_clients_send_is_allowed(name):
    reply = ask("OPTIONS", Origin=PAGE, Access_Control_Request_Method="PUT")

    assert name in reply.headers["Access-Control-Allow-Headers"].split(", ")


def test_pages_may_read_refusals():
    reply = ask("PUT", Origin=PAGE)

    assert (reply.status_code, reply.headers["Error-Code"]) == (401, "no-session")
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert {"Error-Code", "Retry-After", "Session-Id", "Content-Range"} <= set(reply.headers["Access-Control-Expose-Headers"].split(", "))


def test_no_cookie_is_ever_asked_for():
    for reply in (ask("PUT", Origin=PAGE), ask("OPTIONS", Origin=PAGE, Access_Control_Request_Method="PUT")):
        assert "Access-Control-Allow-Credentials" not in reply.headers


@pytest.mark.parametrize("headers", [{}, {"Origin": PAGE}, {"Access_Control_Request_Method": "PUT"}], ids=str)
def test_a_clients_own_options_is_no_browsers_question(headers):
    assert ask("OPTIONS", **headers).status_code == 401


def test_the_other_headers_stay():
    assert ask("GET", Origin=PAGE).headers["X-Content-Type-Options"] == "nosniff"
