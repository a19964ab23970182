"""The product as a user has it: started by its own command, spoken to over TLS, killed without mercy."""

import base64
import contextlib
import functools
import hashlib
import http.client
import json
import os
import pathlib
import select
import signal
import ssl
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterable, Iterator

import psutil

from appliance.commands import opening
from tests.e2e.program import BIN, PATIENCE, Program, wait_for
from tests.ports import free_port

PASSWORD = "correct horse battery staple"
#: Seconds that an idle connection is used again: far less than any server keeps it.
KEPT = 1

__all__ = ["BIN", "PASSWORD", "Product", "Session", "content_digest", "slowly", "wait_for"]


class Product(Program):
    """`image-appliance run` on a state directory, with what a test needs to know of it."""

    def __init__(self, state_dir: pathlib.Path, **settings):
        super().__init__(state_dir.parent / f"{state_dir.name}.log")
        self.state_dir = state_dir
        self.port = free_port()
        self.prefix: list[str] = []
        self.settings = {"images_port": 0, "daemon_port": 0, **settings}
        #: Of each thread: its connection for calls.
        self._lines = threading.local()

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def words(self) -> list[str]:
        """The README's command, for this directory and port."""
        return [str(BIN / "image-appliance"), "run", "--state-dir", str(self.state_dir), "--host", "127.0.0.1", "--port", str(self.port)]

    @property
    def environment(self) -> dict[str, str]:
        names = {f"IMAGE_APPLIANCE_{name.upper()}": str(value) for name, value in self.settings.items()}
        return {**os.environ, "IMAGE_APPLIANCE_ADMIN_PASSWORD": PASSWORD, **names}

    def start(self) -> None:
        self.launch([*self.prefix, *self.words], self.environment)
        self.until(self._answers, "the appliance to answer")

    def _answers(self) -> bool:
        # A whole request: the port takes connections before anybody serves them.
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(self.connect(timeout=5)) as connection:
            connection.request("HEAD", "/login")
            return connection.getresponse().status == 200
        return False

    def stop(self, number: int = signal.SIGINT) -> int:
        """As Ctrl-C does. (Where it is killed instead, its daemon is left to notice by itself.)"""
        return super().stop(number)

    def daemon(self) -> psutil.Process | None:
        """The local `imaged`, if it runs at this instant."""
        assert self.process is not None
        try:
            children = psutil.Process(self.process.pid).children()
            return next((child for child in children if any("imaged" in part for part in child.cmdline())), None)
        except psutil.NoSuchProcess:
            return None

    def kill_daemon(self) -> None:
        daemon = self.daemon()
        if daemon:
            daemon.kill()

    def memory(self) -> int:
        """Resident bytes of the appliance and its daemon."""
        assert self.process is not None
        daemon = self.daemon()
        return psutil.Process(self.process.pid).memory_info().rss + (daemon.memory_info().rss if daemon else 0)

    def command(self, *arguments: str, **options) -> str:
        """Runs another `image-appliance` command against the same state directory; answers what it printed."""
        result = self.try_command(*arguments, **options)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def try_command(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        words = [BIN / "image-appliance", *arguments, "--state-dir", self.state_dir]
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, **options)

    def books(self) -> contextlib.AbstractContextManager[opening.Books]:
        """What the commands look after, opened as they open it: a second sooner than by one of them."""
        return opening.books(self.state_dir, self.environment)

    @functools.cached_property
    def token(self) -> str:
        with self.books() as books:
            return books.tokens.add("admin")

    def add_user(self, name: str, role: str) -> None:
        with self.books() as books:
            books.users.add(name, PASSWORD, role)

    @functools.cached_property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.state_dir / "ca" / "ca.pem"))

    def connect(self, timeout: float = 60, url: str = "") -> http.client.HTTPSConnection:
        """A connection to the appliance, or to where `url` leads if it is a whole one."""
        parts = urllib.parse.urlsplit(url)
        return http.client.HTTPSConnection(parts.hostname or "127.0.0.1", parts.port or self.port, timeout=timeout, context=self.tls)

    def call(self, method: str, path: str, body: object = None, *, token: str | None = None) -> tuple[int, dict]:
        """One call of the native API: status and decoded body."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        with self._line() as connection:
            connection.request(method, f"/api/v1{path}", data, headers)
            response = connection.getresponse()
            text = response.read()
        return response.status, json.loads(text) if text else {}

    @contextlib.contextmanager
    def _line(self) -> Iterator[http.client.HTTPSConnection]:
        """This thread's connection for calls, kept for a moment: who asks again and again shakes hands once."""
        mine = self._lines
        if not hasattr(mine, "connection"):
            mine.connection, mine.used = self.connect(), 0.0
        sock = mine.connection.sock
        # What can be read now is the server's end of it. After a while of silence the end could come just now.
        if sock and (time.monotonic() - mine.used > KEPT or select.select([sock], [], [], 0)[0]):
            mine.connection.close()
        try:
            yield mine.connection
        except BaseException:
            # Closed, it opens itself again.
            mine.connection.close()
            raise
        mine.used = time.monotonic()

    def ok(self, method: str, path: str, body: object = None) -> dict:
        """A call that must succeed."""
        status, answer = self.call(method, path, body)
        assert status < 300, (status, answer)
        return answer

    def transfer(self, transfer_id: str) -> dict:
        return self.ok("GET", f"/transfers/{transfer_id}")

    def cancel_unfinished(self) -> None:
        """Leaves nothing of what a test began to the next one."""

        def unfinished():
            return self.ok("GET", "/transfers?state=unfinished&limit=100")["items"]

        for transfer in unfinished():
            if "cancel" in transfer["actions"]:
                # It may just have ended by itself.
                self.call("POST", f"/transfers/{transfer['id']}/cancel")
        wait_for(lambda: not unfinished(), "what was cancelled to end")

    def durable(self, transfer: dict) -> list[list[int]]:
        """What the host holds of it for good."""
        return self.transfer(transfer["id"])["durable"]

    def create(self, name: str, size: int, *, format: str = "raw", domain: str = "data", **more) -> dict:
        return self.ok("POST", "/transfers", {"name": name, "size": size, "format": format, "domain": domain, "client": "api", **more})

    def open_session(self, transfer_id: str, **wish) -> "Session":
        return Session(self, self.ok("POST", f"/transfers/{transfer_id}/ticket", wish or None))

    def upload(self, name: str, data: bytes, chunk: int = 4 << 20, **more) -> dict:
        """A whole upload; answers the finished transfer."""
        transfer = self.create(name, len(data), **more)
        with self.open_session(transfer["id"]) as session:
            for start in range(0, len(data), chunk):
                status, _, text = session.put(data[start : start + chunk], start, len(data))
                assert status == 200, (status, text)
        self.ok("POST", f"/transfers/{transfer['id']}/finalize")
        return self.finished(transfer["id"])

    def finished(self, transfer_id: str, timeout: float = PATIENCE) -> dict:
        def ended():
            transfer = self.transfer(transfer_id)
            return transfer if transfer["phase"].startswith("finished") else None

        return wait_for(ended, "the transfer to finish", timeout)


class Session:
    """A byte session at the appliance, or at the proxy that the ticket names, on one connection."""

    def __init__(self, product: Product, ticket: dict):
        self.place, _, path = ticket["url"].partition("/images/")  # of the proxy; empty for the appliance itself
        self.url = f"/images/{path}"
        self.durable = ticket["durable"]  # what the host held when the ticket was issued
        self.connection = product.connect(url=ticket["url"])
        self.connection.request("POST", "/sessions", b"", {"Authorization": f"Bearer {ticket['ticket']}"})
        response = self.connection.getresponse()
        text = response.read()
        assert response.status == 201, (response.status, text)
        self.id = response.headers["Session-Id"]

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_exc) -> None:
        self.connection.close()

    def put(self, data: bytes, start: int, total: int | str, pieces: Iterable[bytes] | None = None) -> tuple[int, dict, str]:
        """PUTs `data` at `start`; `pieces` may give the same bytes at another pace. Status, headers, text."""
        headers = {
            "Session-Id": self.id,
            "Content-Length": str(len(data)),
            "Content-Range": f"bytes {start}-{start + len(data) - 1}/{total}",
            "Content-Digest": content_digest(data),
        }
        return self.request("PUT", iter(pieces) if pieces is not None else data, headers)

    def request(self, method: str, body, headers: dict[str, str] | None = None) -> tuple[int, dict, str]:
        self.connection.request(method, self.url, body, {"Session-Id": self.id, **(headers or {})})
        response = self.connection.getresponse()
        text = response.read().decode(errors="replace")
        return response.status, dict(response.headers), text


def content_digest(data: bytes) -> str:
    """The value of Content-Digest (RFC 9530) for `data`."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def slowly(data: bytes, piece: int, delay: float) -> Iterator[bytes]:
    """`data` in pieces with a pause before each: a line of limited rate."""
    for start in range(0, len(data), piece):
        select.select([], [], [], delay)
        yield data[start : start + piece]
