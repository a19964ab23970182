"""The heart of the product: a file, dropped on the page, becomes an image on the host's storage."""

import hashlib
import pathlib
import secrets

from tests.browser.page import ZEROS, row, stored
from tests.e2e import images
from tests.e2e.product import wait_for

IPXE = pathlib.Path("/usr/lib/ipxe/ipxe.iso")


def test_an_iso_is_uploaded_verified_and_shown_with_its_sha256(page):
    page.start_upload(IPXE, domain="iso")
    transfer = page.wait_for_phase(page.transfer_named(IPXE.name), "finished_success")

    assert stored(page.product, transfer) == IPXE.read_bytes()
    page.click("show-image", row(transfer["id"]))
    page.wait_for_text(hashlib.sha256(IPXE.read_bytes()).hexdigest(), "main")
    page.wait_for_text("Can start a machine\nyes", "main")


def test_the_image_is_downloaded_again_byte_for_byte(page, tmp_path):
    page.driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    source = secrets.token_bytes(3 << 20)
    transfer = page.product.upload("again.raw", source)
    page.open(f"/library/{transfer['image_id']}")
    page.click("download")

    wait_for((tmp_path / "again.raw").exists, "the download")
    assert (tmp_path / "again.raw").read_bytes() == source


def test_a_qcow2_keeps_its_virtual_size(page, tmp_path):
    path = tmp_path / "small.qcow2"
    source = images.qcow2(path)
    page.start_upload(path, name="kept.qcow2", domain="data")
    transfer = page.wait_for_phase(page.transfer_named("kept.qcow2"), "finished_success")

    assert stored(page.product, transfer) == source
    assert page.product.ok("GET", f"/images/{transfer['image_id']}")["virtual_size"] == 64 << 20


def test_a_disk_of_zeros_does_not_travel(page, tmp_path):
    path = tmp_path / "zeros.raw"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    # All of it would take more than four minutes.
    page.slow_down(256 << 10)
    page.start_upload(path, domain="data")

    transfer = page.wait_for_phase(page.transfer_named("zeros.raw"), "finished_success")
    assert stored(page.product, transfer) == bytes(64 << 20)


# What the page asks about one transfer is answered by the server at once, and reaches the page much later.
SLOW_ANSWERS = """
const real = window.fetch;
window.late = 0;
window.fetch = async (path, options) => {
  const answer = await real(path, options);
  if (options.method === "GET" && /transfers.[0-9a-f-]+$/.test(path)) {
    await new Promise((done) => setTimeout(done, 2000));
    window.late += 1;
  }
  return answer;
};
"""


def test_an_overtaken_answer_does_not_undo_a_pause(page, disk):
    transfer = page.half_upload(disk)
    page.driver.execute_script(SLOW_ANSWERS)
    page.click("pause", row(transfer))
    page.wait_for_phase(transfer, "paused_user")
    wait_for(lambda: page.driver.execute_script("return window.late"), "the late answer")

    page.row(transfer, "paused_user")
    assert page.part("resume").is_enabled()


def test_pause_and_resume_in_the_same_page(page, disk):
    transfer = page.half_upload(disk)
    page.click("pause", row(transfer))
    held = page.wait_for_phase(transfer, "paused_user")["durable_bytes"]
    page.slow_down(-1)
    page.click("resume", row(transfer))

    assert stored(page.product, page.wait_for_phase(transfer, "finished_success")) == disk.read_bytes()
    assert held > 0


def test_cancel_asks_first_and_removes_the_data(page, disk):
    transfer = page.half_upload(disk)
    image = page.product.transfer(transfer)["image_id"]
    page.click("cancel", row(transfer))
    assert disk.name in page.see("dialog[open]").text
    assert page.product.transfer(transfer)["phase"] == "transferring"
    page.click("confirm")

    page.wait_for_phase(transfer, "finished_cleanup")
    assert not list((page.product.state_dir / "domains" / "data").glob(f"*{image}*"))
    wait_for(lambda: not page.all(row(transfer)), "the row to go")


def test_keeping_it_when_asked_changes_nothing(page, disk):
    transfer = page.half_upload(disk)
    page.click("cancel", row(transfer))
    page.click("keep")
    page.wait_for_closed_dialog()
    page.slow_down(-1)

    assert stored(page.product, page.wait_for_phase(transfer, "finished_success")) == disk.read_bytes()


def test_two_uploads_at_once(page, tmp_path):
    files = [tmp_path / f"{secrets.token_hex(4)}.raw" for _ in range(2)]
    page.slow_down(1 << 20)
    for path in files:
        path.write_bytes(secrets.token_bytes(6 << 20))
        page.start_upload(path, domain="data")
    transfers = [page.transfer_named(path.name) for path in files]
    wait_for(lambda: all(page.product.transfer(transfer)["transferred_bytes"] for transfer in transfers), "both to travel together")
    page.slow_down(-1)

    for path, transfer in zip(files, transfers, strict=True):
        assert stored(page.product, page.wait_for_phase(transfer, "finished_success")) == path.read_bytes()


def test_an_expected_sha256_that_is_right(page, disk):
    digest = hashlib.sha256(disk.read_bytes()).hexdigest()
    page.start_upload(disk, domain="data", sha256=digest.upper())

    assert page.wait_for_phase(page.transfer_named(disk.name), "finished_success")["sha256"] == digest


def test_an_expected_sha256_that_is_wrong_makes_the_image_illegal(page, disk):
    page.start_upload(disk, domain="data", sha256="0" * 64)
    transfer = page.wait_for_phase(page.transfer_named(disk.name), "finished_failure")

    assert page.product.ok("GET", f"/images/{transfer['image_id']}")["status"] == "illegal"
    page.wait_for_text("SHA-256", f"{row(transfer['id'])} [data-test=error]")
    page.click("show-image", row(transfer["id"]))
    page.wait_for_text("refused", "[data-test=image-status]")
    page.wait_for_text("SHA-256", "main [data-test=error]")


def test_an_upload_goes_on_while_the_admin_walks_through_pages(page, disk):
    transfer = page.half_upload(disk)
    for path in ("/library", "/hosts", "/events", "/settings", "/"):
        page.walk(path)
        assert disk.name in page.part("tray-row").text
    page.slow_down(-1)

    assert stored(page.product, page.wait_for_phase(transfer, "finished_success")) == disk.read_bytes()


def test_an_upload_waits_offline_and_goes_on_by_itself(page, long_disk):
    transfer = page.half_upload(long_disk, durable=ZEROS)
    page.go_offline()
    page.row(transfer, "offline")
    assert "goes on by itself" in page.row(transfer).text
    page.part("offline")
    page.go_offline(False)

    assert stored(page.product, page.wait_for_phase(transfer, "finished_success")) == long_disk.read_bytes()
    wait_for(lambda: not page.shows("offline"), "the banner to go")


def test_an_upload_goes_on_by_itself_after_the_daemon_was_killed(page, disk):
    transfer = page.half_upload(disk)
    page.product.kill_daemon()
    page.slow_down(-1)

    assert stored(page.product, page.wait_for_phase(transfer, "finished_success")) == disk.read_bytes()


def test_the_progress_tells_what_it_shows_to_those_who_do_not_see_it(page, disk):
    bar = f"{row(page.half_upload(disk))} [role=progressbar]"

    value = int(page.see(bar).get_attribute("aria-valuenow"))
    assert 0 < value < 100
    assert (page.see(bar).get_attribute("aria-valuemin"), page.see(bar).get_attribute("aria-valuemax")) == ("0", "100")
    assert disk.name in page.see(bar).get_attribute("aria-label")
    assert "percent" in page.see(bar).get_attribute("aria-valuetext")
