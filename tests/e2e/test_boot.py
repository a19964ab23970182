"""What was uploaded boots, straight from the storage domain."""

import pathlib

import pytest

from tests.e2e.machine import Machine
from tests.e2e.product import wait_for

GRUB = pathlib.Path("/usr/lib/grub-rescue/grub-rescue-cdrom.iso")
IPXE = pathlib.Path("/usr/lib/ipxe/ipxe.iso")


@pytest.mark.parametrize(("iso", "words"), [(GRUB, "GNU GRUB"), (IPXE, "iPXE initialising devices")], ids=["grub", "ipxe"])
def test_an_uploaded_iso_boots_from_the_storage_domain(product, tmp_path, iso, words):
    source = iso.read_bytes()
    transfer = product.upload(iso.name, source, format="iso", domain="iso")
    assert transfer["phase"] == "finished_success", transfer
    stored = pathlib.Path(product.ok("GET", f"/images/{transfer['image_id']}")["path"])
    assert stored.read_bytes() == source

    with Machine(stored, tmp_path, cdrom=True) as machine:
        wait_for(lambda: words in machine.screen(), f"{words!r} on the screen", 60)
