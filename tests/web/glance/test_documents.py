"""docs/glance.md: every address is there, and what is shown works as it is written."""

import os
import pathlib
import re
import secrets
import shlex
import subprocess

import pytest

from appliance.admin import entries
from appliance.web.glance import listing, routes
from tests.web.glance.test_client import client

__all__ = ["client"]

TEXT = (pathlib.Path(__file__).parents[3] / "docs" / "glance.md").read_text()


def block(name: str) -> str:
    return re.search(rf"<!-- test: {name} -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)[1]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(secrets.token_bytes(100001))
    return path


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_address_is_in_the_table(route):
    assert f"| `{route.method} {route.path}` |" in TEXT


@pytest.mark.parametrize("field", [*listing.IMAGES.fields, *listing.TASKS.fields])
def test_every_filter_is_named(field):
    assert field == "os_hash_algo" or f"`{field}`" in TEXT


@pytest.mark.parametrize("format", entries.DISK_FORMATS)
def test_every_format_is_named(format):
    assert f"`{format}`" in TEXT


def test_the_commands_work_as_they_are_written(client, glance, source, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source.files["/image.img"] = file.read_bytes()
    known = {"FILE": str(file), "URL": f"{source.url}/image.img", "IMAGE": "", "TASK": ""}
    lines = [line for line in block("commands").splitlines() if line]

    for line in lines:
        program, *words = shlex.split(line)
        assert program == "glance"
        printed = client.run(*(re.sub(r"\$([A-Z]+)", lambda found: known[found[1]], word) for word in words))
        if made := re.search(r"^\| id +\| (\S+)", printed, re.M):
            known["TASK" if words[0].startswith("task") else "IMAGE"] = made[1]

    assert (tmp_path / "copy.img").read_bytes() == file.read_bytes()
    assert glance.active({"id": known["IMAGE"]})["name"] == "fetched"
    assert glance.ended({"id": known["TASK"]})["status"] == "success"


def test_curl_works_as_it_is_written(glance, file, tmp_path):
    environment = {**os.environ, "APPLIANCE": glance.url, "TOKEN": glance.appliance.tokens["admin"], "FILE": str(file)}

    done = subprocess.run(["bash", "-c", block("curl")], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "copy.img").read_bytes() == file.read_bytes()
