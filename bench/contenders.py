"""Who is measured: our two programs, and nginx in front of nginx. Each with a directory of its own, on free ports of loopback."""

import contextlib
import http.client
import pathlib
import subprocess
import uuid
from collections.abc import Iterator

import psutil

from tests.e2e import product


class Appliance:
    """`image-appliance run` with its daemon, spoken to as any API client does."""

    def __init__(self, directory: pathlib.Path, *, tls: bool):
        directory.mkdir()
        self._product = product.Product(directory / "state") if tls else PlainProduct(directory / "state", http=True)
        self._product.start()
        self.port = self._product.port
        self.ca = str(directory / "state" / "ca" / "ca.pem") if tls else None
        self._transfers: list[str] = []

    def prepare(self, size: int, headers: dict[str, str]) -> dict:
        """A new upload of `size` bytes; where to PUT it."""
        made = self._product.create(f"bench-{uuid.uuid4()}", size)
        self._transfers.append(made["id"])
        product.wait_for(lambda: self._product.transfer(made["id"])["phase"] == "transferring", "the transfer to begin")
        with self._product.open_session(made["id"]) as session:
            return {"target": session.url, "headers": {"Session-Id": session.id, **headers}}

    def forget(self) -> None:
        """Removes what was uploaded."""
        for transfer in self._transfers:
            self._product.ok("POST", f"/transfers/{transfer}/cancel")
        for transfer in self._transfers:
            self._product.finished(transfer)
        self._transfers = []

    def processes(self) -> list[psutil.Process]:
        return _family(self._product.process)

    def stop(self) -> None:
        self._product.stop()


class PlainProduct(product.Product):
    """The product with plain HTTP."""

    def connect(self, timeout: float = 60) -> http.client.HTTPConnection:  # type: ignore[override]
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)


class Nginx:
    """nginx that passes bodies on as they come, through a unix socket, to nginx that stores them by WebDAV's PUT."""

    def __init__(self, directory: pathlib.Path, certificate: pathlib.Path | None, key: pathlib.Path | None, ca: str | None):
        self.port, self.ca = product.free_port(), ca
        self._stored = directory / "stored"
        for name in ("stored", "front", "back"):
            (directory / name).mkdir(parents=True)
        self._processes: list[subprocess.Popen] = []
        socket = directory / "back.socket"
        self._start(
            directory / "back",
            f"server {{ listen unix:{socket};\n"
            f"location / {{ root {self._stored}; dav_methods PUT; client_body_temp_path {self._stored}; }} }}",
        )
        tls = f"ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;" if certificate else ""
        self._start(
            directory / "front",
            f"server {{ listen 127.0.0.1:{self.port}{' ssl' if tls else ''}; {tls}\n"
            f"location / {{ proxy_pass http://unix:{socket}; proxy_http_version 1.1; proxy_request_buffering off; }} }}",
        )
        product.wait_for(self._answers, "nginx to answer")

    def _start(self, directory: pathlib.Path, server: str) -> None:
        file = directory / "nginx.conf"
        paths = "".join(f"{kind}_temp_path {directory};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # A worker that is not root's could not read a directory of root's.
        user = "user root;" if psutil.Process().uids().effective == 0 else ""
        file.write_text(
            f"{user} daemon off; worker_processes auto; pid {directory / 'pid'}; error_log stderr;\n"
            "events { worker_connections 1024; }\n"
            f"http {{ access_log off; {paths} client_max_body_size 0; client_body_buffer_size 1m;\n{server} }}\n"
        )
        path = subprocess.run(
            ["sh", "-c", "PATH=$PATH:/usr/sbin command -v nginx"], check=True, capture_output=True, text=True
        ).stdout.strip()
        self._processes.append(subprocess.Popen([path, "-p", str(directory), "-c", str(file), "-e", "stderr"]))

    def _answers(self) -> bool:
        assert all(process.poll() is None for process in self._processes), "nginx ended"
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
            connection.connect()
            connection.close()
            return True
        return False

    def prepare(self, size: int, headers: dict[str, str]) -> dict:
        return {"target": f"/{uuid.uuid4()}", "headers": {}}

    def forget(self) -> None:
        for file in self._stored.iterdir():
            file.unlink()

    def processes(self) -> list[psutil.Process]:
        return [one for process in self._processes for one in _family(process)]

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
            process.wait()


def _family(process: subprocess.Popen | None) -> list[psutil.Process]:
    assert process is not None
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


@contextlib.contextmanager
def both(directory: pathlib.Path, *, tls: bool) -> Iterator[tuple[Appliance, Nginx]]:
    """The two side by side; with TLS they show the same certificate, so that ciphers and keys are the same."""
    ours = Appliance(directory, tls=tls)
    try:
        certificates = directory / "state" / "tls"
        theirs = (
            Nginx(directory / "nginx", certificates / "server.pem", certificates / "server.key", ours.ca)
            if tls
            else Nginx(directory / "nginx", None, None, None)
        )
        try:
            yield ours, theirs
        finally:
            theirs.stop()
    finally:
        ours.stop()
