"""Fetches as tests run them: of one image, from a web server into a volume of a real host."""

import gzip
import random
import uuid

from appliance.transfer import fetch, sources, unpack
from imaged import client
from tests.transfer.sources import web_server

MIB = 1 << 20
#: Two pieces and a bit, with a hole in it.
DATA = random.Random(7).randbytes(5 * MIB) + bytes(3 * MIB) + random.Random(8).randbytes(2 * MIB + 333)

SIZE = len(DATA)

PACK = {"gzip": lambda data: gzip.compress(data, 1, mtime=0), "zstd": unpack.zstd.compress}


class Volume:
    """A volume of the host: its file, and a ticket for it. `again` is another ticket."""

    def __init__(self, daemon, size: int):
        running, root = daemon
        self.size = size
        self.path = root / f"{uuid.uuid4()}.img"
        self.path.touch(0o600)
        with self.path.open("r+b") as stream:
            stream.truncate(size)
        self.control = client.Control(running.control)
        self.images = client.Images(running.images)
        self.again()

    def again(self) -> None:
        self.ticket = str(uuid.uuid4())
        about = {"uuid": self.ticket, "size": self.size, "ops": ["write"], "timeout": 300, "sparse": True, "journal": True}
        self.control.put_ticket({**about, "url": f"file://{self.path}"})

    @property
    def durable(self) -> list[list[int]]:
        return self.control.ticket(self.ticket)["durable"]

    def revoke(self) -> None:
        self.control.delete_ticket(self.ticket)


def fetching(server, volume, path="/disk.img", *, timeout=60.0, validator='"one"', total=SIZE, **words) -> fetch.Fetch:
    source = sources.open(server.url(path), server.policy(timeout=timeout))
    given = {"host": "host-1", "limit": volume.size, "attempts": 3, **words}
    return fetch.Fetch(source, volume.images, volume.ticket, validator=validator, total=total, **given)


def packed_fetching(server, volume, kind="gzip", **words) -> fetch.Fetch:
    data = PACK[kind](DATA)
    server.files["/disk.img"] = web_server.File(data)
    return fetching(server, volume, packed=kind, **{"total": len(data), **words})
