"""The page of hosts, and an upload that moves between two of them while the browser sends it."""

import re
import shlex

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from imaged import client
from tests.browser.conftest import chromium
from tests.browser.test_access import flaws, focus, press, tab_to
from tests.e2e.fleet import Fleet
from tests.e2e.product import wait_for
from tests.imaged.imageio import Imageio


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Fleet(tmp_path_factory.mktemp("fleet"), names=("one", "two")) as fleet:
        yield fleet


@pytest.fixture
def fleet(running):
    """Whatever becomes of a test, the next one finds all hosts in service."""
    yield running
    running.restore()


@pytest.fixture(scope="module")
def browser(running, tmp_path_factory):
    driver = chromium(running.product, tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def product(fleet):
    return fleet.product


@pytest.fixture
def page(tab):
    tab.log_in()
    return tab


def line(page, name):
    """The line of a host."""
    return next((one for one in page.all('[data-test="host"]') if one.text.startswith(f"{name}\n")), None)


def shows(page, name, words):
    wait_for(lambda: (one := line(page, name)) and words in one.text, f"{name} to show {words!r}")


def test_a_host_is_added_and_enrolled_by_keyboard(page, fleet):
    host = fleet.another("three", "127.0.0.3")
    page.walk("/hosts")
    shows(page, "one", "Storage domains: own-one, shared")
    shows(page, "one", "Certificate until")
    assert flaws(page) == []
    tab_to(page, "add-host")
    press(page, Keys.ENTER)
    page.part("host-dialog")
    assert flaws(page) == []
    press(page, "one", Keys.TAB, host.address, Keys.ENTER)
    page.wait_for_text("already is a host", '[data-test="host-dialog"]')
    for name, value in (("name", host.name), ("images-port", str(host.images_port)), ("control-port", str(host.control_port))):
        page.fill(f"host-{name}", value)
    tab_to(page, "submit", "dialog")
    press(page, Keys.SPACE)

    command = page.part("command").get_attribute("value")
    assert focus(page).get_attribute("data-test") == "command"
    assert flaws(page) == []
    press(page, Keys.ESCAPE)
    page.wait_for_closed_dialog()
    shows(page, "three", "It has not been enrolled yet.")
    assert host.enrol(shlex.split(command)).returncode == 0
    host.start()
    shows(page, "three", "\nup")


def test_a_host_is_taken_out_of_service_back_and_forgotten(page, fleet):
    fleet.product.call("POST", "/hosts", {"name": "gone", "address": "192.0.2.7"})
    page.walk("/hosts")
    wait_for(lambda: line(page, "gone"), "the host")
    line(page, "two").find_element(By.CSS_SELECTOR, '[data-test="maintenance"]').click()
    page.wait_for_text("Put two into maintenance?", "dialog")
    page.click("keep")
    assert fleet.host("two").shown["status"] == "up"
    line(page, "two").find_element(By.CSS_SELECTOR, '[data-test="maintenance"]').click()
    page.click("confirm")
    shows(page, "two", "\nmaintenance")
    assert flaws(page) == []
    line(page, "two").find_element(By.CSS_SELECTOR, '[data-test="activate"]').click()
    shows(page, "two", "\nup")

    line(page, "gone").find_element(By.CSS_SELECTOR, '[data-test="remove-host"]').click()
    page.click("confirm")
    wait_for(lambda: line(page, "gone") is None, "the host to be forgotten")
    line(page, "two").find_element(By.CSS_SELECTOR, '[data-test="remove-host"]').click()
    page.click("confirm")
    page.wait_for_text("no other host sees storage domain own-two", '[data-test="error"]')
    assert not line(page, "local").find_element(By.CSS_SELECTOR, '[data-test="remove-host"]').is_displayed()


def test_others_than_administrators_look_only(tab, fleet):
    fleet.product.add_user("viewer", "viewer")
    page = tab
    page.log_in("viewer")
    page.walk("/hosts")
    shows(page, "one", "\nup")

    assert not any(page.all(f'[data-test="{name}"]') for name in ("add-host", "maintenance", "activate", "remove-host", "enrol"))


def test_a_browsers_upload_goes_on_by_itself_on_another_host(page, fleet, disk):
    transfer = page.begin_upload(disk, domain="shared")
    first = fleet.product.transfer(transfer)["host"]["name"]

    fleet.host(first).ask("maintenance")
    wait_for(lambda: fleet.product.transfer(transfer)["host"]["name"] != first, "the upload to move")
    page.slow_down(-1)

    done = page.wait_for_phase(transfer, "finished_success")
    stored = fleet.product.ok("GET", f"/images/{done['image_id']}")["path"].rpartition("/")[2]
    assert (fleet.shared / "pool" / stored).read_bytes() == disk.read_bytes()
    messages = [event["message"] for event in fleet.product.ok("GET", f"/events?transfer={transfer}")["items"]]
    assert any(re.search(f"paused by the system: Host {first} is in maintenance", message) for message in messages)


def test_a_browsers_upload_survives_the_death_of_its_host(page, fleet, disk):
    transfer = page.begin_upload(disk, domain="shared")
    first = fleet.host(fleet.product.transfer(transfer)["host"]["name"])

    first.kill()
    wait_for(lambda: fleet.product.transfer(transfer)["host"]["name"] != first.name, "the upload to move")
    page.slow_down(-1)

    done = page.wait_for_phase(transfer, "finished_success")
    stored = fleet.product.ok("GET", f"/images/{done['image_id']}")["path"].rpartition("/")[2]
    assert (fleet.shared / "pool" / stored).read_bytes() == disk.read_bytes()


def test_an_upload_goes_by_way_of_ovirts_own_images_service(page, fleet, disk, tmp_path):
    host = fleet.host("one")
    state = host.directory / "state"
    imageio = Imageio(tmp_path / "imageio", host.address, state / "host.pem", state / "ca.pem")
    try:
        host.kill()
        host.start("--images-service", imageio.address, "--images-control", imageio.socket, "--upstream-ca", state / "ca.pem")
        wait_for(lambda: takes_uploads(fleet, "own-one"), "the host to take uploads again")
        transfer = page.begin_upload(disk, domain="own-one")
        told = client.Control(f"unix:{imageio.socket}").ticket(only_ticket(host))
        assert (told["transfer_id"], told["ops"]) == (transfer, ["write"])
        assert told["transferred"] > 0
        # It is started again, and goes on.
        imageio.kill()
        imageio.start()
        page.slow_down(-1)

        done = page.wait_for_phase(transfer, "finished_success")
        stored = fleet.product.ok("GET", f"/images/{done['image_id']}")["path"].rpartition("/")[2]
        assert (host.own / "images" / stored).read_bytes() == disk.read_bytes()
    finally:
        imageio.kill()
        host.kill()
        host.start()


def takes_uploads(fleet, domain):
    """What is listed may be of a moment ago: so it is tried."""
    body = {"name": "probe", "size": 512, "format": "raw", "domain": domain}
    status, transfer = fleet.product.call("POST", "/transfers", body)
    if status == 201:
        fleet.product.ok("POST", f"/transfers/{transfer['id']}/cancel")
        fleet.product.finished(transfer["id"])
    return status == 201


def only_ticket(host):
    """The id of the one ticket that the host has, asked on the host itself."""
    [ticket] = client.Control(f"unix:{host.directory / 'state' / 'run' / 'control'}").tickets()
    return ticket["uuid"]
