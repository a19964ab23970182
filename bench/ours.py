"""What is measured of ours: `imaged` alone, and `image-appliance run` with its daemon."""

import contextlib
import http.client
import json
import pathlib
import sys
import uuid
from typing import Any

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
        with contextlib.closing(self.product.connect()) as connection:
            made = []
            for _ in range(count):
                what = {"name": f"bench-{uuid.uuid4()}", "size": size, "format": "raw", "domain": "data", "client": "api"}
                made.append(self._call(connection, "POST", "/api/v1/transfers", what))
            self.transfers += made
            return [self._target(connection, f"/api/v1/transfers/{transfer['id']}") for transfer in made]

    def _target(self, connection: http.client.HTTPConnection, transfer: str) -> load.Target:
        product.wait_for(lambda: self._call(connection, "GET", transfer)["phase"] == "transferring", "the transfer to begin")
        ticket = self._call(connection, "POST", f"{transfer}/ticket")["ticket"]
        session = self._call(connection, "POST", "/sessions", token=ticket)
        return load.Target(session["url"], f"Session-Id: {session['session_id']}\r\n")

    def _call(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: object = None, token: str | None = None
    ) -> dict[str, Any]:
        """One request, on a connection that is kept: a crowd of uploads is prepared by thousands of them."""
        headers = {"Authorization": f"Bearer {token or self.product.token}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else b"", headers)
        response = connection.getresponse()
        text = response.read()
        assert response.status < 300, (response.status, text)
        return json.loads(text)

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
