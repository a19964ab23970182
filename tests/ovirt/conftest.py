"""The running product, as oVirt's own clients see it."""

import contextlib
import os
import pathlib
import subprocess
import time

import ovirtsdk4
import pytest
from ovirtsdk4 import types

from tests.e2e.conftest import own_product
from tests.e2e.product import BIN, PASSWORD, Product
from tests.imaged.conftest import certificate
from tests.ports import free_port
from tests.waiting import wait_for

__all__ = ["certificate", "own_product"]

MIB = 1 << 20


class Engine:
    """The SDK, connected, with the few steps that every script for oVirt has."""

    def __init__(self, product: Product):
        self.product = product
        self.url = f"{product.address}/ovirt-engine/api"
        self.ca = str(product.state_dir / "ca" / "ca.pem")
        self.connection = ovirtsdk4.Connection(url=self.url, username="admin@internal", password=PASSWORD, ca_file=self.ca)
        self.system = self.connection.system_service()
        self.disks = self.system.disks_service()
        self.transfers = self.system.image_transfers_service()

    def close(self) -> None:
        self.connection.close()

    def add_disk(self, size: int, *, name: str = "disk", format: str = "raw", sparse: bool = True, **more) -> types.Disk:
        """A new disk, ready."""
        disk = self.disks.add(
            types.Disk(
                name=name,
                format=types.DiskFormat(format),
                provisioned_size=size,
                sparse=sparse,
                storage_domains=[types.StorageDomain(name="data")],
                **more,
            )
        )
        return self.wait_for_disk(disk.id)

    def wait_for_disk(self, disk_id: str) -> types.Disk:
        def ready():
            disk = self.disks.disk_service(disk_id).get()
            return disk if disk.status != types.DiskStatus.LOCKED else None

        return wait_for(ready, "the disk to be unlocked")

    def start(self, disk_id: str, *, direction: str = "upload", format: str | None = "raw", **more) -> types.ImageTransfer:
        """A transfer, transferring."""
        transfer = self.transfers.add(
            types.ImageTransfer(
                disk=types.Disk(id=disk_id),
                direction=types.ImageTransferDirection(direction),
                format=types.DiskFormat(format) if format else None,
                **more,
            )
        )
        return self.wait_for_phase(transfer.id, "transferring")

    def transfer(self, transfer_id: str) -> types.ImageTransfer:
        return self.transfers.image_transfer_service(transfer_id).get()

    def wait_for_phase(self, transfer_id: str, *phases: str) -> types.ImageTransfer:
        def there():
            transfer = self.transfer(transfer_id)
            return transfer if transfer.phase.value in phases else None

        return wait_for(there, f"the transfer to be {' or '.join(phases)}", 60)

    def finalize(self, transfer_id: str) -> None:
        """Ends a transfer in the way of oVirt's helpers, within their minute."""
        started = time.monotonic()
        self.transfers.image_transfer_service(transfer_id).finalize()
        transfer = self.wait_for_phase(transfer_id, "finished_success", "finished_failure")
        assert transfer.phase == types.ImageTransferPhase.FINISHED_SUCCESS
        assert time.monotonic() - started < 60

    def act(self, transfer_id: str, name: str) -> None:
        getattr(self.transfers.image_transfer_service(transfer_id), name)()


def qemu_img(*words: object) -> str:
    return subprocess.run(["qemu-img", *map(str, words)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def product(tmp_path_factory):
    """One for all of these tests, with the images services of the host and of the appliance on ports of their own."""
    product = Product(
        tmp_path_factory.mktemp("ovirt") / "state",
        images_port=free_port(),
        daemon_port=free_port(),
        login_attempts=100,
        monitor_interval=0.2,
    )
    product.start()
    yield product
    assert product.stop() == 0


@pytest.fixture(scope="session")
def engine(product):
    with contextlib.closing(Engine(product)) as engine:
        yield engine


@pytest.fixture
def image(tmp_path) -> pathlib.Path:
    """A raw image of 8 MiB with data and holes."""
    path = tmp_path / "image.raw"
    with path.open("wb") as file:
        file.truncate(8 * MIB)
        for offset, length in ((0, 300_000), (3 * MIB, MIB), (7 * MIB + 4096, 4096)):
            file.seek(offset)
            file.write(os.urandom(length))
    return path


@pytest.fixture
def ovirt_img(engine, tmp_path):
    """`ovirt_img("upload-disk", …)`: the tool, as a user has it; what it printed."""
    (tmp_path / "password").write_text(PASSWORD)

    def run(command: str, *words: object) -> str:
        login = ["--engine-url", engine.product.address, "--username", "admin@internal"]
        login += ["--password-file", str(tmp_path / "password"), "--cafile", engine.ca, "--log-level", "info"]
        done = subprocess.run([BIN / "ovirt-img", command, *login, *map(str, words)], capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
