"""Imports from a URL: the source is asked first, the appliance fetches, and the page tells of it as of an upload of its own kind."""

import contextlib
import datetime
import gzip
import hashlib
import pathlib
import re
import secrets
import threading

import psutil
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.browser.page import row, stored
from tests.browser.test_access import LOOKS, Looks, flaws, focus, heard, listen, look, press, tab_to
from tests.e2e import images
from tests.e2e.product import wait_for
from tests.transfer.sources import web_server

#: Bytes of an image, and after how many of them a source that is held gives no more.
SIZE, HALF = 6 << 20, 3 << 20
LOOK = re.compile(r"bytes=\d+-\d+")


class Held:
    """Takes the place of a server's scripts: images stop in the middle until they are let go; looks at them do not."""

    def __init__(self):
        self.go = threading.Event()

    def pop(self, _index: int):
        return self.give

    def give(self, handler: web_server.Handler) -> None:
        wanted = handler.headers["Range"] or ""
        if self.go.is_set() or LOOK.fullmatch(wanted):
            return handler.give()
        handler.give(HALF)
        handler.wfile.flush()
        self.go.wait()
        start = int(wanted.removeprefix("bytes=").rstrip("-") or 0)
        handler.wfile.write(handler.server.files[handler.path].data[start + HALF :])


@pytest.fixture(scope="module")
def server():
    with web_server.serving() as server:
        yield server


@pytest.fixture
def image(server):
    """The path of a raw disk at the source that no other test has."""
    path = f"/pub/{secrets.token_hex(4)}.raw"
    server.files[path] = web_server.File(secrets.token_bytes(SIZE))
    return path


@pytest.fixture
def held(server):
    server.scripts = held = Held()
    yield held
    held.go.set()
    server.scripts = []


@pytest.fixture
def frozen(running):
    """A disk that the host begins to compress stands still until that is killed, or the test ends."""
    over, found = threading.Event(), []

    def freeze():
        while not found and not over.wait(0.02):
            for child in running.daemon().children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if {"convert", "-c"} <= set(child.cmdline()):
                        child.suspend()
                        found.append(child)

    watcher = threading.Thread(target=freeze)
    watcher.start()
    yield
    over.set()
    watcher.join()
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in found:
            child.resume()


def vmdk(folder: pathlib.Path, data: bytes) -> web_server.File:
    """A disk with `data`, as VMware's programs have it."""
    (folder / "disk.raw").write_bytes(data)
    images.qemu_img("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", folder / "disk.raw", folder / "disk.vmdk")
    return web_server.File((folder / "disk.vmdk").read_bytes())


@pytest.fixture
def domain(product):
    """The path of a storage domain, which does what is usual with imports afterwards."""
    path = next(f"/domains/{one['id']}" for one in product.ok("GET", "/domains")["items"] if one["name"] == "data")
    yield path
    product.ok("PATCH", path, {"steps": None})


def name_of(path: str) -> str:
    return path.rpartition("/")[2]


def query(page, url: str) -> None:
    """Opens the dialog and asks the source."""
    page.click("import-button")
    page.fill("url", url)
    page.click("query")


def find(page, url: str) -> None:
    """As `query`; the source has it, and it could be imported."""
    query(page, url)
    page.part("found")
    ready(page)


def ready(page) -> None:
    wait_for(lambda: page.part("submit").is_enabled(), "the dialog to allow importing")


def begin(page, url: str, name: str, form: str = "as-it-is") -> str:
    """The id of an import that was begun by the dialog."""
    find(page, url)
    Select(page.part("store-as")).select_by_value(form)
    ready(page)
    page.click("submit")
    page.wait_for_closed_dialog()
    return page.transfer_named(name)


def test_an_import_by_keyboard_alone_with_a_pause_and_a_reload_in_the_middle(page, server, image, held):
    tab_to(page, "import-button")
    press(page, Keys.ENTER)
    wait_for(lambda: focus(page).get_attribute("data-test") == "url", "the URL to have the focus")
    press(page, server.url(image), Keys.ENTER)
    ready(page)
    assert focus(page).get_attribute("data-test") == "name"
    press(page, Keys.END, ".kept")
    ready(page)
    tab_to(page, "submit")
    press(page, Keys.SPACE)
    transfer = page.transfer_named(f"{name_of(image)}.kept")
    wait_for(lambda: focus(page).get_attribute("data-transfer") == transfer, "the row to have the focus")
    page.wait_for_text("fetching from 127.0.0.1", row(transfer))
    tab_to(page, "pause", row(transfer))
    press(page, Keys.SPACE)
    page.row(transfer, "paused_user")
    page.open("/")
    page.wait_for_text("no file has to be chosen", row(transfer))
    held.go.set()
    tab_to(page, "resume", row(transfer))
    press(page, Keys.ENTER)

    assert stored(page.product, page.wait_for_phase(transfer, "finished_success")) == server.files[image].data


def test_an_import_goes_on_without_its_page_and_the_image_tells_its_steps(page, server, image, held):
    leave = "const leaving = new Event('beforeunload', {cancelable: true}); dispatchEvent(leaving); return leaving.defaultPrevented"
    digest = hashlib.sha256(server.files[image].data).hexdigest()
    server.files["/pub/SHA256SUMS"] = web_server.File(f"{digest}  {name_of(image)}\n".encode(), content_type="text/plain")
    find(page, server.url(image))
    page.click("find-checksum")
    wait_for(lambda: page.part("sha256").get_attribute("value") == digest, "the checksum beside the file to be shown")
    ready(page)
    page.click("submit")
    transfer = page.transfer_named(name_of(image))
    page.wait_for_text("this page may be closed", row(transfer))
    assert not page.driver.execute_script(leave)
    page.open("/")
    page.row(transfer, "transferring")
    wait_for(lambda: re.search(r"Importing · [3-9]\d % · \d.* of 6.00 MiB", page.text(row(transfer))), "half of it to be shown")
    held.go.set()
    done = page.wait_for_phase(transfer, "finished_success")
    page.open(f"/library/{done['image_id']}")
    page.wait_for_text(server.url(image), '[data-test="import-story"]')

    states = {step.get_attribute("data-step"): step.get_attribute("data-status") for step in page.all('[data-test="step"]')}
    assert states["verify-checksum"] == "done"
    assert set(states.values()) <= {"done", "skipped"}


def test_what_was_imported_here_is_announced_and_shown_with_its_image_until_it_is_dismissed(page, server):
    data = secrets.token_bytes(100_000)
    name = f"{secrets.token_hex(4)}.raw"
    server.files[f"/{name}.gz"] = web_server.File(gzip.compress(data))
    listen(page)
    find(page, server.url(f"/{name}.gz"))
    assert "gzip" in page.part("facts").text
    assert page.part("name").get_attribute("value") == name
    page.click("submit")
    transfer = page.transfer_named(name)
    page.row(transfer, "finished_success")
    assert stored(page.product, page.product.transfer(transfer)) == data
    assert heard(page, "done").count(f"{name}: done.") == 1
    page.see(f'{row(transfer)} [data-test="show-image"]')
    page.click("tray-close")

    wait_for(lambda: not page.all(row(transfer)), "the row to go")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", ["Say where the image is"]),
        ("example.org/disk.raw", ["https://"]),
        ("ftp://example.org/disk.raw", ["ftp:", "http: or https:"]),
        ("http://ada:secret@example.org/disk.raw", ["user name or a password", "in their own fields"]),
        ("http://10.0.0.1/disk.raw", ["10.0.0.1", "import_allow"]),
    ],
    ids=["none", "bare", "scheme", "user", "private"],
)
def test_a_bad_url_is_told_beside_its_field(page, url, words):
    query(page, url)

    for word in words:
        page.wait_for_text(word, '[data-test="url-panel"]')
    wait_for(lambda: page.part("url").get_attribute("aria-invalid") == "true", "the field to be marked")
    told = [page.text(f"#{id}") for id in page.part("url").get_attribute("aria-describedby").split()]
    assert all(any(word in text for text in told) for word in words)
    assert focus(page) == page.part("url")
    assert not page.part("submit").is_enabled()


def test_a_file_that_is_not_there_is_told_and_the_dialog_goes_on_with_another(page, server, image):
    query(page, server.url("/gone.iso"))
    page.wait_for_text("404", '[data-test="url-panel"] [data-test="error"]')
    page.fill("url", server.url(image))
    assert not page.shows("error")
    page.click("query")

    page.part("found")
    ready(page)


def test_a_disk_of_another_program_is_converted_as_the_page_says_and_keeps_what_was_said_of_it(page, server, tmp_path):
    data, name = secrets.token_bytes(1 << 20) + bytes(1 << 20), secrets.token_hex(4)
    server.files[f"/{name}.vmdk"] = vmdk(tmp_path, data)
    listen(page)
    find(page, server.url(f"/{name}.vmdk"))
    page.wait_for_text("It will be converted to qcow2.", '[data-test="found"]')
    Select(page.part("store-as")).select_by_value("raw")
    page.wait_for_text("It will be converted to raw.", '[data-test="found"]')
    assert page.part("name").get_attribute("value") == f"{name}.raw"
    page.see('[data-test="more-details"] summary').click()
    page.fill("tags", "web, web servers")
    page.fill("properties", "os=debian\nnonsense")
    page.wait_for_text("Line 2 has no", "#properties-wrong")
    assert not page.part("submit").is_enabled()
    page.fill("properties", "os=debian")
    ready(page)
    page.click("submit")
    transfer = page.transfer_named(f"{name}.raw")
    page.row(transfer, "finished_success")

    assert stored(page.product, page.product.transfer(transfer)) == data
    assert page.see(f'{row(transfer)} [data-step="convert"]').get_attribute("data-state") == "done"
    assert heard(page, "done").count(f"{name}.raw: done.") == 1
    page.click("show-image", row(transfer))
    assert page.part("tags").text.split("\n") == ["web", "web servers"]
    assert page.part("properties").text == "os = debian"


def test_a_conversion_tells_how_far_it_is_and_can_be_cancelled(page, server, tmp_path, frozen):
    name = secrets.token_hex(4)
    server.files[f"/{name}.vmdk"] = vmdk(tmp_path, secrets.token_bytes(16 << 20))
    transfer = begin(page, server.url(f"/{name}.vmdk"), f"{name}.qcow2", form="qcow2-compressed")
    wait_for(lambda: re.search(r"Converting to qcow2 · \d+ %", page.text(row(transfer))), "how far it is")
    page.see(f'{row(transfer)} [data-step="convert"][data-state="running"]')
    page.click("cancel", row(transfer))
    assert "pause" not in page.see("dialog[open] .dialog-body").text
    page.click("confirm")

    page.wait_for_phase(transfer, "finished_cleanup")
    wait_for(lambda: not page.all(row(transfer)), "the row to go")


def test_an_administrator_arranges_what_imports_go_through_by_keyboard_alone(page, domain):
    def steps():
        """The names of those that the page of the storage domain shows."""
        return page.driver.execute_script(
            "return [...document.querySelectorAll('[data-test=domain-steps] li')].map((li) => li.dataset.step)"
        )

    def act(step, part, key=Keys.SPACE):
        page.see(f'[data-step="{step}"] [data-test="{part}"]').send_keys(key)

    page.open(domain)
    page.part("domain-steps")
    tab_to(page, "change-steps")
    usual = steps()
    press(page, Keys.ENTER)
    wait_for(lambda: focus(page).get_attribute("data-test") == "runs", "the first step to have the focus")
    act("convert", "move-up", Keys.ENTER)
    said = "return document.querySelector('[data-test=said]').textContent"
    assert page.driver.execute_script(said) == "Convert is now step 4 of 6."
    assert focus(page).accessible_name == "Move up: Convert"
    tab_to(page, "submit", "dialog")
    press(page, Keys.ENTER)
    page.wait_for_text("Validate must come before convert", '[data-test="steps-dialog"] [data-test="error"]')
    found = flaws(page)
    look(page, "narrow", "dark")
    assert found + flaws(page) == []
    look(page, *LOOKS[0])
    act("convert", "move-down")
    assert not page.shows("error")
    act("verify-checksum", "runs")
    page.part("submit").send_keys(Keys.ENTER)
    page.wait_for_closed_dialog()
    shorter = [step for step in usual if step != "verify-checksum"]
    wait_for(lambda: steps() == shorter, "the page to show them")
    assert page.product.ok("GET", domain)["steps"] == shorter
    assert focus(page).get_attribute("data-test") == "change-steps"

    press(page, Keys.ENTER)
    act("decompress", "runs")
    press(page, Keys.ESCAPE)
    page.wait_for_closed_dialog()
    assert page.product.ok("GET", domain)["steps"] == shorter
    press(page, Keys.ENTER)
    wait_for(lambda: page.part("usual-steps").is_enabled(), "the steps to be shown")
    page.part("usual-steps").send_keys(Keys.SPACE)
    page.part("submit").send_keys(Keys.ENTER)
    page.wait_for_closed_dialog()
    wait_for(lambda: steps() == usual, "the page to show them")
    assert page.product.ok("GET", domain)["steps"] == usual


def test_a_file_with_another_checksum_ends_with_the_reason_on_its_row(page, server, image):
    find(page, server.url(image))
    page.fill("sha256", "ab" * 32)
    ready(page)
    page.click("submit")
    transfer = page.transfer_named(name_of(image))
    page.row(transfer, "finished_failure")

    page.wait_for_text(f"should be {'ab' * 32}", f"{row(transfer)} [data-test=error]")
    page.wait_for_text("failed at the step “Verify checksum”", f"{row(transfer)} [data-test=error]")
    page.wait_for_text("do not use the file", f"{row(transfer)} [data-test=error]")
    assert "Verify checksum failed" in page.text(f"{row(transfer)} [data-test=steps]").replace("\n", " ")
    assert page.see(f'{row(transfer)} [data-step="convert"]').get_attribute("data-state") == "missed"


def test_a_changed_url_has_to_be_queried_anew(page, server, image):
    find(page, server.url(image))
    page.part("url").send_keys("x")

    wait_for(lambda: not page.shows("found"), "what was found to go")
    assert not page.part("submit").is_enabled()


def test_a_source_that_asks_for_a_login_opens_the_fields_for_it(page, server, image):
    server.scripts = [web_server.status(403)] * 2
    query(page, server.url(image))
    page.part("error")
    server.scripts = []
    page.fill("url-user", "ada")
    page.fill("url-bearer", "token")
    page.click("query")
    page.wait_for_text("not both", '[data-test="url-panel"]')
    page.part("url-bearer").clear()
    page.part("url-password").send_keys("secret", Keys.ENTER)

    page.part("found")
    assert server.asked("Authorization")[-1].startswith("Basic ")


def test_what_is_wrong_with_its_fields_is_told_before_it_is_imported(page, server, image):
    page.product.upload("taken-there.raw", bytes(1024))
    find(page, server.url(image))
    page.click("find-checksum")
    page.wait_for_text("No SHA-256", '[data-test="found"] [data-test="error"]')
    page.fill("sha256", "abc")
    page.wait_for_text("this has 3", '[data-test="found"]')
    page.driver.execute_script(
        "const field = arguments[0]; field.value = '2020-01-01T00:00'; field.dispatchEvent(new Event('input', {bubbles: true}))",
        page.part("not-before"),
    )
    page.wait_for_text("This time is over", '[data-test="found"]')
    assert not page.part("submit").is_enabled()
    page.part("sha256").clear()
    page.part("not-before").clear()
    ready(page)
    page.fill("name", "taken-there.raw")
    page.wait_for_text("taken-there.raw", "#import-name-wrong")

    assert not page.part("submit").is_enabled()


def test_one_for_later_says_when_and_is_cancelled_after_a_question(page, server, image):
    find(page, server.url(image))
    later = (datetime.datetime.now() + datetime.timedelta(days=2)).strftime("%Y-%m-%dT22:30")
    page.driver.execute_script(
        "const [field, value] = arguments; field.value = value; field.dispatchEvent(new Event('input', {bubbles: true}))",
        page.part("not-before"),
        later,
    )
    ready(page)
    page.click("submit")
    page.wait_for_closed_dialog()
    transfer = page.transfer_named(name_of(image))
    page.wait_for_text("at 22:30", row(transfer))
    assert "Scheduled" in page.text(row(transfer))
    page.click("cancel", row(transfer))
    assert f"The import of {name_of(image)} ends" in page.see("dialog[open]").text
    page.click("confirm")

    page.wait_for_phase(transfer, "finished_cleanup")
    wait_for(lambda: not page.all(row(transfer)), "the row to go")


def test_the_tabs_are_walked_with_arrows_and_named_for_those_who_do_not_see_them(page):
    page.click("upload-button")
    tab_to(page, "tab-files")
    press(page, Keys.ARROW_RIGHT)

    panel = page.part("url-panel")
    assert focus(page).get_attribute("aria-selected") == "true"
    assert (panel.get_attribute("role"), panel.get_attribute("aria-labelledby")) == ("tabpanel", focus(page).get_attribute("id"))
    press(page, Keys.ARROW_RIGHT)
    page.part("drop-zone")
    assert not page.shows("url-panel")
    assert [tab.get_attribute("tabindex") for tab in page.driver.find_elements(By.CSS_SELECTOR, "[role=tab]")] == [None, "-1"]


def test_the_dialog_and_the_row_of_an_import_are_without_flaws(page, server, image, held):
    looks = Looks(page)
    transfer = begin(page, server.url(image), name_of(image))
    page.wait_for_text("Importing", row(transfer))
    page.click("steps-details", row(transfer))
    looks.at("the row with its steps")
    query(page, server.url("/gone.iso"))
    page.part("error")
    looks.at("a source without the file")
    server.files["/pub/another.raw"] = web_server.File(secrets.token_bytes(9000))
    page.fill("url", server.url("/pub/another.raw"))
    page.click("query")
    page.part("found")
    page.see("dialog summary").click()
    page.fill("sha256", "abc")
    page.see('[data-test="more-details"] summary').click()
    page.fill("properties", "nonsense")
    looks.at("what was found, and a wrong value")

    assert looks.flaws == {}
