"""A closed tab, a killed browser, a restarted server: the upload is listed, asks for its file, and only what is missing travels."""

import os
import secrets

import pytest
from selenium.webdriver.common.by import By

from tests.browser.page import Page
from tests.e2e.product import wait_for

SIZE = 24 << 20


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / f"{secrets.token_hex(4)}.raw"
    path.write_bytes(secrets.token_bytes(SIZE))
    return path


def half_uploaded(page: Page, disk, rate: int = 6 << 20) -> str:
    """An upload of which something is durable, still running."""
    page.slow_down(rate)
    page.start_upload(disk, domain="data")
    transfer = page.transfer_named(disk.name)
    wait_for(lambda: page.product.transfer(transfer)["durable_bytes"] > 0, "something to be durable", 60)
    return transfer


def resume_with(page: Page, transfer: str, file) -> None:
    page.click("resume", f'[data-test="row"][data-transfer="{transfer}"]')
    page.see("dialog[open]")
    page.choose(file)
    submit = page.all('dialog[open] [data-test="submit"]')
    if submit:
        page.click("submit", "dialog[open]")


def check(page: Page, transfer: str, disk) -> None:
    finished = page.wait_for_phase(transfer, "finished_success", timeout=90)
    with open(page.product.ok("GET", f"/images/{finished['image_id']}")["path"], "rb") as stored:
        assert stored.read() == disk.read_bytes()


def test_reload_and_resume_with_the_same_file(page, disk):
    transfer = half_uploaded(page, disk)
    page.product.ok("POST", f"/transfers/{transfer}/pause")
    page.open("/")
    if alert_open(page):
        page.driver.switch_to.alert.accept()
    page.slow_down(-1)
    resume_with(page, transfer, disk)

    check(page, transfer, disk)


def alert_open(page: Page) -> bool:
    from selenium.common.exceptions import NoAlertPresentException

    try:
        return bool(page.driver.switch_to.alert)
    except NoAlertPresentException:
        return False


def test_a_killed_browser_is_resumed_from_another_one(open_browser, own_product, disk):
    product = own_product(heartbeat_timeout=2, monitor_interval=0.2)
    first = open_browser(product)
    first.log_in()
    transfer = half_uploaded(first, disk)
    os.kill(first.driver.service.process.pid, 9)
    for pid in first.browser_pids:
        os.kill(pid, 9)
    first.wait_for_phase(transfer, "paused_system")
    held = product.transfer(transfer)["durable_bytes"]

    second = open_browser(product)
    second.log_in()
    assert "heartbeat" in second.row(transfer).text.lower() or "browser" in second.row(transfer).text.lower()
    resume_with(second, transfer, disk)
    check(second, transfer, disk)
    assert held > 0


def test_another_file_is_refused_on_resume(page, disk, tmp_path):
    transfer = half_uploaded(page, disk)
    page.product.ok("POST", f"/transfers/{transfer}/pause")
    held = page.product.transfer(transfer)["durable"]
    other = tmp_path / "other.raw"
    other.write_bytes(secrets.token_bytes(SIZE))
    page.driver.refresh()
    if alert_open(page):
        page.driver.switch_to.alert.accept()
    page.slow_down(-1)
    resume_with(page, transfer, other)

    words = wait_for(lambda: page.text("dialog[open]"), "the dialog to answer").lower()
    wait_for(lambda: "not the same" in page.text("dialog[open]").lower() or "differ" in page.text("dialog[open]").lower(), f"a refusal: {words}")
    seen = page.product.transfer(transfer)
    assert (seen["phase"], seen["durable"]) == ("paused_user", held)
    page.product.ok("POST", f"/transfers/{transfer}/cancel")


def test_a_file_of_another_size_is_refused_with_both_sizes(page, disk, tmp_path):
    transfer = half_uploaded(page, disk)
    page.product.ok("POST", f"/transfers/{transfer}/pause")
    other = tmp_path / "short.raw"
    other.write_bytes(secrets.token_bytes(SIZE // 2))
    page.driver.refresh()
    if alert_open(page):
        page.driver.switch_to.alert.accept()
    page.slow_down(-1)
    resume_with(page, transfer, other)

    wait_for(lambda: "12.0 MiB" in page.text("dialog[open]") and "24.0 MiB" in page.text("dialog[open]"), "both sizes in the dialog")
    page.product.ok("POST", f"/transfers/{transfer}/cancel")


def test_a_restarted_appliance_is_uploaded_to_without_a_click(open_browser, own_product, disk):
    product = own_product(monitor_interval=0.2)
    page = open_browser(product)
    page.log_in()
    transfer = half_uploaded(page, disk)
    product.kill()
    product.start()
    page.slow_down(-1)

    check(page, transfer, disk)


def test_the_newer_of_two_browsers_goes_on(open_browser, product, disk):
    first = open_browser(product)
    first.log_in()
    transfer = half_uploaded(first, disk, rate=2 << 20)
    with product.open_session(transfer) as session:
        status, _, text = session.put(disk.read_bytes()[-1000:], SIZE - 1000, SIZE)
        assert status == 200, text
        first.wait_for_text("another", timeout=30)
    product.ok("POST", f"/transfers/{transfer}/cancel")


def test_a_file_that_changes_while_uploading_stops_the_upload(page, disk):
    transfer = half_uploaded(page, disk, rate=3 << 20)
    disk.write_bytes(secrets.token_bytes(SIZE))

    page.wait_for_text("changed", timeout=60)
    assert page.product.transfer(transfer)["phase"] != "finished_success"
    page.slow_down(-1)
    page.product.ok("POST", f"/transfers/{transfer}/cancel")


def test_a_file_that_disappears_while_uploading_stops_the_upload(page, disk):
    transfer = half_uploaded(page, disk, rate=3 << 20)
    disk.unlink()

    wait_for(lambda: page.all('[data-test="error"]') and page.part("error").text, "the reason", 60)
    assert page.product.transfer(transfer)["phase"] != "finished_success"
    page.slow_down(-1)
    page.product.ok("POST", f"/transfers/{transfer}/cancel")


def test_leaving_the_page_while_uploading_warns(page, disk):
    transfer = half_uploaded(page, disk, rate=2 << 20)
    page.driver.find_element(By.TAG_NAME, "body").click()  # a page that nobody touched may not ask
    page.driver.execute_script("setTimeout(() => location.reload())")

    wait_for(lambda: alert_open(page), "the browser's question")
    page.driver.switch_to.alert.dismiss()
    assert page.product.transfer(transfer)["phase"] == "transferring"
    page.product.ok("POST", f"/transfers/{transfer}/cancel")
    page.slow_down(-1)
