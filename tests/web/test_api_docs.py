"""docs/api.md and docs/errors.md: nothing is missing there, and what is shown there works."""

import inspect
import os
import pathlib
import re
import secrets
import subprocess

import pytest

from appliance import errors
from appliance.web.api import routes
from tests.e2e.product import Product

DOCS = pathlib.Path(__file__).parents[2] / "docs"
API = (DOCS / "api.md").read_text()
ERRORS = (DOCS / "errors.md").read_text()
KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.ApplianceError) and kind is not errors.ApplianceError
]


def row(kind: type[errors.ApplianceError]) -> str:
    """The line of docs/errors.md that tells of the error, as it must stand there."""
    return f"| `{kind.code}` | {kind.status} | {_plain(kind.says)} | {_plain(kind.hint)} |"


def _plain(text: str) -> str:
    return re.sub(r"\{(\w+)(:\w+)?\}", r"*\1*", text).replace("|", "\\|")


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_described_and_shown_with_curl(route):
    assert f"{route.method} {route.path}`" in API, "described"
    example = re.escape(route.path).replace(r"\{id\}", r"[$\w]+")
    method = {"GET": r"ask [^\n]*", "HEAD": r"ask --head ", "POST": r"ask [^\n]*(--request POST|--data)[^\n]*"}.get(
        route.method, rf"ask --request {route.method} [^\n]*"
    )
    assert re.search(rf'{method}"\$api{example}["?]', API), "shown"


def test_every_call_that_is_shown_is_a_route():
    shown = re.findall(r'"\$api(/[^"?]*)', API.replace("/domains/data", "/domains/$domain"))

    assert {re.sub(r"\$\w+", "{id}", path) for path in shown} == {route.path for route in routes.ROUTES}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_table_as_it_is(kind):
    assert row(kind) in ERRORS.splitlines()


def test_the_table_has_no_error_that_is_none():
    assert set(re.findall(r"^\| `([\w-]+)` \|", ERRORS, re.M)) == {kind.code for kind in KINDS}


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    product = Product(tmp_path_factory.mktemp("docs") / "state", monitor_interval=0.2)
    product.start()
    yield product
    product.stop()


def test_the_whole_upload_with_nothing_but_curl_works_as_it_is_written(product, tmp_path):
    script = re.search(r"<!-- test: upload -->\n```bash\n(.*?)```", API, re.S)[1]
    file = tmp_path / "disk.raw"
    file.write_bytes(secrets.token_bytes((20 << 20) + 123))
    environment = {
        **os.environ,
        "APPLIANCE": product.address,
        "CA": str(product.state_dir / "ca" / "ca.pem"),
        "TOKEN": product.token,
        "FILE": str(file),
    }
    run = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60)

    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout == "finished_success\n"
