"""The page of hosts, and an upload that moves between two of them while the browser sends it."""

import re
import shlex

import pytest
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


def lines(page):
    """What the lines of the hosts say, by name: read at once, as they may be drawn anew at any moment."""
    said = page.driver.execute_script("return [...document.querySelectorAll('[data-test=host]')].map((line) => line.innerText)")
    return {text.partition("\n")[0]: text for text in said}


def shows(page, name, words):
    wait_for(lambda: words in lines(page).get(name, ""), f"{name} to show {words!r}")


def act(page, name, verb):
    """Clicks a button in the line of a host."""
    wait_for(lambda: name in lines(page), f"the host {name}")
    page.click(verb, f'[data-test="host"]:nth-child({list(lines(page)).index(name) + 1})')


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
    wait_for(lambda: "gone" in lines(page), "the host")
    act(page, "two", "maintenance")
    page.wait_for_text("Put two into maintenance?", "dialog")
    page.click("keep")
    assert fleet.host("two").shown["status"] == "up"
    act(page, "two", "maintenance")
    page.click("confirm")
    shows(page, "two", "\nmaintenance")
    assert flaws(page) == []
    act(page, "two", "activate")
    shows(page, "two", "\nup")

    act(page, "gone", "remove-host")
    page.click("confirm")
    wait_for(lambda: "gone" not in lines(page), "the host to be forgotten")
    act(page, "two", "remove-host")
    page.click("confirm")
    page.wait_for_text("no other host sees storage domain own-two", '[data-test="error"]')
    offered = [button.is_displayed() for button in page.all('[data-test="host"] [data-test="remove-host"]')]
    assert offered == [name != "local" for name in lines(page)]


def test_others_than_administrators_look_only(tab, fleet):
    fleet.product.add_user("viewer", "viewer")
    page = tab
    page.log_in("viewer")
    page.walk("/hosts")
    shows(page, "one", "\nup")

    assert not any(page.all(f'[data-test="{name}"]') for name in ("add-host", "maintenance", "activate", "remove-host", "enrol"))


def test_a_browsers_upload_goes_on_by_itself_on_another_host(page, fleet, disk):
    transfer = page.half_upload(disk, domain="shared")
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
    transfer = page.half_upload(disk, domain="shared")
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
        transfer = page.half_upload(disk, domain="own-one")
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
