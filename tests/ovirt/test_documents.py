"""docs/ovirt.md: every address is there, and what is shown works as it is written."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from lxml import etree

from appliance.web.ovirt import clusters, data_centers, disks, events, hosts, jobs, routes, storage_domains, transfers
from tests.e2e.product import PASSWORD
from tests.ovirt.conftest import MIB, qemu_img

TEXT = (pathlib.Path(__file__).parents[2] / "docs" / "ovirt.md").read_text()
TABLE = TEXT.partition("| request | what |")[2].partition("\n\n")[0]
NOUNS = {
    "/clusters": clusters,
    "/datacenters": data_centers,
    "/disks": disks,
    "/events": events,
    "/hosts": hosts,
    "/imagetransfers": transfers,
    "/jobs": jobs,
    "/storagedomains": storage_domains,
}


def block(name: str) -> str:
    return re.search(rf"<!-- test: {name} -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)[1]


def row(method: str, path: str) -> str:
    """The line of the table that tells of the route."""
    cells = {line: line.split("|")[1] for line in TABLE.splitlines() if line.startswith(f"| `{method} ")}
    [found] = [line for line, cell in cells.items() if (path or "/") in re.findall("(/[^`]*)`", cell)]
    return found


@pytest.fixture
def environment(engine, image):
    return {**os.environ, "URL": engine.product.address, "CA": engine.ca, "PASSWORD": PASSWORD, "FILE": str(image)}


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_address_is_in_the_table(route):
    assert row(route.method, route.path)


@pytest.mark.parametrize("path", NOUNS)
def test_every_field_that_can_be_searched_is_named(path):
    told = re.search(r"search by ([\w., ]+\w)", row("GET", path))[1]

    assert set(told.split(", ")) == set(NOUNS[path].FIELDS)


@pytest.mark.parametrize("route", [route for route in routes.ROUTES if route.follows and route.path in NOUNS], ids=lambda route: route.path)
def test_every_link_that_can_be_followed_is_named(route):
    assert set(re.search(r"`follow=([\w,]+)`", row("GET", route.path))[1].split(",")) == route.follows


def test_the_script_works_as_it_is_written(environment, image, engine, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", block("script")], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
    )

    assert done.returncode == 0, done.stdout + done.stderr
    qemu_img("compare", image, tmp_path / "copy.qcow2")
    engine.disks.disk_service(done.stdout.strip()).remove()


def test_the_bodies_of_ovirts_own_documentation_work(engine, image, tmp_path):
    """What its image transfer service tells users of curl to send, with the ids and addresses of here."""
    curl = ["curl", "--silent", "--show-error", "--fail-with-body", "--cacert", engine.ca]

    def post(path: str, body: str) -> etree._Element:
        header = ["--user", f"admin@internal:{PASSWORD}", "--header", "Content-Type: application/xml"]
        done = subprocess.run([*curl, *header, "--data", body, f"{engine.url}/{path}"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return etree.fromstring(done.stdout.encode())

    def transfer(direction: str) -> etree._Element:
        begun = post(
            "imagetransfers",
            f"""
            <image_transfer>
              <disk id="{disk}"/>
              <direction>{direction}</direction>
            </image_transfer>
            """,
        )
        assert begun.findtext("phase") in ("initializing", "transferring")
        engine.wait_for_phase(begun.get("id"), "transferring")
        assert begun.findtext("direction") == direction
        return begun

    with image.open("r+b") as file:
        file.truncate(64 * MIB)
    domain = engine.system.storage_domains_service().list(search="name=data")[0].id
    disk = post(
        "disks",
        f"""
        <disk>
          <storage_domains>
            <storage_domain id="{domain}"/>
          </storage_domains>
          <alias>mydisk</alias>
          <initial_size>67108864</initial_size>
          <provisioned_size>67108864</provisioned_size>
          <format>raw</format>
        </disk>
        """,
    ).get("id")

    begun = transfer("upload")
    subprocess.run([*curl, "--upload-file", image, "-X", "PUT", begun.findtext("transfer_url")], check=True, timeout=120)
    assert post(f"imagetransfers/{begun.get('id')}/finalize", "<action />").findtext("status") == "complete"
    engine.wait_for_phase(begun.get("id"), "finished_success")
    begun = transfer("download")
    subprocess.run([*curl, begun.findtext("proxy_url"), "-o", tmp_path / "copy"], check=True, timeout=120)
    post(f"imagetransfers/{begun.get('id')}/finalize", "<action />")
    engine.wait_for_phase(begun.get("id"), "finished_success")

    qemu_img("compare", image, tmp_path / "copy")
    (tmp_path / "copy").unlink()
    engine.disks.disk_service(disk).remove()


def test_the_curl_recipe_works_as_it_is_written(environment, image, tmp_path):
    done = subprocess.run(["bash", "-c", block("curl")], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "copy.raw").read_bytes() == image.read_bytes()
