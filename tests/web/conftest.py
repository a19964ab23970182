"""The appliance's HTTP side in front of what it really has: a database, a host daemon as its own process, and sockets."""

import dataclasses
import http.client
import json
import pathlib
import re
import secrets
import subprocess
import sys
import urllib.parse

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from appliance import authority, bootstrap, config
from appliance.admin import Admin, database
from appliance.transfer import hosts, relay, sessions, slots, tickets
from appliance.web import downloads, images, server, site
from appliance.web.glance import calls as glance_calls
from appliance.web.glance import engine as glance
from appliance.web.ovirt import engine
from imaged import client, httpd
from tests import databases
from tests.transfer.conftest import daemon, room, served
from tests.waiting import wait_for

__all__ = ["daemon", "room", "served"]

PASSWORD = "correct horse battery staple"
NAMES = {"admin": "ann", "uploader": "ulf", "viewer": "vera"}


@dataclasses.dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def cookies(self) -> dict[str, str]:
        """What it sets, by name: the value alone, or nothing where it ends the cookie."""
        lines = self.headers.get_all("Set-Cookie") or []
        cookies = {line.partition("=")[0]: line.partition("=")[2].partition(";") for line in lines}
        return {name: "" if "max-age=0" in flags.lower() else value for name, (value, _, flags) in cookies.items()}


class Appliance:
    """Pages, API and images service on one port, as the product has them; `admin` is the real one behind them."""

    def __init__(self, directory: pathlib.Path, **settings):
        self.directory = directory
        self.config = config.Config(state_dir=directory, monitor_interval=0.5, login_attempts=3, **settings)
        made = bootstrap.prepare(self.config)
        self._start_daemon()
        databases.migrated(directory)
        books = database.Database(self.config.database_url)
        key = ed25519.Ed25519PrivateKey.generate()
        known = hosts.Hosts()
        live = sessions.Sessions(tickets.Verifier(key.public_key(), "test", tickets.now(), 5))
        signer = tickets.Signer(key, "test", 300)
        self.admin = Admin(
            self.config, books, known, signer, live, authority=authority.Authority(directory, 86400.0), import_key=made.import_key
        )
        host = self.admin.hosts.ensure("local", f"unix:{directory}/control", f"unix:{directory}/images")
        for name, kind in (("data", "data"), ("iso", "iso")):
            self.admin.domains.ensure(name, kind, host, str(directory / "domains" / name))
        self.admin.monitor.start()
        self.admin.importing.start()
        for role, name in NAMES.items():
            self.admin.users.add(name, PASSWORD, role)
        self.tokens = {role: self.admin.tokens.add(name) for role, name in NAMES.items()}
        passing, room = relay.Relay(known, live), slots.Slots(32, 8)
        download = downloads.Downloads(live, passing, room)
        pages = site.application(self.admin, self.config, csrf_key=secrets.token_bytes(32), download=download)
        ours = glance.application(glance_calls.Rooms(self.admin, known, download, room), self.config)
        theirs = engine.application(self.admin, self.config)
        self.application = server.together(pages, images.Images(live, passing, room), theirs, ours, passing.courtesy)
        self.server = httpd.Server(("127.0.0.1", 0), self.application, threads=32, name="image-appliance")
        self._serving = self.server.launch()
        self.port = self.server.bind_addr[1]
        self.database = books

    def _start_daemon(self) -> None:
        words = [str(pathlib.Path(sys.executable).parent / "imaged"), "--root", f"{self.directory}/domains", "--supervised"]
        words += ["--control-socket", f"{self.directory}/control", "--local-socket", f"{self.directory}/images"]
        self._daemon = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=(self.directory / "imaged.log").open("w"))
        control = client.Control(f"unix:{self.directory}/control")

        def answers():
            try:
                return control.info()
            except client.Unreachable:
                assert self._daemon.poll() is None, (self.directory / "imaged.log").read_text()
                return None

        wait_for(answers, "the host daemon")

    def stop(self) -> None:
        self.server.stop()
        self._serving.join()
        self.admin.importing.stop()
        self.admin.monitor.stop()
        self._daemon.stdin.close()
        self._daemon.wait(10)
        self.database.close()

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def call(self, method: str, path: str, body: object = None, *, role: str | None = "admin", **headers: str) -> Reply:
        """A call of the API with the token of a user of `role`; header names are written with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if role:
            named["Authorization"] = f"Bearer {self.tokens[role]}"
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            named = {"Content-Type": "application/json", **named}
        return self.request(method, f"/api/v1{path}", data, named)

    def transfer(self, role: str = "admin", **facts) -> dict:
        """A new upload, transferring."""
        wanted = {"name": f"{secrets.token_hex(6)}.raw", "size": 1000, "format": "raw", "domain": "data", **facts}
        reply = self.call("POST", "/transfers", wanted, role=role)
        assert reply.status == 201, reply.text
        return reply.json

    def image(self, data: bytes, role: str = "admin", **facts) -> dict:
        """A good image that holds `data`."""
        transfer = self.transfer(role, size=len(data), **facts)
        ticket = self.call("POST", f"/transfers/{transfer['id']}/ticket", role=role).json
        reply = self.request("PUT", ticket["url"], data, {"Authorization": f"Bearer {ticket['ticket']}"})
        assert reply.status == 200, reply.text
        reply = self.call("POST", f"/transfers/{transfer['id']}/finalize", role=role)
        assert reply.status == 200, reply.text
        wait_for(lambda: self.call("GET", f"/transfers/{transfer['id']}").json["phase"] == "finished_success", "the verification")
        return self.call("GET", f"/images/{transfer['image_id']}").json


class Browser:
    """Keeps cookies, and shows them, as a browser does; runs no script."""

    def __init__(self, appliance: Appliance):
        self._appliance = appliance
        self.cookies: dict[str, str] = {}

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        named = {"Accept": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            named["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        reply = self._appliance.request(method, path, body, named)
        for name, value in reply.cookies.items():
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return reply

    def get(self, path: str, **headers: str) -> Reply:
        return self.request("GET", path, **headers)

    def submit(self, path: str, **fields: str) -> Reply:
        return self.request("POST", path, urllib.parse.urlencode(fields).encode(), Content_Type="application/x-www-form-urlencoded")

    def csrf(self, page: Reply) -> str:
        return re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page.text)[1]

    def log_in(self, role: str = "admin", password: str = PASSWORD, next: str = "/") -> Reply:
        token = self.csrf(self.get("/login"))
        return self.submit("/login", name=NAMES[role], password=password, next=next, csrf_token=token)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        data = None if body is None else json.dumps(body).encode()
        return self.request(method, f"/api/v1{path}", data, Content_Type="application/json", **headers)


@pytest.fixture(scope="session")
def appliance(tmp_path_factory):
    made = Appliance(tmp_path_factory.mktemp("appliance"), import_allow=("127.0.0.1",), import_ports=("1024-65535",))
    yield made
    made.stop()


@pytest.fixture
def browser(appliance):
    return Browser(appliance)


@pytest.fixture
def logged_in(browser):
    """A browser in which an administrator has logged in."""
    assert browser.log_in().status == 303
    return browser
