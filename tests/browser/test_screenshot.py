"""The picture of the README, made by the product itself."""

import os
import pathlib
import random
import shutil
import struct

import pytest

from tests.browser.page import row
from tests.e2e.product import wait_for

PICTURE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "images" / "upload.png"
GRUB = pathlib.Path("/usr/lib/grub-rescue/grub-rescue-cdrom.iso")
#: Large enough that the host is still checking it when the picture is taken: some seconds, of zeros.
VAST = 8 << 30


@pytest.fixture
def noise():
    """Bytes that are the same in every run, as the whole picture should nearly be."""
    return random.Random(1).randbytes


def stalled(product, name: str, data: bytes, size: int, **more) -> dict:
    """An upload whose sender went away after `data`."""
    transfer = product.create(name, size, **more)
    with product.open_session(transfer["id"]) as session:
        assert session.put(data, 0, size)[0] == 200
    return product.ok("POST", f"/transfers/{transfer['id']}/pause")


def checking(product, name: str) -> str:
    """An upload that has arrived and is being verified."""
    transfer = product.create(name, VAST)
    with product.open_session(transfer["id"]) as session:
        zero = f'{{"op": "zero", "offset": 0, "size": {VAST}, "flush": true}}'
        status, _, text = session.request("PATCH", zero.encode(), {"Content-Type": "application/json"})
        assert status == 200, text
    product.ok("POST", f"/transfers/{transfer['id']}/finalize")
    return transfer["id"]


def test_a_picture_of_running_uploads(open_browser, own_product, noise, tmp_path):
    product = own_product()
    product.upload("ipxe.raw", noise(600_000))
    iso, disk = tmp_path / "debian-13-live-gnome.iso", tmp_path / "erp-database.raw"
    iso.write_bytes(GRUB.read_bytes() + noise(64 << 20))
    disk.write_bytes(noise(22 << 20) + bytes(24 << 20) + noise(34 << 20))
    stalled(product, "win2025-eval.raw", noise(26 << 20), 36 << 20)
    page = open_browser(product)
    page.log_in()
    page.slow_down(9 << 20)
    page.start_upload(iso, domain="iso")
    page.start_upload(disk, domain="data")
    running = [page.transfer_named(path.name) for path in (iso, disk)]
    for transfer in running:
        bar = f'{row(transfer)} [role="progressbar"]'
        wait_for(lambda bar=bar: int(page.see(bar).get_attribute("aria-valuenow")) >= 50, "half of it to have travelled")
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    page.driver.execute_script("document.activeElement.blur()")
    # The last thing: it costs a processor.
    page.row(checking(product, "fedora-server-44.raw"), "finalizing_success")
    picture = tmp_path / "upload.png"
    assert page.driver.save_screenshot(str(picture))

    assert struct.unpack(">II", picture.read_bytes()[16:24]) == (1280, 800)
    assert 30_000 < picture.stat().st_size < 200 << 10
    # In the repository only on demand: numbers and times in it are never the same twice.
    if os.environ.get("KEEP_PICTURE"):
        PICTURE.parent.mkdir(exist_ok=True)
        shutil.copy(picture, PICTURE)
