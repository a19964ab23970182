"""GET /metrics: who may see it, and that it tells which road bytes took."""

import re

import pytest


def scrape(appliance, role="admin"):
    return appliance.request("GET", "/metrics", headers={"Authorization": f"Bearer {appliance.tokens[role]}"})


def sample(appliance, line: str) -> float:
    """The value of a metric, 0 while there is none."""
    found = re.search(rf"^{re.escape(line)} (\S+)$", scrape(appliance).text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_an_administrators_token_sees_prometheus_text(appliance):
    reply = scrape(appliance)

    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    assert reply.headers["Cache-Control"] == "no-store"
    assert '\nappliance_host_up{host="local"} 1.0\n' in reply.text
    assert "\nprocess_resident_memory_bytes " in reply.text


def test_an_administrators_browser_sees_them_too(logged_in):
    assert logged_in.get("/metrics").status == 200


@pytest.mark.parametrize(("role", "status"), [("uploader", 403), ("viewer", 403)])
def test_others_do_not(appliance, role, status):
    assert scrape(appliance, role).status == status


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}])
def test_nobody_knows_nothing(appliance, headers):
    reply = appliance.request("GET", "/metrics", headers=headers)

    assert (reply.status, reply.json["code"]) == (401, "not-logged-in")
    assert "appliance_" not in reply.text


def test_they_are_only_read(appliance):
    reply = appliance.request("DELETE", "/metrics", headers={"Authorization": f"Bearer {appliance.tokens['admin']}"})

    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(("size", "path"), [(1 << 20, "splice"), (1000, "buffer")])
def test_an_upload_counts_on_its_road(appliance, size, path):
    names = [f'appliance_{what}_total{{operation="write",path="{path}"}}' for what in ("bytes", "requests")]
    before = [sample(appliance, name) for name in names]

    appliance.image(b"x" * size)

    assert [sample(appliance, name) - then for name, then in zip(names, before, strict=True)] == [size, 1]


def test_a_download_counts(appliance):
    image = appliance.image(b"x" * 5000)
    name = 'appliance_bytes_total{operation="read",path="buffer"}'
    before = sample(appliance, name)

    assert len(appliance.call("GET", f"/images/{image['id']}/data").body) == 5000

    assert sample(appliance, name) - before == 5000


def test_transfers_are_counted_by_phase(appliance):
    name = 'appliance_transfers{phase="transferring"}'
    before = sample(appliance, name)

    appliance.transfer()

    assert sample(appliance, name) == before + 1
