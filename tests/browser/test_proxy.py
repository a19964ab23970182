"""Behind a reverse proxy that allows small requests only: the chunks shrink until they pass."""

import os
import pathlib
import shutil
import subprocess

import pytest

from tests.browser.page import stored
from tests.e2e.product import wait_for
from tests.ports import free_port

#: 300 kB: less than the smallest chunk that a page sends on its own.
CONFIGURATION = """
daemon off;
worker_processes 1;
pid {here}/pid;
error_log {here}/errors;
events {{ worker_connections 64; }}
http {{
    access_log {here}/access;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    client_max_body_size 300k;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {tls}/server.pem;
        ssl_certificate_key {tls}/server.key;
        location / {{
            proxy_pass https://127.0.0.1:{appliance};
            proxy_set_header Host $http_host;
            proxy_request_buffering off;
            proxy_http_version 1.1;
        }}
    }}
}}
"""


@pytest.fixture
def proxy(product, tmp_path):
    """nginx before the product; answers its address and its log of requests."""
    port = free_port()
    configuration = tmp_path / "nginx.conf"
    tls = product.state_dir / "tls"
    configuration.write_text(CONFIGURATION.format(here=tmp_path, port=port, tls=tls, appliance=product.port))
    command = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert command, "nginx is not installed: .ci/packages check installs it"
    process = subprocess.Popen([command, "-p", tmp_path, "-e", tmp_path / "errors", "-c", configuration])
    wait_for((tmp_path / "pid").exists, "nginx to start")
    yield f"https://127.0.0.1:{port}", tmp_path / "access"
    process.terminate()
    process.wait()


def test_chunks_shrink_until_the_proxy_lets_them_pass(tab, proxy, disk):
    address, log = proxy
    tab.address = address
    tab.log_in()
    tab.start_upload(disk, domain="data")

    finished = tab.wait_for_phase(tab.transfer_named(disk.name), "finished_success")
    assert stored(tab.product, finished) == disk.read_bytes()
    statuses = [line.split('"')[2].split()[0] for line in pathlib.Path(log).read_text().splitlines() if '"PUT /images/' in line]
    assert "413" in statuses
    assert statuses.count("413") < 30
