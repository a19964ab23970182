"""Three hosts on three loopback addresses, enrolled as a person would, by two commands each.

All see a shared directory, and each has one of its own.
"""

import contextlib
import pathlib
import shlex
import signal
import subprocess
from collections.abc import Sequence

from tests.e2e.product import BIN, Product, wait_for
from tests.ports import free_port

ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


class Host:
    """One host: its own state directory, its own address, and the daemon that runs there."""

    def __init__(self, product: Product, directory: pathlib.Path, name: str, address: str, shared: pathlib.Path):
        self.product = product
        self.name, self.address = name, address
        self.directory = directory
        self.own = directory / "own"
        self.shared = shared
        self.images_port, self.control_port = free_port(), free_port()
        self.log = directory / "imaged.log"
        self.process: subprocess.Popen | None = None
        for made in (directory, self.own):
            made.mkdir()

    def add(self) -> list[str]:
        """The command that the appliance prints: as words, with what only the host knows behind it."""
        ports = ["--images-port", str(self.images_port), "--control-port", str(self.control_port)]
        words = shlex.split(self.product.command("host", "add", self.name, self.address, *ports))
        assert words[:2] == ["imaged", "enrol"]
        return words

    def enrol(self, words: list[str], *more: str) -> subprocess.CompletedProcess:
        """Runs it."""
        places = ["--state-dir", self.directory / "state", "--root", self.own, "--root", self.shared]
        return subprocess.run([BIN / words[0], *words[1:], *places, *more], capture_output=True, text=True)

    def start(self, *more: object) -> None:
        with self.log.open("ab") as log:
            before = log.tell()
            words = [BIN / "imaged", "--config", self.directory / "state" / "imaged.toml", *map(str, more)]
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: b" ready: " in self.log.read_bytes()[before:] or self._ended(), f"{self.name} to be ready")

    def _ended(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log.read_text()[-4000:]
        return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """It hangs: connections are accepted, and nothing is answered."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    @property
    def shown(self) -> dict:
        """As the appliance shows it."""
        return next(host for host in self.product.ok("GET", "/hosts")["items"] if host["name"] == self.name)

    def wait(self, status: str, timeout: float = 30) -> None:
        wait_for(lambda: self.shown["status"] == status, f"{self.name} to be {status}", timeout)


class Fleet:
    """The appliance and its hosts. `shared` and `own-NAME` are storage domains."""

    def __init__(self, directory: pathlib.Path, names: Sequence[str] = ("one", "two", "three"), **settings):
        self.directory = directory
        self.product = Product(directory / "state", monitor_interval=0.2, **settings)
        self.shared = directory / "shared"
        self.shared.mkdir()
        self.hosts: list[Host] = []
        for name, address in zip(names, ADDRESSES, strict=False):
            self.another(name, address)

    def another(self, name: str, address: str) -> Host:
        """A machine that could be added."""
        self.hosts.append(Host(self.product, self.directory / name, name, address, self.shared))
        return self.hosts[-1]

    def start(self) -> None:
        self.product.start()
        for host in self.hosts:
            result = host.enrol(host.add())
            assert result.returncode == 0, result.stdout + result.stderr
            host.start()
        for host in self.hosts:
            host.wait("up")
            own = {"name": f"own-{host.name}", "kind": "data", "host": host.name, "path": str(host.own / "images")}
            self.product.ok("POST", "/domains", own)
        self.product.command("domain", "add", "shared", "--host", "one", "--path", str(self.shared / "pool"))
        wait_for(lambda: len(self.seen_by("shared")) == len(self.hosts), "all of them to see the shared domain", 60)

    def seen_by(self, domain: str) -> set[str]:
        return {host["name"] for host in self.product.ok("GET", f"/domains/{domain}")["hosts"]}

    def host(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    def stop(self) -> None:
        if self.product.process is not None and self.product.process.poll() is None:
            self.product.stop()
        for host in self.hosts:
            if host.process is not None and host.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    host.thaw()
                host.kill()
