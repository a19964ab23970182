"""Three hosts on three loopback addresses: all see a shared directory, and each has one of its own."""

import pathlib
import shlex
import signal
import subprocess
from collections.abc import Sequence

from imaged import enrolment
from tests.e2e.product import Product
from tests.e2e.program import BIN, Group, Program, wait_for
from tests.ports import free_port

ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


class Host(Program):
    """One host: its own state directory, its own address, and the daemon that runs there."""

    def __init__(self, product: Product, directory: pathlib.Path, name: str, address: str, shared: pathlib.Path):
        super().__init__(directory / "imaged.log")
        self.product = product
        self.name, self.address = name, address
        self.directory = directory
        self.own = directory / "own"
        self.shared = shared
        self.images_port, self.control_port = free_port(), free_port()
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

    def join(self) -> None:
        """Both at once, by what these commands call."""
        ports = {"images_port": self.images_port, "control_port": self.control_port}
        told = self.product.ok("POST", "/hosts", {"name": self.name, "address": self.address, **ports})
        place = {"state_dir": self.directory / "state", "roots": [self.own, self.shared]}
        enrolment.enrol(self.product.address, told["token"], told["fingerprint"], **place)

    def start(self, *more: object) -> None:
        before = self.output
        self.launch([BIN / "imaged", "--config", self.directory / "state" / "imaged.toml", *more])
        self.until_written(" ready: ", before)

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

    def wait(self, status: str) -> None:
        wait_for(lambda: self.shown["status"] == status, f"{self.name} to be {status}")

    def ask(self, action: str) -> None:
        """`maintenance` or `activate`."""
        self.product.ok("POST", f"/hosts/{self.shown['id']}/{action}")


class Fleet(Group):
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
        """The first host is enrolled as by a person, with two commands."""
        self.product.start()
        for host in self.hosts:
            if host is self.hosts[0]:
                result = host.enrol(host.add())
                assert result.returncode == 0, result.stdout + result.stderr
            else:
                host.join()
            host.start()
        for host in self.hosts:
            host.wait("up")
            self._domain(f"own-{host.name}", host, host.own / "images")
        self._domain("shared", self.hosts[0], self.shared / "pool")
        wait_for(lambda: len(self.seen_by("shared")) == len(self.hosts), "all of them to see the shared domain")

    def _domain(self, name: str, host: Host, path: pathlib.Path) -> None:
        self.product.ok("POST", "/domains", {"name": name, "kind": "data", "host": host.name, "path": str(path)})

    def restore(self) -> None:
        """Whatever a test has left: every host runs and is in service, no others are known, nothing is unfinished."""
        mine = {host.name: host for host in self.hosts if host.process is not None}
        for host in mine.values():
            if host.runs:
                host.thaw()
            else:
                host.start()
        for shown in self.product.ok("GET", "/hosts")["items"]:
            if shown["name"] in mine and shown["status"] == "maintenance":
                mine[shown["name"]].ask("activate")
            elif shown["name"] not in {"local", *mine}:
                self.product.ok("DELETE", f"/hosts/{shown['id']}")
        wait_for(lambda: {host["status"] for host in self.product.ok("GET", "/hosts")["items"]} == {"up"}, "all hosts to be up")
        self.product.cancel_unfinished()

    def seen_by(self, domain: str) -> set[str]:
        return {host["name"] for host in self.product.ok("GET", f"/domains/{domain}")["hosts"]}

    def host(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    def stop(self) -> None:
        if self.product.runs:
            self.product.stop()
        for host in self.hosts:
            if host.runs:
                host.kill()
