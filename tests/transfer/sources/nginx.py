"""A real web server: nginx, with its ranges, its validators and its redirects."""

import contextlib
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

import psutil

from tests import ports
from tests.waiting import wait_for

#: Of each answer: its status, and the part that was asked for.
LOG = "log"


@contextlib.contextmanager
def serving(directory: pathlib.Path, files: pathlib.Path, rate: str = "0") -> Iterator[str]:
    """Its address; it serves `files`, under /plain without ranges. `rate`: bytes a second of whole files, as nginx writes them."""
    port = ports.free_port()
    paths = "".join(f"{kind}_temp_path {directory};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if psutil.Process().uids().effective == 0 else ""
    configuration = directory / "nginx.conf"
    configuration.write_text(
        f"{user} daemon off; master_process off; pid {directory}/pid; error_log stderr;\n"
        f"events {{}} http {{ log_format parts '$status $http_range'; access_log {directory}/{LOG} parts; {paths}\n"
        f"types {{ text/html html; }} default_type application/octet-stream;\n"
        f"map $http_range $rate {{ '' {rate}; default 0; }} limit_rate $rate;\n"
        f"server {{ listen 127.0.0.1:{port}; root {files}; gzip on; gzip_types *; location = /latest {{ return 302 /disk.img; }}\n"
        "location /plain/ { alias " + str(files) + "/; max_ranges 0; } } }\n"
    )
    command = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert command, "nginx is not installed: .ci/packages check installs it"
    process = subprocess.Popen([command, "-p", directory, "-c", configuration, "-e", "stderr"], stderr=subprocess.DEVNULL)
    try:
        wait_for((directory / "pid").exists, "nginx to start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)
