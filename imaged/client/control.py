"""The control service of a host, each call a method."""

import contextlib
import json
import ssl
import threading
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

from imaged.client.connection import Connection, Images, refused
from imaged.client.failures import unreachable

#: Seconds that the host has for what waits for its disk: allocating a volume, bringing one to stable storage.
DISK = 300.0
#: Tickets in one answer.
TICKETS = 50


class Control:
    """The control service of one host; thread-safe. Every method raises Unreachable, and Refused where the daemon says no."""

    def __init__(self, address: str, *, timeout: float = 10, tls: ssl.SSLContext | None = None):
        self.address = address
        self._timeout = timeout
        self._connections = Images(address, timeout=timeout, tls=tls)
        self._lock = threading.Lock()
        self._waiting: set[Connection] = set()

    def close(self) -> None:
        self._connections.close()

    def break_off(self) -> None:
        """From any thread: whoever waits for an answer gets Unreachable."""
        with self._lock:
            for connection in self._waiting:
                connection.interrupt()

    def info(self, timeout: float | None = None) -> dict:
        """`timeout`: seconds that this may take, if less than other calls."""
        return self._call("GET", "/info", timeout=timeout)

    def certificate_request(self) -> str:
        """A request (CSR, PEM) for a new certificate; the host keeps the new key."""
        return self._call("POST", "/certificate/request")["request"]

    def install_certificate(self, certificate: str) -> None:
        """Gives the host the certificate (PEM, with the authority's behind it) for the last request; it is served from now on."""
        self._call("PUT", "/certificate", {"certificate": certificate})

    def domains(self) -> list[dict]:
        return self._call("GET", "/domains")["domains"]

    def domain(self, domain: str) -> dict:
        return self._call("GET", _path("domains", domain))

    def add_domain(self, domain: str, *, name: str, path: str) -> dict:
        return self._call("PUT", _path("domains", domain), {"name": name, "path": path})

    def volumes(self, domain: str) -> list[dict]:
        return self._call("GET", _path("domains", domain, "volumes"))["volumes"]

    def volume(self, domain: str, name: str) -> dict:
        return self._call("GET", _path("domains", domain, "volumes", name))

    def create_volume(
        self,
        domain: str,
        name: str,
        *,
        size: int,
        allocation: str = "sparse",
        initial_size: int | None = None,
        format: str | None = None,
        complete: bool = False,
    ) -> dict:
        """`initial_size`: bytes of a sparse volume that will be filled, where not all will be: only they need space.

        With `complete` it is an empty disk that is ready, `size` its guest's bytes; `format` is raw or qcow2.
        """
        body = {"size": size, "allocation": allocation, "initial_size": initial_size, "complete": complete}
        body |= {"format": format} if format else {}
        return self._call("PUT", _path("domains", domain, "volumes", name), body, timeout=DISK)

    def complete_volume(self, domain: str, name: str) -> dict:
        return self._call("POST", _path("domains", domain, "volumes", name, "complete"), timeout=DISK)

    def shrink_volume(self, domain: str, name: str, size: int) -> dict:
        """The volume that is being filled is cut off at `size` bytes."""
        return self._call("POST", _path("domains", domain, "volumes", name, "shrink"), {"size": size}, timeout=DISK)

    def reset_volume(self, domain: str, name: str, size: int = 0) -> dict:
        """Drops the complete volume's content; its file has `size` bytes of zeros then."""
        return self._call("POST", _path("domains", domain, "volumes", name, "reset"), {"size": size}, timeout=DISK)

    def delete_volume(self, domain: str, name: str) -> None:
        self._call("DELETE", _path("domains", domain, "volumes", name), timeout=DISK)

    def export(self, domain: str, name: str, id: str, read_only: bool) -> dict:
        """The volume as the disk that its guest sees, `{"id", "url", "size"}`, until `end_export` of the same id. Repeatable."""
        body = {"id": id, "read_only": read_only}
        return self._call("PUT", _path("domains", domain, "volumes", name, "export"), body, timeout=DISK)

    def end_export(self, domain: str, name: str, id: str) -> None:
        """When this returns nobody reads or writes the file by it any more. Repeatable."""
        target = _path("domains", domain, "volumes", name, "export") + "?" + urllib.parse.urlencode({"id": id})
        self._call("DELETE", target, timeout=DISK)

    def digests(self, domain: str, name: str, ranges: list) -> list[str]:
        """SHA-256 (hex) of each `(start, end)`, in bytes."""
        return self._call("POST", _path("domains", domain, "volumes", name, "digests"), {"ranges": [list(r) for r in ranges]})["sha256"]

    def verify(
        self,
        domain: str,
        name: str,
        *,
        format: str,
        sha256: str | None,
        max_virtual_size: int,
        digest: bool = True,
        digests: Iterable[str] = (),
    ) -> dict:
        """The job that verifies: ask `job` how it goes. Without `digest` there is no SHA-256 unless one is expected.

        `digests`: those of md5, sha1, sha512 that are to be taken in the same read; they are the result's `digests`.
        """
        body = {"format": format, "sha256": sha256, "max_virtual_size": max_virtual_size, "digest": digest, "digests": list(digests)}
        return self._call("POST", _path("domains", domain, "volumes", name, "verify"), body)

    def sha256(self, domain: str, name: str) -> dict:
        """The job that only hashes."""
        return self._call("POST", _path("domains", domain, "volumes", name, "sha256"))

    def inspect(self, domain: str, name: str, *, max_virtual_size: int | None = None) -> dict:
        """The job that finds out what the volume is, of any format; `max_virtual_size` in bytes, of the host's own limit if not given."""
        body = {} if max_virtual_size is None else {"max_virtual_size": max_virtual_size}
        return self._call("POST", _path("domains", domain, "volumes", name, "inspect"), body)

    def convert(
        self,
        domain: str,
        name: str,
        *,
        target: str,
        format: str,
        compressed: bool = False,
        source_format: str | None = None,
        max_virtual_size: int | None = None,
    ) -> dict:
        """The job that makes the partial volume `target` (durable, when it is done) of the volume's disk: raw or qcow2. Repeatable."""
        body: dict = {"target": target, "format": format, "compressed": compressed, "source_format": source_format}
        body |= {} if max_virtual_size is None else {"max_virtual_size": max_virtual_size}
        return self._call("POST", _path("domains", domain, "volumes", name, "convert"), body)

    def scan(self, domain: str, name: str) -> dict:
        """The job that shows the volume to the host's scanner. Refused `no-scanner` where there is none."""
        return self._call("POST", _path("domains", domain, "volumes", name, "scan"))

    def job(self, job_id: str) -> dict:
        return self._call("GET", _path("jobs", job_id))

    def cancel_job(self, job_id: str) -> None:
        self._call("DELETE", _path("jobs", job_id))

    def put_ticket(self, ticket: dict) -> None:
        """Adds or replaces a ticket: the contract's fields, `uuid` among them."""
        self._call("PUT", _path("tickets", ticket["uuid"]), ticket)

    def tickets(self) -> Iterator[dict]:
        """All that it has, in the order of their ids. A crowd of them is not one answer: asked for some at a time, each is soon said."""
        after = ""
        page: list[dict] = []
        while not after or len(page) == TICKETS:
            page = self._call("GET", "/tickets?" + urllib.parse.urlencode({"after": after, "limit": TICKETS}))["tickets"]
            # A daemon of before gives all of them at once, whatever it is asked.
            page = [ticket for ticket in page if ticket["uuid"] > after]
            yield from page
            if not page:
                return
            after = page[-1]["uuid"]

    def ticket(self, ticket_id: str) -> dict:
        return self._call("GET", _path("tickets", ticket_id))

    def renew_ticket(self, ticket_id: str, timeout: float) -> None:
        """The ticket lives for `timeout` seconds from now; the daemon takes whole ones, a part is rounded up."""
        self._call("PATCH", _path("tickets", ticket_id), {"timeout": -int(-timeout // 1)})

    def delete_ticket(self, ticket_id: str) -> None:
        """Revokes: when this returns, nobody writes with it any more."""
        self._call("DELETE", _path("tickets", ticket_id))

    def _call(self, method: str, target: str, body: dict | None = None, *, timeout: float | None = None) -> Any:
        data = b"" if body is None else json.dumps(body).encode()
        headers = [] if method == "GET" else [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        with self._connections.connection(timeout) as connection, self._breakable(connection):
            connection.wait_at_most(timeout or self._timeout)
            connection.start(method, target, headers, data)
            response = connection.response()
            answer = response.read()
        if response.status >= 400:
            raise refused(response, answer)
        with unreachable(self.address):
            return json.loads(answer) if answer else None

    @contextlib.contextmanager
    def _breakable(self, connection: Connection) -> Iterator[None]:
        with self._lock:
            self._waiting.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.discard(connection)


def _path(*parts: str) -> str:
    return "".join("/" + urllib.parse.quote(part, safe="") for part in parts)
