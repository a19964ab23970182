"""What we are measured against: nginx, nginx in front of nginx, and ovirt-imageio's daemon."""

import os
import pathlib
import subprocess
import sys
import uuid

import psutil

from bench import load, server
from tests.e2e import product

BIN = pathlib.Path(sys.executable).parent
#: 1 MiB bodies stay in memory until they are written; a bigger buffer made it no faster.
BUFFER = "client_max_body_size 0; client_body_buffer_size 1m;"


class Nginx(server.Server):
    """nginx with WebDAV's PUT and its own GET, with TLS on another port."""

    def __init__(self, directory: pathlib.Path, certificate: tuple[pathlib.Path, pathlib.Path, str]):
        super().__init__(directory)
        self._ports = {tls: product.free_port() for tls in (False, True)}
        self._files = directory / "stored"
        self._files.mkdir()
        self._uploads: list[tuple[str, bool]] = []
        self._tls = f"ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]}; ssl_protocols TLSv1.3;"
        self.ca = certificate[2]
        self._launch()
        for port in self._ports.values():
            self.wait_for(port)

    def _launch(self) -> None:
        self.nginx("alone", f"server {{ {self._listen()} {self._store()} }}")

    def _listen(self) -> str:
        return f"listen 127.0.0.1:{self._ports[False]}; listen 127.0.0.1:{self._ports[True]} ssl; {self._tls}"

    def _store(self) -> str:
        return f"location / {{ root {self._files}; dav_methods PUT; client_body_temp_path {self._files}; }}"

    def nginx(self, name: str, block: str) -> None:
        """Starts one nginx with the server `block`."""
        directory = self.directory / name
        directory.mkdir()
        paths = "".join(f"{kind}_temp_path {directory};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # A worker that is not root's could not read a directory of root's.
        user = "user root;" if psutil.Process().uids().effective == 0 else ""
        file = directory / "nginx.conf"
        file.write_text(
            f"{user} daemon off; worker_processes auto; pid {directory / 'pid'}; error_log stderr;\n"
            "events { worker_connections 1024; }\n"
            # As many requests on one connection as it takes.
            f"http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; {paths} {BUFFER}\n{block} }}\n"
        )
        path = subprocess.run(
            ["sh", "-c", "PATH=$PATH:/usr/sbin command -v nginx"], check=True, capture_output=True, text=True
        ).stdout.strip()
        self.start([path, "-p", directory, "-c", file, "-e", "stderr"])

    def port(self, tls: bool) -> int:
        return self._ports[tls]

    def prepare(self, size: int, count: int, *, chunked: bool = False, place: pathlib.Path | None = None) -> list[load.Target]:
        names = [str(uuid.uuid4()) for _ in range(count)]
        self._uploads += [(name, chunked) for name in names]
        # It cannot write a part of a file: each chunk becomes a file.
        return [load.Target(f"/{name}-#" if chunked else f"/{name}") for name in names]

    def publish(self, file: pathlib.Path) -> load.Target:
        name = str(uuid.uuid4())
        os.link(file, self._files / name)
        return load.Target(f"/{name}")

    def stored(self) -> list[list[pathlib.Path]]:
        return [self._pieces(name) if chunked else [self._files / name] for name, chunked in self._uploads]

    def _pieces(self, name: str) -> list[pathlib.Path]:
        return sorted(self._files.glob(f"{name}-*"), key=lambda path: int(path.name.removeprefix(f"{name}-")))

    def forget(self) -> None:
        for file in self._files.iterdir():
            file.unlink()
        self._uploads = []


class NginxPair(Nginx):
    """nginx that passes bodies on as they come, through a unix socket, to nginx that stores them."""

    def _launch(self) -> None:
        socket = self.directory / "back.socket"
        self.nginx("back", f"server {{ listen unix:{socket}; {self._store()} }}")
        # It keeps its connections to the other, as ours does.
        self.nginx(
            "front",
            f"upstream back {{ server unix:{socket}; keepalive 16; keepalive_requests 1000000; }}\n"
            f"server {{ {self._listen()} location / {{ proxy_pass http://back; proxy_http_version 1.1; "
            'proxy_set_header Connection ""; proxy_request_buffering off; } }',
        )


class Imageio(server.TicketServer):
    """ovirt-imageio's daemon, without TLS."""

    def __init__(self, directory: pathlib.Path):
        super().__init__(directory)
        (directory / "conf.d").mkdir()
        settings: dict[str, dict[str, object]] = {
            "daemon": {"run_dir": directory, "drop_privileges": "false", "systemd_enable": "false"},
            "tls": {"enable": "false"},
            "remote": {"host": "127.0.0.1", "port": self._port},
            "local": {"enable": "false"},
            "control": {"socket": self._socket},
            "logger_root": {"level": "WARNING", "handlers": "stderr"},
            "handlers": {"keys": "stderr"},
        }
        sections = [f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in of.items()) for name, of in settings.items()]
        (directory / "conf.d" / "bench.conf").write_text("\n".join(sections))
        self.start([BIN / "ovirt-imageio", "--conf-dir", directory])
        self.wait_for(self._port)
