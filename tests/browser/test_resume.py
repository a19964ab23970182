"""A closed tab, a killed browser, a restarted server: the upload is listed, asks for its file, and only what is missing travels."""

import secrets

import pytest
from selenium.webdriver.common.by import By

from tests.browser.page import ZEROS, Page, row, stored


@pytest.fixture
def interrupted(page, disk):
    """A half-finished upload whose page was loaded anew."""
    transfer = page.half_upload(disk)
    page.open("/")
    page.slow_down(-1)
    return transfer


def resume_with(page: Page, transfer: str, file) -> None:
    page.click("resume", row(transfer))
    page.see("dialog[open]")
    page.choose(file)


def test_a_page_that_was_reloaded_offers_to_resume_at_once(page, interrupted, disk):
    assert page.row(interrupted, "orphaned").find_element(By.CSS_SELECTOR, "[data-test=note]").text
    held = page.product.transfer(interrupted)["durable_bytes"]
    resume_with(page, interrupted, disk)

    assert stored(page.product, page.wait_for_phase(interrupted, "finished_success")) == disk.read_bytes()
    assert held > 0


def test_a_page_in_another_tab_is_left_to_send(page, disk):
    transfer = page.half_upload(disk)
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.open("/")
    page.row(transfer, "transferring")
    assert not page.see(row(transfer)).find_element(By.CSS_SELECTOR, "[data-test=resume]").is_displayed()
    page.driver.close()
    page.driver.switch_to.window(first)
    page.slow_down(-1)

    assert stored(page.product, page.wait_for_phase(transfer, "finished_success")) == disk.read_bytes()


def test_a_killed_browser_is_resumed_from_another_one(open_browser, own_product, disk):
    product = own_product(heartbeat_timeout=6)
    first = open_browser(product)
    first.log_in()
    transfer = first.half_upload(disk)
    first.kill()
    second = open_browser(product)
    second.log_in()
    second.row(transfer, "paused_system")
    held = product.transfer(transfer)["durable_bytes"]
    assert "heartbeat" in second.row(transfer).text.lower()
    resume_with(second, transfer, disk)

    assert stored(product, second.wait_for_phase(transfer, "finished_success")) == disk.read_bytes()
    assert held > 0


def test_another_file_is_refused_on_resume(page, interrupted, disk, tmp_path):
    held = page.product.transfer(interrupted)["durable_bytes"]
    other = tmp_path / "other.raw"
    other.write_bytes(secrets.token_bytes(disk.stat().st_size))
    resume_with(page, interrupted, other)

    page.wait_for_text("not the same file", "dialog[open] [data-test=error]")
    seen = page.product.transfer(interrupted)
    assert (seen["phase"], seen["durable_bytes"] >= held) == ("paused_user", True)


def test_after_another_file_the_right_one_is_taken_in_the_same_dialog(page, interrupted, disk, tmp_path):
    other = tmp_path / "other.raw"
    other.write_bytes(secrets.token_bytes(disk.stat().st_size))
    resume_with(page, interrupted, other)
    page.wait_for_text("not the same file", "dialog[open] [data-test=error]")
    page.choose(disk)

    assert stored(page.product, page.wait_for_phase(interrupted, "finished_success")) == disk.read_bytes()


def test_a_file_of_another_size_is_refused_with_both_sizes(page, interrupted, tmp_path):
    other = tmp_path / "short.raw"
    other.write_bytes(bytes(20 << 20))
    resume_with(page, interrupted, other)

    page.wait_for_text("20.0 MiB", "dialog[open] [data-test=error]")
    page.wait_for_text("12.0 MiB", "dialog[open] [data-test=error]")


def test_a_restarted_appliance_is_uploaded_to_without_a_click(open_browser, own_product, disk):
    product = own_product()
    page = open_browser(product)
    page.log_in()
    transfer = page.half_upload(disk)
    product.kill()
    product.start()
    page.slow_down(-1)

    assert stored(product, page.wait_for_phase(transfer, "finished_success")) == disk.read_bytes()


def test_the_newer_of_two_senders_goes_on_and_the_older_says_so(page, disk):
    transfer = page.half_upload(disk)
    with page.product.open_session(transfer) as session:
        status, _, text = session.put(disk.read_bytes()[ZEROS : ZEROS + 1000], ZEROS, disk.stat().st_size)

    assert status == 200, text
    page.slow_down(-1)
    page.row(transfer, "replaced")
    page.wait_for_text("another window", row(transfer))
    assert page.product.transfer(transfer)["phase"] == "transferring"


def test_a_file_that_changes_while_uploading_stops_the_upload(page, long_disk):
    transfer = page.half_upload(long_disk, durable=ZEROS)
    long_disk.write_bytes(secrets.token_bytes(long_disk.stat().st_size))
    page.slow_down(-1)

    page.row(transfer, "stopped")
    page.wait_for_text("changed", f"{row(transfer)} [data-test=error]")
    page.wait_for_phase(transfer, "paused_user")


def test_a_file_that_disappears_while_uploading_stops_the_upload(page, long_disk):
    transfer = page.half_upload(long_disk, durable=ZEROS)
    long_disk.unlink()
    page.slow_down(-1)

    page.row(transfer, "stopped")
    page.wait_for_text("deleted", f"{row(transfer)} [data-test=error]")
    page.wait_for_phase(transfer, "paused_user")


def test_leaving_the_page_warns_while_uploading_and_not_before(page, disk):
    # The question itself is the browser's, and its driver answers it unasked: what the page says to leaving is what counts.
    leave = "const leaving = new Event('beforeunload', {cancelable: true}); dispatchEvent(leaving); return leaving.defaultPrevented"
    before = page.driver.execute_script(leave)
    page.half_upload(disk)

    assert (before, page.driver.execute_script(leave)) == (False, True)
