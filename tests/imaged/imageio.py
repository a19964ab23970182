"""ovirt-imageio's own daemon, as a process."""

import pathlib
import subprocess
import sys

from tests.e2e.product import wait_for
from tests.ports import free_port


class Imageio:
    """Serves images on `host`, a port of its own, with the TLS of `pem` (key and certificate) or none; control on `socket`."""

    def __init__(self, directory: pathlib.Path, host: str = "127.0.0.1", pem: pathlib.Path | None = None, ca: pathlib.Path | None = None):
        directory.mkdir()
        self.port = free_port()
        self.address = f"{'https' if pem else 'http'}://{host}:{self.port}"
        self.socket = directory / "sock"
        self.log = directory / "log"
        self._command = [pathlib.Path(sys.executable).parent / "ovirt-imageio", "--conf-dir", directory]
        settings: dict[str, dict[str, object]] = {
            "daemon": {"run_dir": directory, "drop_privileges": "false", "systemd_enable": "false"},
            "tls": {"enable": "true", "key_file": pem, "cert_file": pem, "ca_file": ca} if pem else {"enable": "false"},
            "remote": {"host": host, "port": self.port},
            "local": {"enable": "false"},
            "control": {"socket": self.socket},
            "logger_root": {"level": "INFO", "handlers": "stderr"},
            "handlers": {"keys": "stderr"},
        }
        sections = [f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in of.items()) for name, of in settings.items()]
        (directory / "conf.d").mkdir()
        (directory / "conf.d" / "test.conf").write_text("\n".join(sections))
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            before = log.tell()
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: b"Ready for requests" in self.log.read_bytes()[before:] or self._ended(), "ovirt-imageio to be ready")

    def _ended(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-4000:]
        return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
