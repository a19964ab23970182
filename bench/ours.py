"""What is measured of ours: `imaged` alone, and `image-appliance run` with its daemon."""

import http.client
import pathlib
import sys
import uuid

import psutil

from bench import load, server
from tests.e2e import product

BIN = pathlib.Path(sys.executable).parent


class Imaged(server.TicketServer):
    """The daemon alone, on TCP. `roots`: where its tickets' files may lie."""

    def __init__(self, directory: pathlib.Path, roots: list[pathlib.Path], certificate: tuple[pathlib.Path, pathlib.Path, str] | None):
        super().__init__(directory)
        tls: list[object] = ["--no-tls"]
        if certificate:
            tls, self.ca = ["--tls-cert", certificate[0], "--tls-key", certificate[1]], certificate[2]
        allowed = [word for root in roots for word in ("--root", root)]
        self.start([BIN / "imaged", *allowed, "--control-socket", self._socket, "--listen", f"127.0.0.1:{self._port}", *tls])
        self.wait_for(self._port)


class Appliance(server.Server):
    """The appliance with its daemon, spoken to as any API client does."""

    def __init__(self, directory: pathlib.Path, *, tls: bool, **settings):
        super().__init__(directory)
        kind = product.Product if tls else PlainProduct
        self.product = kind(directory / "state", **({} if tls else {"http": True}), **settings)
        self.product.start()
        self.ca = str(directory / "state" / "ca" / "ca.pem") if tls else None
        self.transfers: list[dict] = []

    def port(self, tls: bool) -> int:
        return self.product.port

    def prepare(self, size: int, count: int, *, chunked: bool = False, place: pathlib.Path | None = None) -> list[load.Target]:
        made = [self.product.create(f"bench-{uuid.uuid4()}", size) for _ in range(count)]
        self.transfers += made
        return [self._target(transfer["id"]) for transfer in made]

    def _target(self, transfer: str) -> load.Target:
        product.wait_for(lambda: self.product.transfer(transfer)["phase"] == "transferring", "the transfer to begin")
        with self.product.open_session(transfer) as session:
            return load.Target(session.url, f"Session-Id: {session.id}\r\n")

    def stored(self) -> list[list[pathlib.Path]]:
        partial = {path.name: path for path in self.directory.rglob(".partial-*")}
        return [[partial[f".partial-{transfer['image_id']}.img"]] for transfer in self.transfers]

    def forget(self) -> None:
        for transfer in self.transfers:
            self.product.ok("POST", f"/transfers/{transfer['id']}/cancel")
        for transfer in self.transfers:
            self.product.finished(transfer["id"])
        self.transfers = []

    def processes(self) -> list[psutil.Process]:
        assert self.product.process is not None
        return server.family(self.product.process.pid)

    def stop(self) -> None:
        self.product.stop()


class PlainProduct(product.Product):
    """The product with plain HTTP."""

    def connect(self, timeout: float = 60) -> http.client.HTTPConnection:  # type: ignore[override]
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
