"""The OpenAPI document, and the API held against it by schemathesis: good data and bad, over real sockets, on real things."""

import pathlib
import subprocess
import sys

import pytest

from appliance.admin import views
from appliance.web.api import openapi, routes
from tests.web.conftest import Appliance

EXAMPLES = 8
TAKEN = ["2xx", "3xx", "401", "403", "404", "409", "429", "5xx"]
SEED = 20


@pytest.fixture(scope="module")
def document(appliance):
    return appliance.request("GET", "/api/v1/openapi.json").json


def test_the_document_is_served_to_everybody_and_kept_fresh_cheaply(appliance):
    first = appliance.request("GET", "/api/v1/openapi.json")
    again = appliance.request("GET", "/api/v1/openapi.json", headers={"If-None-Match": first.headers["ETag"]})

    assert first.json == openapi.document()
    assert again.status == 304


def test_every_route_is_in_the_document_with_all_its_errors(document):
    for route in routes.ROUTES:
        operation = document["paths"][routes.PREFIX + route.path][route.method.lower()]
        assert operation["summary"]
        assert {str(error.status) for error in route.possible} <= set(operation["responses"])


def test_every_reference_leads_somewhere(document):
    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                assert node["$ref"].rpartition("/")[2] in document["components"]["schemas"]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)


def test_operations_have_names_of_their_own(document):
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]

    assert len(names) == len(set(names)) == len(routes.ROUTES)


@pytest.fixture
def own(tmp_path):
    """An appliance of its own: what is deleted here, no other test misses."""
    appliance = Appliance(tmp_path)
    yield appliance
    appliance.stop()


def test_the_api_is_what_the_document_says(own, tmp_path):
    """Every check of schemathesis on every operation: statuses, schemas, headers, methods, good data taken, bad data refused."""
    image = own.image(b"an image" * 100)
    transfer = own.transfer()
    domain = own.call("GET", "/domains").json["items"][0]
    config = tmp_path / "schemathesis.toml"
    # Not the one that everything lies on.
    host = own.admin.enrolment.add(views.NewHost("other", "127.0.0.9")).host
    ids = {"images": image["id"], "transfers": transfer["id"], "domains": domain["id"], "hosts": host.id}
    config.write_text("\n".join(_on_real_things(ids)))
    words = [str(pathlib.Path(sys.executable).parent / "schemathesis"), "--config-file", str(config), "run"]
    words += [f"http://127.0.0.1:{own.port}/api/v1/openapi.json", "--header", f"Authorization: Bearer {own.tokens['admin']}"]
    words += ["--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-database", "none", "--checks", "all", "--no-color"]
    words += ["--phases", "examples,coverage,fuzzing", "--continue-on-failure"]
    run = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)

    assert run.returncode == 0, run.stdout[-20000:] + run.stderr[-2000:]
    assert f"Tested: {len(routes.ROUTES)}" in run.stdout


def _on_real_things(ids: dict[str, str]):
    """Settings of schemathesis by which most requests ask for what there is; invented ids would all end in 404."""
    for route in routes.ROUTES:
        with_id = route.parameters and route.method != "DELETE"
        if not (with_id or route.wants_body):
            continue
        yield "[[operations]]"
        yield f'include-name = "{route.method} {routes.PREFIX}{route.path}"'
        if with_id:
            yield f'parameters = {{ "path.id" = "{ids[route.path.split("/")[1]]}" }}'
        if route.wants_body:
            # Some rules are beyond JSON Schema: a piece ends after its start and inside the file.
            yield f"checks.positive_data_acceptance.expected-statuses = {[*TAKEN, '422']}"
