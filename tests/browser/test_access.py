"""For everybody: by keyboard alone, for those who do not see the screen, on a small one, in the light and in the dark."""

import pathlib

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.page import Page, row, stored
from tests.e2e.product import PASSWORD, wait_for

AXE = (pathlib.Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js").read_text()
RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
  ({violations}) => done(violations.map(({id, help, nodes}) => `${id}: ${help}: ${nodes.map(({html}) => html).join(" ")}`)),
  (error) => done([String(error)]));
"""
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}


LOOKS = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]


def look(page: Page, size: str, scheme: str) -> None:
    """Shows the page in one size and scheme."""
    width, height = SIZES[size]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


class Looks:
    """What axe-core finds on each page that it is shown, in every size and scheme."""

    def __init__(self, page: Page):
        self.page = page
        self.found: dict[tuple[str, ...], list[str]] = {}
        look(page, *LOOKS[0])

    def at(self, name: str) -> None:
        # Back to the first of them, in which the test goes on.
        for size, scheme in [*LOOKS[1:], LOOKS[0]]:
            look(self.page, size, scheme)
            self.found[name, size, scheme] = flaws(self.page)

    @property
    def flaws(self) -> dict[tuple[str, ...], list[str]]:
        return {where: found for where, found in self.found.items() if found}


def flaws(page: Page) -> list[str]:
    """What axe-core holds against the page as it is now, and whether it has to be pushed sideways."""
    if not page.driver.execute_script("return 'axe' in window"):
        page.driver.execute_script(AXE)
    sideways = page.driver.execute_script("return document.documentElement.scrollWidth > innerWidth")
    return page.driver.execute_async_script(RUN_AXE) + (["it has to be scrolled sideways"] if sideways else [])


def press(page: Page, *keys: str) -> None:
    ActionChains(page.driver).send_keys(*keys).perform()


def focus(page: Page):
    return page.driver.switch_to.active_element


def tab_to(page: Page, name: str, within: str = "") -> None:
    """Presses Tab until the named part has the focus, as somebody without a mouse does."""
    selector = f'{within} [data-test="{name}"]'.strip()
    wait_for(lambda: page.all(selector), selector)
    for _ in range(80):
        if page.driver.execute_script("return document.activeElement.matches(arguments[0])", selector):
            return
        press(page, Keys.TAB)
    raise AssertionError(f"{name} cannot be reached with Tab")


def test_an_upload_from_login_to_end_by_keyboard_alone(tab, disk):
    tab.slow_down(64 << 10)
    tab.open("/login")
    press(tab, "admin", Keys.TAB, PASSWORD, Keys.ENTER)
    tab_to(tab, "upload-button")
    press(tab, Keys.ENTER)
    tab_to(tab, "file-input", "dialog")
    focus(tab).send_keys(str(disk))
    wait_for(lambda: tab.part("submit").is_enabled(), "the dialog to allow uploading")
    tab_to(tab, "submit")
    press(tab, Keys.SPACE)
    transfer = tab.transfer_named(disk.name)
    tab_to(tab, "pause", row(transfer))
    press(tab, Keys.SPACE)
    tab.row(transfer, "paused_user")
    tab.slow_down(-1)
    tab_to(tab, "resume", row(transfer))
    press(tab, Keys.ENTER)

    assert stored(tab.product, tab.wait_for_phase(transfer, "finished_success")) == disk.read_bytes()


def test_an_upload_is_cancelled_by_keyboard_alone(page, disk):
    transfer = page.half_upload(disk)
    tab_to(page, "cancel", row(transfer))
    press(page, Keys.ENTER)
    page.part("keep")
    assert focus(page).get_attribute("data-test") == "keep"
    tab_to(page, "confirm")
    press(page, Keys.ENTER)

    page.wait_for_phase(transfer, "finished_cleanup")


def test_the_focus_stays_in_the_dialog(page):
    inside = "return document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
    page.click("upload-button")
    page.part("upload-dialog")
    for _ in range(12):
        press(page, Keys.TAB)
        assert page.driver.execute_script(inside)


def test_every_page_is_without_flaws(page):
    image = page.product.upload("shown.raw", bytes(4096))["image_id"]
    waiting = page.product.create("waiting.raw", 1 << 20)["id"]
    page.product.ok("POST", f"/transfers/{waiting}/pause")
    moving = page.product.create("moving.raw", 1 << 20)["id"]
    looks = Looks(page)
    domain = page.product.ok("GET", "/domains")["items"][0]["id"]
    parts = {
        "/": row(waiting),
        "/library": '[data-test="image"]',
        f"/library/{image}": '[data-test="sha256-value"]',
        f"/domains/{domain}": '[data-test="title"]',
        "/hosts": '[data-test="host"]',
        "/events": '[data-test="event"]',
        "/settings": ".facts",
        "/nowhere": '[data-test="error"]',
    }
    for path, part in parts.items():
        page.open(path)
        page.see(part)
        looks.at(path)
    page.driver.delete_all_cookies()
    page.open("/login")
    looks.at("/login")
    page.submit_login("admin", "wrong")
    page.part("error")
    looks.at("a failed login")

    assert looks.flaws == {}
    assert page.product.transfer(moving)["phase"] == "transferring"
    page.product.ok("DELETE", f"/images/{image}")


def test_every_dialog_and_a_running_upload_are_without_flaws(page, disk, tmp_path):
    looks = Looks(page)
    transfer = page.half_upload(disk)
    looks.at("a running upload")
    page.click("cancel", row(transfer))
    page.part("keep")
    looks.at("the question")
    page.click("keep")
    page.click("upload-button")
    page.part("drop-zone")
    looks.at("the empty dialog")
    sound, text = tmp_path / "sound.raw", tmp_path / "text.iso"
    sound.write_bytes(bytes(5000))
    text.write_text("text")
    page.choose(sound, text)
    page.part("error")
    page.fill("sha256", "abc")
    looks.at("the dialog with a refused file and a wrong value")
    page.click("back")
    page.open("/")
    page.click("resume", row(transfer))
    page.see("dialog[open]")
    page.choose(sound)
    page.part("error")
    looks.at("the resume dialog with another file")

    assert looks.flaws == {}


def listen(page: Page) -> None:
    """From now on `said` of the page is what was announced."""
    page.driver.execute_script(
        "window.said = []; new MutationObserver(() => said.push(document.getElementById('polite').textContent))"
        ".observe(document.getElementById('polite'), {childList: true, characterData: true, subtree: true})"
    )


def heard(page: Page, news: str) -> str:
    """All that was announced, once `news` is among it."""
    wait_for(lambda: news in " ".join(page.driver.execute_script("return said")), f"{news!r} to be said")
    return " ".join(page.driver.execute_script("return said"))


def test_uploads_are_announced_once_each_and_politely(page, disk):
    listen(page)
    page.slow_down(2 << 20)
    page.start_upload(disk, domain="data")
    page.row(page.transfer_named(disk.name), "finished_success")

    said = heard(page, "done")
    assert [said.count(f"{disk.name}: {news}.") for news in ("started", "done")] == [1, 1]


def test_what_can_be_touched_is_large_enough(page, disk):
    """24 pixels each way, or a line of text: WCAG 2.2, target size."""
    transfer = page.half_upload(disk)
    small = [
        (element.get_attribute("data-test") or element.text, element.size)
        for element in page.driver.find_elements(By.CSS_SELECTOR, f"button, {row(transfer)} .button, nav a")
        if element.is_displayed() and min(element.size["width"], element.size["height"]) < 24
    ]

    assert small == []
