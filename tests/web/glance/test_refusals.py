"""Who may not, what is not there, and what no address takes: each error in Glance's own form."""

import http

import pytest

from appliance.web.glance import routes

EVERY = [(route.method, route.path.replace("{id}", "x").replace("{tag*}", "x").replace("{name}", "image")) for route in routes.ROUTES]


@pytest.mark.parametrize(("method", "path"), EVERY)
@pytest.mark.parametrize("token", [None, "", "iat_nobodys", "\xff", "admin"], ids=str)
def test_nobody_comes_in_without_a_token(glance, appliance, method, path, token):
    headers = {} if token is None else {"X-Auth-Token": token}

    reply = appliance.request(method, path, b"{}" if method in ("POST", "PUT") else None, {"Content-Type": "application/json", **headers})

    assert reply.status == 401
    assert reply.json["error"]["code"] == 401
    assert "WWW-Authenticate" in reply.headers


def test_a_token_does_not_count_elsewhere(glance, appliance):
    """Neither a browser's cookie nor another header opens this face."""
    reply = appliance.request("GET", "/v2/images", None, {"Authorization": f"Bearer {appliance.tokens['admin']}"})

    assert reply.status == 401


def test_nothing_is_made_without_a_token(glance):
    before = len(glance.list("limit=1000"))

    assert glance.call("POST", "/images", {"name": "x"}, role=None).status == 401

    assert len(glance.list("limit=1000")) == before


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/images/x", "/images/x/file", "/images/x/nothing", "/tasks/x", "/schemas/x", f"/images/{'x' * 100}", "/images/%00"],
)
def test_what_is_not_there_is_404_in_glances_form(glance, path):
    reply = glance.call("GET", path)

    assert reply.status == 404
    assert set(reply.json["error"]) == {"code", "message", "title"}
    assert reply.json["error"]["code"] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/metadefs/namespaces"),
        ("GET", "/images/x/members"),
        ("POST", "/images/x/actions/deactivate"),
        ("GET", "/cache"),
        ("GET", "/info/usage"),
        ("GET", "/info/stores/detail"),
        ("DELETE", "/stores/data/x"),
    ],
)
def test_what_is_not_covered_is_404_and_says_where_that_is_told(glance, method, path):
    reply = glance.call(method, path)

    assert reply.status == 404
    assert "docs/glance.md" in reply.json["error"]["message"]


@pytest.mark.parametrize("name", ["metadefs", "member", "nothing"])
def test_what_is_not_covered_has_no_schema(glance, name):
    assert glance.call("GET", f"/schemas/{name}").status == 404


def test_schemas_of_metadefs_are_404(glance):
    assert glance.call("GET", "/schemas/metadefs/namespace").status == 404
    assert glance.call("GET", "/schemas/metadefs/resource_type").status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/tasks/x", "GET, HEAD"),
        ("PUT", "/tasks", "GET, HEAD, POST"),
        ("PUT", "/images/x", "DELETE, GET, HEAD, PATCH"),
        ("POST", "/images/x/file", "GET, HEAD, PUT"),
        ("GET", "/images/x/stage", "PUT"),
        ("DELETE", "/info/import", "GET, HEAD"),
    ],
)
def test_a_method_that_an_address_does_not_take_is_405(glance, method, path, allowed):
    reply = glance.call(method, path)

    assert (reply.status, reply.headers["Allow"]) == (405, allowed)


def test_a_task_is_not_deleted_whoever_asks(glance, appliance):
    reply = glance.call("DELETE", "/tasks/11111111-2222-4333-8444-555555555555", role="viewer")

    assert reply.status == 405
    assert "GET" in reply.headers["Allow"]


def test_versions_are_for_everybody(glance, appliance):
    for path, headers in (("/versions", {}), ("/v2", {}), ("/v2/", {}), ("/", {"Accept": "application/json"})):
        reply = appliance.request("GET", path, None, headers)
        assert reply.status == 200
        versions = reply.json["versions"]
        assert [version["id"] for version in versions if version["status"] == "CURRENT"] == ["v2.12"]
        assert {version["id"] for version in versions} == {f"v2.{minor}" for minor in range(13)}
    assert appliance.request("POST", "/versions").status == 405


def test_a_browser_still_gets_pages(appliance):
    assert appliance.request("GET", "/", None, {"Accept": "text/html"}).status == http.HTTPStatus.SEE_OTHER


@pytest.mark.parametrize("name", ["image", "images", "task", "tasks"])
def test_schemas_name_everything_that_is_answered(glance, name):
    schema = glance.call("GET", f"/schemas/{name}").json

    assert schema["name"] == name
    one = schema if name in ("image", "task") else schema["properties"][name]["items"]
    shown = glance.image() if name.startswith("image") else glance.import_from("http://127.0.0.1:1/x").json
    assert set(shown) <= set(one["properties"])
    kinds = {"string": str, "null": type(None), "integer": int, "boolean": bool, "array": list, "object": dict}
    for field, value in shown.items():
        types = one["properties"][field]["type"]
        assert type(value) in [kinds[kind] for kind in ([types] if isinstance(types, str) else types)], field


def test_stores_are_the_storage_domains_the_default_first(glance):
    stores = glance.call("GET", "/info/stores").json["stores"]

    assert {store["id"] for store in stores} == {"data", "iso", "more"}
    assert [store["id"] for store in stores if store.get("default") == "true"] == ["data"]


def test_import_methods_are_told(glance):
    assert glance.call("GET", "/info/import").json["import-methods"]["value"] == ["glance-direct", "web-download", "copy-image"]
