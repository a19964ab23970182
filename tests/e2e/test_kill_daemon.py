"""The daemon is killed (-9) again and again while four connections write: what it reported as durable is not lost, nor sent again."""

import contextlib
import json
import random
import select
import threading

import pytest

from imaged import client
from imaged.ranges import Ranges
from tests.e2e.product import content_digest, wait_for
from tests.imaged.command import Imaged

KILLS = 50
CONNECTIONS = 4
SIZE = 64 << 20
#: Pieces of one life of the daemon, all connections together, and the bytes of the largest.
PIECES, LARGEST = 10, 300 << 10
TICKET = "survivor"


class Uploader:
    """Sends what the daemon says is missing, and remembers all that it reported as durable."""

    def __init__(self, directory, data: bytes, chance: random.Random):
        self._address = f"unix:{directory}/images.sock"
        self._control = client.Control(f"unix:{directory}/control.sock")
        self._file = directory / "root" / "image"
        self._data, self._chance = data, chance
        self._lock = threading.Lock()
        self.reported = Ranges()
        self.answered = 0
        #: Connections that have begun their last piece, and send no more of it.
        self.halted = 0
        self.failures: list[BaseException] = []

    def missing(self) -> list[tuple[int, int]]:
        """What the daemon that now runs does not hold for good, after a look at whether it holds what the ones before it reported."""
        terms = {"uuid": TICKET, "size": SIZE, "ops": ["write"], "timeout": 300, "url": f"file://{self._file}", "journal": True}
        self._control.put_ticket(terms)
        durable = Ranges(map(tuple, self._control.ticket(TICKET)["durable"]))
        forgotten = [gap for start, end in self.reported for gap in durable.missing(start, end)]
        assert forgotten == [], "the daemon forgot what it had reported as durable"
        for start, end in durable:
            self.reported.add(start, end)
        return durable.missing(0, SIZE)

    def pieces(self, gaps: list[tuple[int, int]], count: int) -> list[tuple[int, int]]:
        """Some of the gaps' bytes, cut anywhere."""
        cut: list[tuple[int, int]] = []
        for start, end in self._chance.sample(gaps, len(gaps)):
            while start < end and len(cut) < count:
                stop = min(end, start + self._chance.randint(1, LARGEST))
                cut.append((start, stop))
                start = stop
        return cut

    def life(self, pieces: list[tuple[int, int]], *, to_the_end: bool) -> list[threading.Thread]:
        """Sends the pieces, until the daemon dies. Unless `to_the_end`, each connection stops in the middle of its last one."""
        self.answered = self.halted = 0
        shares = [pieces[n::CONNECTIONS] for n in range(CONNECTIONS)]
        threads = [threading.Thread(target=self._send, args=(share, to_the_end, self._chance.random())) for share in shares]
        for thread in threads:
            thread.start()
        return threads

    def _send(self, pieces, to_the_end, seed) -> None:
        chance = random.Random(seed)
        try:
            with contextlib.closing(client.Connection(self._address, 60, None)) as connection:
                for start, end in pieces:
                    self._exchange(connection, start, end, chance, halt=not to_the_end and (start, end) == pieces[-1])
        except client.Unreachable:
            pass  # it was killed
        except BaseException as error:
            self.failures.append(error)

    def _exchange(self, connection, start, end, chance, *, halt) -> None:
        with self._lock:
            assert self.reported.common(start, end) == [], "durable bytes are sent again"
        body, headers, method = self._request(start, end, chance)
        connection.start(method, f"/images/{TICKET}", [*headers, ("Content-Length", str(len(body)))])
        if halt:
            connection.send(body[: len(body) // 2])
            with self._lock:
                self.halted += 1
        else:
            connection.send(body)
        response = connection.response()
        assert (response.status, response.read()) == (200, b"")
        with self._lock:
            self.answered += 1
            self.reported.add(start, end)

    def _request(self, start, end, chance) -> tuple[bytes, list[tuple[str, str]], str]:
        """Zeros as a word, data with or without its digest; each is durable when it is answered."""
        data = self._data[start:end]
        if not any(data):
            return json.dumps({"op": "zero", "offset": start, "size": end - start, "flush": True}).encode(), [], "PATCH"
        where = ("Content-Range", f"bytes {start}-{end - 1}/{SIZE}")
        return data, [where, ("Content-Digest", content_digest(data))] if chance.random() < 0.5 else [where], "PUT"


@pytest.fixture
def words(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "image").touch()
    sockets = ["--local-socket", tmp_path / "images.sock", "--control-socket", tmp_path / "control.sock"]
    return ["--root", tmp_path / "root", "--threads", 8, *sockets]


def test_an_upload_survives_fifty_kills_of_the_daemon(words, tmp_path):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    data = bytearray(chance.randbytes(SIZE))
    for start in range(0, SIZE, 4 << 20):
        data[start : start + (1 << 20)] = bytes(1 << 20)
    uploader = Uploader(tmp_path, bytes(data), chance)

    for _ in range(KILLS):
        with Imaged(*words) as daemon:
            daemon.ready()
            threads = uploader.life(uploader.pieces(uploader.missing(), PIECES), to_the_end=False)
            # Half of them die when all have come to the middle of their last piece, the others somewhere before.
            halted, answered = (CONNECTIONS, 0) if chance.random() < 0.5 else (0, chance.randrange(PIECES - CONNECTIONS + 1))
            wait_for(lambda: uploader.halted >= halted and uploader.answered >= answered, "progress", 60, 0.001)  # noqa: B023
            select.select([], [], [], chance.uniform(0, 0.01))
            daemon.process.kill()
            for thread in threads:
                thread.join()
        assert uploader.failures == []
    with Imaged(*words) as daemon:
        daemon.ready()
        rest = uploader.missing()
        assert 0 < sum(end - start for start, end in rest) < SIZE
        for thread in uploader.life(uploader.pieces(rest, SIZE), to_the_end=True):
            thread.join()
        assert uploader.failures == []
        assert uploader.missing() == []

    assert (tmp_path / "root" / "image").read_bytes() == data
