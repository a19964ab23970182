"""The heart of the product: a file, dropped on the page, becomes an image on the host's storage."""

import hashlib
import pathlib
import secrets

import pytest

from tests.browser.page import Page
from tests.e2e import images
from tests.e2e.product import wait_for

GRUB = pathlib.Path("/usr/lib/grub-rescue/grub-rescue-cdrom.iso")
IPXE = pathlib.Path("/usr/lib/ipxe/ipxe.iso")


@pytest.fixture
def disk(tmp_path):
    """24 MiB that no other test has: data, zeros, data."""
    path = tmp_path / f"{secrets.token_hex(4)}.raw"
    path.write_bytes(secrets.token_bytes(9 << 20) + bytes(8 << 20) + secrets.token_bytes(7 << 20))
    return path


def stored(page: Page, transfer: dict) -> pathlib.Path:
    return pathlib.Path(page.product.ok("GET", f"/images/{transfer['image_id']}")["path"])


def test_an_iso_is_uploaded_verified_and_shown_with_its_sha256(page):
    page.start_upload(IPXE, domain="iso")
    transfer = page.wait_for_phase(page.transfer_named(IPXE.name), "finished_success")

    digest = hashlib.sha256(IPXE.read_bytes()).hexdigest()
    assert stored(page, transfer).read_bytes() == IPXE.read_bytes()
    page.open(f"/library/{transfer['image_id']}")
    wait_for(lambda: digest in page.part("sha256-value").text, "the SHA-256 on the image's page")
    assert page.complaints() == []


def test_the_image_is_downloaded_again_byte_for_byte(open_browser, product, tmp_path):
    page = open_browser(product)
    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.log_in()
    source = secrets.token_bytes(3 << 20)
    transfer = product.upload("again.raw", source)
    page.open(f"/library/{transfer['image_id']}")
    page.click("download")

    wait_for(lambda: (tmp_path / "again.raw").exists(), "the download")
    assert (tmp_path / "again.raw").read_bytes() == source


def test_a_qcow2_keeps_its_virtual_size(page, tmp_path):
    path = tmp_path / "small.qcow2"
    source = images.qcow2(path)
    page.start_upload(path, name="kept.qcow2", domain="data")
    transfer = page.wait_for_phase(page.transfer_named("kept.qcow2"), "finished_success")

    assert stored(page, transfer).read_bytes() == source
    assert product_image(page, transfer)["virtual_size"] == 64 << 20


def product_image(page: Page, transfer: dict) -> dict:
    return page.product.ok("GET", f"/images/{transfer['image_id']}")


def test_pause_and_resume_in_the_same_page(page, disk):
    page.slow_down(3 << 20)
    page.start_upload(disk, domain="data")
    transfer = page.transfer_named(disk.name)
    row = f'[data-test="row"][data-transfer="{transfer}"]'
    page.click("pause", row)
    page.wait_for_phase(transfer, "paused_user")
    page.slow_down(-1)
    page.click("resume", row)

    finished = page.wait_for_phase(transfer, "finished_success")
    assert stored(page, finished).read_bytes() == disk.read_bytes()


def test_cancel_asks_first_and_removes_the_data(page, disk):
    page.slow_down(1 << 20)
    page.start_upload(disk, domain="data")
    transfer = page.transfer_named(disk.name)
    image = page.product.transfer(transfer)["image_id"]
    page.click("cancel", f'[data-test="row"][data-transfer="{transfer}"]')
    assert disk.name in page.see("dialog[open]").text
    assert page.product.transfer(transfer)["phase"] == "transferring"
    page.click("confirm")

    page.wait_for_phase(transfer, "finished_cleanup")
    assert not list((page.product.state_dir / "domains" / "data").glob(f"*{image}*"))
    page.slow_down(-1)


def test_two_uploads_at_once(page, tmp_path):
    files = []
    for number in range(2):
        path = tmp_path / f"{secrets.token_hex(4)}-{number}.raw"
        path.write_bytes(secrets.token_bytes(6 << 20))
        files.append(path)
    page.slow_down(4 << 20)
    for path in files:
        page.start_upload(path, domain="data")
    transfers = [page.transfer_named(path.name) for path in files]
    wait_for(
        lambda: [page.product.transfer(transfer)["phase"] for transfer in transfers] == ["transferring"] * 2, "both to travel together"
    )
    page.slow_down(-1)

    for path, transfer in zip(files, transfers, strict=True):
        assert stored(page, page.wait_for_phase(transfer, "finished_success")).read_bytes() == path.read_bytes()


def test_an_expected_sha256_that_is_right(page, disk):
    page.start_upload(disk, domain="data", sha256=hashlib.sha256(disk.read_bytes()).hexdigest())

    page.wait_for_phase(page.transfer_named(disk.name), "finished_success")


def test_an_expected_sha256_that_is_wrong_makes_the_image_illegal(page, disk):
    page.start_upload(disk, domain="data", sha256="0" * 64)

    transfer = page.wait_for_phase(page.transfer_named(disk.name), "finished_failure")
    assert product_image(page, transfer)["status"] == "illegal"
    page.open(f"/library/{transfer['image_id']}")
    page.wait_for_text("SHA-256", "main")
    page.wait_for_text("illegal", "main")


def test_an_upload_goes_on_while_the_admin_walks_through_pages(page, disk):
    page.slow_down(4 << 20)
    page.start_upload(disk, domain="data")
    transfer = page.transfer_named(disk.name)
    for path in ("/library", "/events", "/"):
        page.see(f'nav a[href="{path}"]').click()
        wait_for(lambda: page.driver.current_url.endswith(path), f"the page {path}")  # noqa: B023
    page.slow_down(-1)

    finished = page.wait_for_phase(transfer, "finished_success")
    assert stored(page, finished).read_bytes() == disk.read_bytes()


def test_an_upload_waits_offline_and_goes_on_by_itself(page, disk):
    page.slow_down(2 << 20)
    page.start_upload(disk, domain="data")
    transfer = page.transfer_named(disk.name)
    wait_for(lambda: page.product.transfer(transfer)["phase"] == "transferring", "the upload to run")
    page.go_offline()
    page.wait_for_text("offline")
    page.go_offline(False)

    finished = page.wait_for_phase(transfer, "finished_success")
    assert stored(page, finished).read_bytes() == disk.read_bytes()


def test_an_upload_goes_on_by_itself_after_the_daemon_was_killed(page, disk):
    page.slow_down(4 << 20)
    page.start_upload(disk, domain="data")
    transfer = page.transfer_named(disk.name)
    wait_for(lambda: page.product.transfer(transfer)["phase"] == "transferring", "the upload to run")
    page.product.kill_daemon()
    page.slow_down(-1)

    finished = page.wait_for_phase(transfer, "finished_success", timeout=90)
    assert stored(page, finished).read_bytes() == disk.read_bytes()
