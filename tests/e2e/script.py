"""A script's upload that asks for a new ticket whenever it is told to, or loses its host."""

import contextlib
import http.client
import threading

from tests.e2e.product import Product, slowly, wait_for

MIB = 1 << 20
CHUNK = 2 * MIB
#: Bytes of a chunk that is to be on its way for a while.
SLOW = 8 * MIB


class Upload:
    """Of `data`, a whole number of chunks."""

    def __init__(self, product: Product, name: str, data: bytes, **more):
        self.product = product
        self.data = data
        self.id = self.product.create(name, len(data), **more)["id"]

    @property
    def shown(self):
        return self.product.transfer(self.id)

    @property
    def host(self):
        return self.shown["host"]["name"]

    @property
    def phases(self):
        """The phases that it has been in, as the events tell, oldest first."""
        return [event["code"].removeprefix("transfer-") for event in reversed(self.events)]

    @property
    def events(self):
        """Newest first."""
        return self.product.ok("GET", f"/events?transfer={self.id}&limit=200")["items"]

    def wait(self, phase):
        def reached():
            shown = self.shown
            return shown if shown["phase"] == phase else None

        return wait_for(reached, f"the upload to be {phase}: {self.shown}")

    def send(self, until=None):
        """Everything up to `until` that is not durable, with one ticket; the status of the first refusal."""
        with self.product.open_session(self.id) as session:
            for start in range(0, until or len(self.data), CHUNK):
                if not any(first <= start and start + CHUNK <= last for first, last in session.durable):
                    status, _, _ = session.put(self.data[start : start + CHUNK], start, len(self.data))
                    if status != 200:
                        return status
        return 200

    @contextlib.contextmanager
    def dribbling(self, start):
        """While inside, a chunk is on its way that does not come to its end. The status that it gets is in the list."""
        answers = []

        def put():
            with contextlib.suppress(OSError, http.client.HTTPException), self.product.open_session(self.id) as session:
                piece = self.data[start : start + SLOW]
                answers.append(session.put(piece, start, len(self.data), slowly(piece, SLOW // 64, 0.1))[0])

        thread = threading.Thread(target=put)
        thread.start()
        wait_for(lambda: self.shown["transferred_bytes"] > start, "a chunk to be on its way")
        try:
            yield answers
        finally:
            thread.join()

    def finish(self):
        """Sends what is missing, as often as it takes, and waits for the verified image."""

        def sent():
            if self.shown["phase"] == "transferring":
                with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                    self.send()
            return self.shown["durable_bytes"] == len(self.data)

        wait_for(sent, "all bytes to be durable", 120)
        self.product.ok("POST", f"/transfers/{self.id}/finalize")
        done = self.product.finished(self.id)
        assert done["phase"] == "finished_success", done
        return self.product.ok("GET", f"/images/{done['image_id']}")
