"""Standalone proxies beside a product: each has the file that `proxy-key` printed, and nothing else."""

import contextlib
import datetime
import os
import pathlib
import re
import secrets

from appliance import proxy_key
from tests.e2e.product import Product, Session
from tests.e2e.program import BIN, Group, Program, wait_for
from tests.ports import free_port


class Proxy(Program):
    """One proxy: `image-appliance proxy` with its key in `directory`, on a port of the loopback interface."""

    def __init__(self, directory: pathlib.Path):
        directory.mkdir()
        super().__init__(directory / "log")
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        self.key = directory / "key.pem"

    def invite(self, product: Product, url: str | None = None) -> None:
        """Writes its key, as `proxy-key` prints it."""
        self.key.touch(0o600)
        self.key.write_text(proxy_key.make(product.state_dir, url or self.url, [], datetime.datetime.now(datetime.UTC)))

    @property
    def certificate(self) -> bytes:
        """Its own, PEM."""
        return self.key.read_bytes().partition(b"-----BEGIN CERTIFICATE-----")[2].join([b"-----BEGIN CERTIFICATE-----", b""])

    @property
    def environment(self) -> dict[str, str]:
        settings = {"CLOCK_SKEW": "0.2", "THREADS": "32", "THREADS_RESERVED": "8", "STOP_TIMEOUT": "20", "LOG_LEVEL": "debug"}
        return {**os.environ, **{f"IMAGE_APPLIANCE_{name}": value for name, value in settings.items()}}

    def begin(self, *words: str) -> None:
        command = [BIN / "image-appliance", "proxy", "--key", self.key, "--listen", f"127.0.0.1:{self.port}", *words]
        self.launch(command, self.environment)

    def start(self) -> None:
        before = self.output
        self.begin()
        self.until_written("Ctrl-C", before)

    @property
    def puts(self) -> int:
        """Chunks that it has answered with 200."""
        return self.output.count(" PUT '/images/…' 200")


def alive(product: Product) -> set[str]:
    """The URLs of the proxies that the appliance uses now."""
    with contextlib.closing(product.connect()) as connection:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {product.token}"})
        text = connection.getresponse().read().decode()
    return set(re.findall(r'^appliance_proxy_up\{proxy="(.*)"\} 1\.0$', text, re.MULTILINE))


def known(product: Product, *proxies: Proxy) -> None:
    """Waits until the appliance uses these proxies, and no others."""
    wait_for(lambda: alive(product) == {proxy.url for proxy in proxies}, "the appliance to know its proxies")


class House(Group):
    """A product that names two proxies, which run."""

    def __init__(self, directory: pathlib.Path, **settings):
        self.proxies = [Proxy(directory / name) for name in ("one", "two")]
        urls = ",".join(proxy.url for proxy in self.proxies)
        settings = {"monitor_interval": 0.2, "daemon_port": free_port(), "log_level": "debug", **settings}
        self.product = Product(directory / "state", proxies=urls, **settings)

    def start(self) -> None:
        self.product.start()
        for proxy in self.proxies:
            proxy.invite(self.product)
        self.restore()

    def restore(self) -> None:
        """Starts what a test has ended, with the key that it had at first."""
        for proxy in self.proxies:
            if not proxy.runs:
                proxy.start()
        known(self.product, *self.proxies)

    def proxy(self, session: Session) -> Proxy:
        """Where it was opened."""
        return next(proxy for proxy in self.proxies if proxy.url == session.place)

    def session(self, transfer: dict) -> Session:
        session = self.product.open_session(transfer["id"])
        assert session.place, "a proxy"
        return session

    def ticket(self, transfer: dict) -> dict:
        return self.product.ok("POST", f"/transfers/{transfer['id']}/ticket")

    def create(self, size: int) -> dict:
        return self.product.create(f"{secrets.token_hex(6)}.raw", size)

    def ask(self, url: str, method: str, path: str, **headers: str):
        """Status, headers and body of one request to the place that `url` names; header names are written with _ for -."""
        with contextlib.closing(self.product.connect(url=url)) as connection:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def stop(self) -> None:
        for proxy in self.proxies:
            if proxy.runs:
                proxy.kill()
        if self.product.runs:
            self.product.stop()
