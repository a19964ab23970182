"""Kill any process at any instant: the upload goes on, nothing confirmed is lost or sent twice, the image is the source."""

import hashlib
import http.client
import pathlib
import random
import ssl
import threading

from tests.e2e.product import Product, slowly, wait_for

KILLS = 20
#: Who is killed, by turns.
VICTIMS = ("daemon", "appliance", "daemon", "both")
CHUNK = 256 << 10
SIZE = 80 << 20
#: Bytes of a chunk that travel at once while there are kills to come.
PIECE = CHUNK // 8
NETWORK = (OSError, http.client.HTTPException, ssl.SSLError, AssertionError)


class Uploader:
    """A client that sends only what the server says is missing, with three connections, and remembers every confirmation."""

    def __init__(self, product: Product, transfer_id: str, data: bytes, seed: int):
        self.product, self.transfer_id, self.data = product, transfer_id, data
        self.confirmed: set[int] = set()  # chunk numbers answered with 200: reported durable
        self.sent_again: list[int] = []
        self.lost: list[int] = []
        self.slow = True
        self.complete = threading.Event()  # the server holds everything, also what it could not confirm before it died
        self._lock = threading.Lock()
        self._random = random.Random(seed)

    def round(self) -> None:
        """One attempt: ask what is missing, send it until something breaks."""
        try:
            transfer = self.product.transfer(self.transfer_id)
            if transfer["phase"].startswith("paused"):
                self.product.ok("POST", f"/transfers/{self.transfer_id}/resume")
                return
            if transfer["phase"] != "transferring":
                return
            session = self.product.open_session(self.transfer_id)
            missing = [n for n in range(len(self.data) // CHUNK) if not covered(session.durable, n)]
            if not missing:
                self.complete.set()
                return
            self.lost += [n for n in missing if n in self.confirmed]
            self._random.shuffle(missing)
        except NETWORK:
            return
        session_id, url = session.id, session.url
        session.connection.close()
        threads = [threading.Thread(target=self._send, args=(missing, session_id, url)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send(self, missing: list[int], session_id: str, url: str) -> None:
        connection = self.product.connect(timeout=10)
        try:
            while True:
                with self._lock:
                    if not missing:
                        return
                    number = missing.pop()
                    if number in self.confirmed:
                        self.sent_again.append(number)
                start = number * CHUNK
                chunk = self.data[start : start + CHUNK]
                headers = {
                    "Session-Id": session_id,
                    "Content-Length": str(CHUNK),
                    "Content-Range": f"bytes {start}-{start + CHUNK - 1}/{len(self.data)}",
                }
                connection.request("PUT", url, slowly(chunk, PIECE, 0.02) if self.slow else chunk, headers)
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    return
                with self._lock:
                    self.confirmed.add(number)
        except NETWORK:
            return
        finally:
            connection.close()


def covered(ranges: list[list[int]], number: int) -> bool:
    start, end = number * CHUNK, (number + 1) * CHUNK
    return any(first <= start and end <= last for first, last in ranges)


def test_an_upload_survives_kills_of_daemon_appliance_and_both(own_product, tmp_path):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    data = chance.randbytes(SIZE)
    product = own_product(monitor_interval=0.2)
    transfer = product.create("survivor.raw", SIZE)
    uploader = Uploader(product, transfer["id"], data, seed)
    done = threading.Event()

    def upload():
        while not done.is_set() and not uploader.complete.is_set():
            uploader.round()
            # Somebody may just have been killed.
            done.wait(0.05)

    sender = threading.Thread(target=upload)
    sender.start()
    try:
        for kill in range(KILLS):
            before = len(uploader.confirmed)
            wait_for(lambda: len(uploader.confirmed) > before, f"progress before kill {kill}", 120)  # noqa: B023
            done.wait(chance.uniform(0, 0.4))
            assert not uploader.complete.is_set(), "the upload ended before the last kill"
            victim = VICTIMS[kill % len(VICTIMS)]
            if victim == "both":
                daemon = product.daemon()
                if daemon:
                    daemon.suspend()  # it cannot tidy up when its parent dies
                product.kill()
                if daemon:
                    daemon.kill()
            elif victim == "appliance":
                product.kill()
            else:
                product.kill_daemon()
            if victim != "daemon":
                product.start()
        uploader.slow = False
        wait_for(uploader.complete.is_set, "the rest to travel", 120)
    finally:
        done.set()
        sender.join()

    product.ok("POST", f"/transfers/{transfer['id']}/finalize")
    finished = product.finished(transfer["id"])
    assert finished["phase"] == "finished_success", finished
    image = product.ok("GET", f"/images/{finished['image_id']}")
    assert image["sha256"] == hashlib.sha256(data).hexdigest()
    assert pathlib.Path(image["path"]).read_bytes() == data
    assert uploader.lost == [], "the server forgot chunks that it had confirmed"
    assert uploader.sent_again == [], "confirmed chunks travelled twice"
