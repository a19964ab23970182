"""Glance's face in front of what the appliance really has, and a web server with images to import."""

import contextlib
import http.server
import json
import secrets
import socket
import threading

import pytest

from tests.waiting import wait_for
from tests.web.conftest import Appliance, Reply

BYTES = "application/octet-stream"
PATCH = "application/openstack-images-v2.1-json-patch"


class Glance:
    """Calls of the image API with the token of a user of `role`; header names are written with _ for -."""

    def __init__(self, appliance: Appliance):
        self.appliance = appliance
        self.admin = appliance.admin
        self.url = f"http://127.0.0.1:{appliance.port}"

    def call(self, method: str, path: str, body: object = None, *, role: str | None = "admin", **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if role:
            named["X-Auth-Token"] = self.appliance.tokens[role]
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            named = {"Content-Type": BYTES if isinstance(body, bytes) else "application/json", **named}
        return self.appliance.request(method, f"/v2{path}", data, named)

    def create(self, role: str = "admin", **facts) -> dict:
        """A new image without bytes."""
        reply = self.call("POST", "/images", {"name": "an image", "disk_format": "raw", "container_format": "bare", **facts}, role=role)
        assert reply.status == 201, reply.text
        return reply.json

    def image(self, data: bytes = b"an image", role: str = "admin", **facts) -> dict:
        """A new image that is active."""
        made = self.create(role, **facts)
        reply = self.call("PUT", f"/images/{made['id']}/file", data, role=role)
        assert reply.status == 204, reply.text
        return self.show(made)

    def show(self, image: dict) -> dict:
        reply = self.call("GET", f"/images/{image['id']}")
        assert reply.status == 200, reply.text
        return reply.json

    def patch(self, image: dict, *changes: dict, role: str = "admin", content_type: str = PATCH) -> Reply:
        return self.call("PATCH", f"/images/{image['id']}", list(changes), role=role, Content_Type=content_type)

    def list(self, query: str = "", role: str = "admin") -> list[dict]:
        reply = self.call("GET", f"/images?{query}", role=role)
        assert reply.status == 200, reply.text
        return reply.json["images"]

    def active(self, image: dict) -> dict:
        """The image, once it is."""

        def there():
            found = self.show(image)
            return found if found["status"] == "active" else None

        return wait_for(there, "the image to be active", 60)

    def ended(self, task: dict) -> dict:
        """The task, once it is over."""

        def over():
            found = self.call("GET", f"/tasks/{task['id']}").json
            return found if found["status"] in ("success", "failure") else None

        return wait_for(over, "the task to end", 60)

    def import_from(self, url: str, *, role: str = "admin", format: str = "raw", **properties) -> Reply:
        """A task that imports."""
        asked = {"import_from": url, "import_from_format": format, "image_properties": {"name": secrets.token_hex(4), **properties}}
        return self.call("POST", "/tasks", {"type": "import", "input": asked}, role=role)

    @contextlib.contextmanager
    def sending(self, path: str, *headers: str):
        """A connection on which a PUT has begun, with the administrator's token."""
        head = [f"PUT /v2{path} HTTP/1.1", "Host: x", f"X-Auth-Token: {self.appliance.tokens['admin']}", f"Content-Type: {BYTES}", *headers]
        with socket.create_connection(("127.0.0.1", self.appliance.port), 30) as sock:
            sock.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
            yield sock

    def raw(self, path: str, body: bytes, *headers: str) -> int:
        """The status of a PUT whose body is sent as it is."""
        with self.sending(path, *headers) as sock:
            sock.sendall(body)
            return int(sock.makefile("rb").readline().split()[1])


class Source:
    """A web server; `files` are its files by path, or the status that it answers."""

    def __init__(self):
        self.files: dict[str, bytes | int] = {}
        files = self.files

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                found = files.get(self.path.partition("?")[0], 404)
                if isinstance(found, int):
                    self.send_error(found)
                    return
                start = int(self.headers.get("Range", "bytes=0-")[6:].partition("-")[0])
                last = self.headers.get("Range", "").rpartition("-")[2]
                data = found[start : int(last) + 1 if last else None]
                self.send_response(206 if "Range" in self.headers else 200)
                if "Range" in self.headers:
                    self.send_header("Content-Range", f"bytes {start}-{start + len(data) - 1}/{len(found)}")
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Content-Type", BYTES)
                self.end_headers()
                if self.command == "GET":
                    with contextlib.suppress(OSError):
                        self.wfile.write(data)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="session")
def appliance(tmp_path_factory):
    directory = tmp_path_factory.mktemp("glance")
    made = Appliance(directory, import_allow=("127.0.0.1",), import_ports=("1-65535",), import_attempts=1, glance_store="data")
    host = made.admin.hosts.get("local")
    made.admin.domains.ensure("more", "data", host, str(directory / "domains" / "more"))
    other = "ute"
    made.admin.users.add(other, "correct horse battery staple", "uploader")
    made.tokens["other"] = made.admin.tokens.add(other)
    yield made
    made.stop()


@pytest.fixture
def glance(appliance):
    return Glance(appliance)


@pytest.fixture(scope="session")
def source():
    made = Source()
    yield made
    made.close()


@pytest.fixture
def name():
    """One that nothing else has."""
    return secrets.token_hex(6)
