"""An import while appliance and host daemon are killed: it ends with the right image, once, and nothing is left over."""

import pathlib
import random
import threading

from tests.e2e.product import wait_for
from tests.transfer.sources import web_server

MIB = 1 << 20
SIZE = 24 * MIB + 512


class Paced:
    """A handler's output, a MiB at a time, until somebody is in a hurry."""

    def __init__(self, output, hurry: threading.Event):
        self._output = output
        self._hurry = hurry

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), MIB):
            self._output.write(data[start : start + MIB])
            self._hurry.wait(0.3)

    def __getattr__(self, name):
        return getattr(self._output, name)


def test_an_import_survives_kills_of_appliance_and_daemon(own_product):
    data = random.Random(3).randbytes(SIZE)
    hurry = threading.Event()

    def slowly(handler):
        handler.wfile = Paced(handler.wfile, hurry)
        handler.give()

    with web_server.serving() as server:
        server.files["/disk.img"] = web_server.File(data)
        product = own_product(monitor_interval=0.2, import_allow="127.0.0.1", import_ports=server.server_port)
        server.scripts += [slowly] * 50
        transfer = product.ok("POST", "/imports", {"url": server.url("/disk.img"), "domain": "data"})

        def progress(before: int) -> int:
            """What is durable, once that is more than before."""
            return wait_for(
                lambda: (found := product.transfer(transfer["id"])["durable_bytes"]) > before and found, f"more than {before} bytes"
            )

        arrived = progress(0)
        product.kill()
        product.start()
        progress(arrived)
        product.kill_daemon()
        hurry.set()
        finished = product.finished(transfer["id"])

        assert finished["phase"] == "finished_success", finished
        assert any(each and not each.startswith("bytes=0-") for each in server.asked("Range")), "it went on where it was"
    (image,) = product.ok("GET", "/images")["items"]
    assert pathlib.Path(image["path"]).read_bytes() == data
    left = [path.name for path in pathlib.Path(image["path"]).parent.iterdir() if path.name != ".image-domain"]
    assert left == [f"{image['id']}.img"]
