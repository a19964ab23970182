"""What the pages show, to whom, and what they do when something is not as it should be."""

import pytest
from selenium.webdriver.common.by import By

from tests.browser.page import row
from tests.e2e.product import PASSWORD, wait_for

NAMES = ["<img src=x onerror=alert(1)>.raw", '"><script>document.title=1<\\script>.raw', "{{7*7}} & 'quotes'.raw"]


@pytest.fixture(scope="session")
def people(running):
    """Two users beside `admin`, each named after the role."""
    for role in ("viewer", "uploader"):
        running.add_user(role, role)


@pytest.fixture
def lacking(page):
    """The page in a browser without workers."""
    script = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.Worker"})
    yield page
    page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_a_wrong_password_is_told_and_nothing_else(tab):
    tab.open("/login?next=/events")
    tab.submit_login("admin", "wrong")
    for name in ("admin", "nobody"):
        tab.wait_for_text("the name or the password is wrong", '[data-test="error"]')
        assert tab.driver.find_element(By.NAME, "password").get_attribute("value") == ""
        tab.submit_login(name, "wrong again")
    tab.wait_for_text("the name or the password is wrong", '[data-test="error"]')


def test_a_viewer_sees_everything_and_may_change_nothing(tab, people):
    image = tab.product.upload("seen.raw", bytes(4096))["image_id"]
    transfer = tab.product.create("moving.raw", 1 << 20)["id"]
    tab.log_in("viewer")
    tab.row(transfer)
    assert not tab.all('[data-test="upload-button"], [data-test="import-button"]')
    assert not any(tab.shows(verb) for verb in ("pause", "resume", "cancel"))
    tab.walk("/library")
    tab.see(f'[data-test="image"][data-image="{image}"] a').click()
    tab.part("sha256-value")
    assert tab.shows("download")
    assert not tab.shows("delete")
    tab.driver.execute_script("dispatchEvent(new DragEvent('drop', {bubbles: true, dataTransfer: new DataTransfer()}))")
    assert not tab.all("dialog")
    tab.open(f"/domains/{tab.product.transfer(transfer)['domain']['id']}")
    tab.part("domain-steps")
    assert not tab.all('[data-test="change-steps"]')


def test_an_uploader_may_change_what_is_theirs_alone(tab, people):
    with tab.product.books() as books:
        token = books.tokens.add("uploader")
    body = {"size": 1 << 20, "format": "raw", "domain": "data", "client": "api"}
    mine = tab.product.call("POST", "/transfers", {**body, "name": "mine.raw"}, token=token)[1]["id"]
    strange = tab.product.create("strange.raw", 1 << 20)["id"]
    tab.log_in("uploader")

    assert tab.row(mine).find_element(By.CSS_SELECTOR, '[data-test="cancel"]').is_displayed()
    assert not any(tab.row(strange).find_element(By.CSS_SELECTOR, f'[data-test="{verb}"]').is_displayed() for verb in ("pause", "cancel"))
    tab.open(f"/domains/{tab.product.transfer(mine)['domain']['id']}")
    tab.part("domain-steps")
    assert not tab.all('[data-test="change-steps"]')


def test_an_expired_login_leads_back_to_the_page(tab):
    tab.log_in()
    tab.walk("/events")
    tab.part("events")
    tab.driver.delete_all_cookies()
    tab.see("form [name=password]")
    tab.submit_login("admin", PASSWORD)

    tab.part("events")
    assert tab.driver.current_url == f"{tab.product.address}/events"


def test_a_login_that_expires_while_bytes_travel_does_not_throw_the_page_away(tab, disk):
    tab.log_in()
    transfer = tab.half_upload(disk)
    tab.driver.delete_all_cookies()

    tab.wait_for_text("login has ended", '[data-test="stale"]')
    assert "/login" not in tab.driver.current_url
    assert disk.name in tab.see(row(transfer)).text


def test_logging_out_ends_it(tab):
    tab.log_in()
    tab.click("logout")
    tab.see("form [name=password]")
    tab.open("/events")

    assert tab.see("form [name=password]")


def test_a_page_shows_by_itself_what_another_one_did(page):
    transfer = page.product.create("elsewhere.raw", 1 << 20)
    page.row(transfer["id"], "transferring")
    page.product.ok("POST", f"/transfers/{transfer['id']}/pause")
    page.row(transfer["id"], "paused_user")
    page.product.ok("POST", f"/transfers/{transfer['id']}/cancel")
    wait_for(lambda: not page.all(row(transfer["id"])), "the row to go")
    page.walk("/library")
    image = page.product.upload("new.raw", bytes(1000))["image_id"]
    page.see(f'[data-test="image"][data-image="{image}"]')
    page.product.ok("DELETE", f"/images/{image}")
    assert wait_for(lambda: not page.all(f'[data-image="{image}"]'), "the image to go")


@pytest.mark.parametrize("name", NAMES, ids=["image", "script", "template"])
def test_a_name_is_shown_as_it_is_and_never_run(page, name):
    name = name.replace("\\", " ")
    finished = page.product.upload(name, bytes(512))
    for path in ("/", "/library", f"/library/{finished['image_id']}", "/events"):
        page.open(path)
        page.part("title")
        if path != "/":
            page.wait_for_text(name, "main")
        assert not page.all('img, main script, [src="x"]')
    page.product.ok("DELETE", f"/images/{finished['image_id']}")


def test_a_browser_that_lacks_something_is_told_by_name_and_the_rest_works(lacking):
    lacking.open("/")

    assert "Web Workers" in lacking.part("lacking").text
    assert not lacking.part("upload-button").is_enabled()
    lacking.walk("/events")
    lacking.part("event")
    lacking.walk("/settings")
    lacking.wait_for_text("missing", "main")


def test_an_image_that_does_not_exist_is_told_in_the_page(page):
    page.open("/library/00000000-0000-0000-0000-000000000000")

    page.wait_for_text("does not exist", "main")


def test_a_host_is_not_added_before_its_fields_are_sound(page):
    hosts = page.product.ok("GET", "/hosts")["items"]
    page.walk("/hosts")
    page.click("add-host")
    page.fill("host-control-port", "99999")
    page.click("submit", "dialog")

    for words in ("Give the host a name.", "Say where the host is.", "A port is a number from 1 to 65535."):
        page.wait_for_text(words, "dialog")
    assert page.driver.switch_to.active_element == page.part("host-name")
    page.fill("host-name", "kvm-02")
    assert [page.part(f"host-{name}").get_attribute("aria-invalid") for name in ("name", "address")] == [None, "true"]
    assert page.product.ok("GET", "/hosts")["items"] == hosts


def test_an_event_leads_to_the_image_that_it_names(page):
    image = page.product.upload("led-to.raw", bytes(2000))["image_id"]
    page.walk("/events")
    page.see(f'[data-test="event"] .message a[href="/library/{image}"]').click()

    page.wait_for_text("led-to.raw", '[data-test="title"]')


def test_an_address_that_does_not_exist_is_told_with_an_id(page):
    page.open("/nowhere")

    page.wait_for_text("404", '[data-test="error"]')
    page.wait_for_text("error id", '[data-test="error"]')
    page.wait_for_text("Check the address", '[data-test="error"]')


def test_deleting_an_image_asks_first_and_names_it(page):
    image = page.product.upload("doomed.raw", bytes(2000))["image_id"]
    page.open(f"/library/{image}")
    page.click("delete")
    assert "doomed.raw" in page.see("dialog[open]").text
    page.click("confirm")

    page.see('[data-test="images"], [data-test="empty"]')
    assert page.product.call("GET", f"/images/{image}")[0] == 404


def test_the_sha256_and_the_path_can_be_copied(page):
    image = page.product.upload("copied.raw", bytes(3000))
    page.open(f"/library/{image['image_id']}")
    page.part("sha256-value")
    page.driver.execute_script("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.click("copy")

    wait_for(lambda: page.driver.execute_script("return window.copied") == image["sha256"], "the checksum to be copied")
