"""Standalone proxies beside a product: each has the file that `proxy-key` printed, and nothing else."""

import os
import pathlib
import re
import signal
import subprocess

from tests.e2e.product import BIN, Product, wait_for
from tests.ports import free_port


class Proxy:
    """One proxy: `image-appliance proxy` with its key in `directory`, on a port of the loopback interface."""

    def __init__(self, directory: pathlib.Path):
        directory.mkdir()
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        self.key = directory / "key.pem"
        self.log = directory / "log"
        self.process: subprocess.Popen | None = None

    def invite(self, product: Product, url: str | None = None) -> None:
        """Writes its key."""
        self.key.touch(0o600)
        self.key.write_text(product.command("proxy-key", url or self.url))

    @property
    def certificate(self) -> bytes:
        """Its own, PEM."""
        return self.key.read_bytes().partition(b"-----BEGIN CERTIFICATE-----")[2].join([b"-----BEGIN CERTIFICATE-----", b""])

    @property
    def environment(self) -> dict[str, str]:
        settings = {"CLOCK_SKEW": "0.2", "THREADS": "32", "THREADS_RESERVED": "8", "STOP_TIMEOUT": "20", "LOG_LEVEL": "debug"}
        return {**os.environ, **{f"IMAGE_APPLIANCE_{name}": value for name, value in settings.items()}}

    def begin(self, *words: str) -> None:
        with self.log.open("ab") as log:
            command = [BIN / "image-appliance", "proxy", "--key", self.key, "--listen", f"127.0.0.1:{self.port}", *words]
            self.process = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self) -> None:
        before = len(self.output)
        self.begin()
        wait_for(lambda: "Ctrl-C" in self.output[before:] or self._ended(), "the proxy to start", 60)

    def _ended(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.output[-4000:]
        return False

    @property
    def output(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def puts(self) -> int:
        """Chunks that it has answered with 200."""
        return self.output.count(" PUT '/images/…' 200")


def alive(product: Product) -> set[str]:
    """The URLs of the proxies that the appliance uses now."""
    connection = product.connect()
    try:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {product.token}"})
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return set(re.findall(r'^appliance_proxy_up\{proxy="(.*)"\} 1\.0$', text, re.MULTILINE))


def known(product: Product, *proxies: Proxy) -> None:
    """Waits until the appliance uses these proxies, and no others."""
    wait_for(lambda: alive(product) == {proxy.url for proxy in proxies}, "the appliance to know its proxies", 60)
