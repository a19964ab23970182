"""What happens to a good upload while something around it fails, and what a start says that cannot succeed: rows of docs/bad-input.md."""

import contextlib
import json
import os
import pathlib
import secrets
import socket
import subprocess

import psutil
import pytest

from tests.e2e.product import Product, wait_for
from tests.ports import free_port

SIZE = 1 << 20


def paused(product: Product, transfer: dict) -> str:
    """The reason, once the system has paused it."""

    def reason():
        seen = product.transfer(transfer["id"])
        return seen["reason"] if seen["phase"] == "paused_system" else None

    return wait_for(reason, "the pause").lower()


def resume(product: Product, transfer: dict) -> None:
    """Resumes it, as soon as that is allowed and as often as the system pauses it again, until it goes on."""

    def goes_on():
        if product.transfer(transfer["id"])["phase"] == "paused_system":
            product.call("POST", f"/transfers/{transfer['id']}/resume")
        return product.transfer(transfer["id"])["phase"] == "transferring"

    wait_for(goes_on, "the transfer to go on")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A product with a second port, whose `data` domain lies on a file system of 32 MiB, in a mount namespace of its own."""
    state = tmp_path_factory.mktemp("small") / "state"
    data = state / "domains" / "data"
    data.mkdir(parents=True, mode=0o700)
    product = Product(state, monitor_interval=0.2, images_port=free_port())
    namespace = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-rm"]
    product.prefix = [*namespace, "sh", "-c", f'mount -t tmpfs -o size=32m,mode=0700 none "{data}" && exec "$@"', "sh"]
    product.start()
    yield product
    product.stop()


@pytest.fixture
def small_product(small):
    yield small
    small.cancel_unfinished()


def test_a_missing_heartbeat_pauses_with_the_reason(own_product):
    product = own_product(heartbeat_timeout=3, monitor_interval=0.2)
    transfer = product.create("quiet.raw", SIZE)

    assert "heartbeat" in paused(product, transfer)
    resume(product, transfer)


def test_a_host_that_is_down_refuses_before_and_pauses_during(small_product):
    product = small_product
    transfer = product.create("halfway.raw", SIZE)
    with product.open_session(transfer["id"]) as session:
        assert session.put(b"x" * 1000, 0, SIZE)[0] == 200
        daemon = product.daemon()
        daemon.suspend()  # there, but silent: a host that hangs
        try:
            assert "host" in paused(product, transfer)
            status, problem = product.call("POST", "/transfers", {"name": "new.raw", "size": 10, "format": "raw", "domain": "data"})
            assert (status, problem["code"]) == (503, "host-down")
        finally:
            # Its supervisor may have ended it by now.
            with contextlib.suppress(psutil.NoSuchProcess):
                daemon.resume()

    resume(product, transfer)
    assert product.durable(transfer) == [[0, 1000]]


def test_a_disk_that_fills_up_pauses_the_transfer_and_keeps_what_arrived(small_product):
    product, data = small_product, pathlib.Path(f"/proc/{small_product.process.pid}/root{small_product.state_dir}/domains/data")
    size = 16 << 20
    transfer = product.create("big.raw", size)
    source = secrets.token_bytes(size)
    with product.open_session(transfer["id"]) as session:
        assert session.put(source[: 1 << 20], 0, size)[0] == 200
        with contextlib.suppress(OSError), (data / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"\1" * 65536)
        status, headers, text = session.put(source[1 << 20 : 9 << 20], 1 << 20, size)
        assert (status, headers["Error-Code"]) == (507, "no-space"), text

    assert "full" in paused(product, transfer)
    (data / "filler").unlink()
    resume(product, transfer)
    with product.open_session(transfer["id"]) as session:
        assert session.put(source[1 << 20 :], 1 << 20, size)[0] == 200
    product.ok("POST", f"/transfers/{transfer['id']}/finalize")
    assert product.finished(transfer["id"])["phase"] == "finished_success"


def test_200_gib_at_far_offsets_take_neither_disk_nor_memory(product):
    size = 200 << 30
    transfer = product.create("far.raw", size, initial_size=1 << 20)
    try:
        with product.open_session(transfer["id"]) as session:
            for start in (0, (4 << 30) - 50, size - 100):
                assert session.put(b"x" * 100, start, size)[0] == 200
            assert product.durable(transfer) == [[0, 100], [(4 << 30) - 50, (4 << 30) + 50], [size - 100, size]]
            zero = json.dumps({"op": "zero", "offset": 100, "size": (4 << 30) - 150, "flush": True})
            assert session.request("PATCH", zero)[0] == 200
            assert product.durable(transfer)[0] == [0, (4 << 30) + 50]
        partial = product.state_dir / "domains" / "data" / f".partial-{transfer['image_id']}.img"
        assert partial.stat().st_size == size
        assert partial.stat().st_blocks * 512 < 1 << 20
        assert product.memory() < 512 << 20
    finally:
        product.ok("POST", f"/transfers/{transfer['id']}/cancel")


def test_an_unknown_setting_stops_the_start_with_its_name_and_line(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "config.toml").write_text('log_level = "info"\n\nporrt = 1\n')
    product = Product(state)
    run = subprocess.run(product.words, env=product.environment, capture_output=True, text=True, timeout=60)

    assert run.returncode != 0
    assert "porrt" in run.stderr and "3" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_port_in_use_is_named(tmp_path):
    product = Product(tmp_path / "state")
    with socket.create_server(("127.0.0.1", product.port)):
        run = subprocess.run(product.words, env=product.environment, capture_output=True, text=True, timeout=60)

    assert run.returncode != 0
    assert str(product.port) in run.stderr
    assert "Traceback" not in run.stderr


def test_the_second_port_serves_only_images(small_product):
    port = small_product.settings["images_port"]

    def answers():
        with contextlib.closing(small_product.connect(url=f"https://127.0.0.1:{port}")) as connection:
            with contextlib.suppress(ConnectionRefusedError):
                connection.request("GET", "/api/v1/me")
                return connection.getresponse().status

    assert wait_for(answers, "the second listener") == 404
