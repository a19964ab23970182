"""oVirt's face of the appliance, spoken to by raw HTTP and by oVirt's own SDK."""

import contextlib
import re
import secrets
import urllib.parse

import ovirtsdk4
import pytest
from lxml import etree

from tests.web.conftest import NAMES, PASSWORD, Appliance, Reply

XML = "application/xml"


class Engine:
    """Raw calls of the engine API, with the token of a user of `role`."""

    def __init__(self, appliance: Appliance):
        self.appliance = appliance

    def call(self, method: str, path: str, body: str | bytes | None = None, *, role: str | None = "admin", **headers: str) -> Reply:
        """`path` is below /ovirt-engine/api, or a whole one; header names are written with _ for -."""
        named = {"Accept": XML, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if role:
            named.setdefault("Authorization", f"Bearer {self.appliance.tokens[role]}")
        if body is not None:
            named.setdefault("Content-Type", XML)
            body = body.encode() if isinstance(body, str) else body
        whole = path if path.startswith("/ovirt-engine") else f"/ovirt-engine/api{path}"
        return self.appliance.request(method, whole, body, named)

    def get(self, path: str, **options) -> etree._Element:
        """The root of the answer to a GET that must succeed."""
        reply = self.call("GET", path, **options)
        assert reply.status == 200, reply.text
        return root(reply)

    def form(self, path: str, **fields: str) -> Reply:
        """A POST of a form, with fields as the SDK writes them."""

        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        return self.appliance.request("POST", path, urllib.parse.urlencode(fields).encode(), headers)

    def disk(self, size: int = 1000) -> dict:
        """A good image, made by an upload of the native API."""
        return self.appliance.image(secrets.token_bytes(size))


def root(reply: Reply) -> etree._Element:
    assert reply.headers["Content-Type"] == "application/xml; charset=utf-8"
    return etree.fromstring(reply.body)


def fault(reply: Reply) -> str:
    """What the fault says; fails unless the answer is one."""
    found = root(reply)
    assert found.tag == "fault" and found.findtext("reason") == "Operation Failed", reply.text
    assert re.fullmatch(r"\[.+\]", found.findtext("detail"), re.DOTALL)
    return found.findtext("detail")


@pytest.fixture(scope="session")
def engine(appliance):
    return Engine(appliance)


@pytest.fixture(scope="session")
def connect(appliance):
    """`connect(role)` is the SDK, connected as a user of that role."""
    with contextlib.ExitStack() as stack:

        def connect(role: str = "admin", **options) -> ovirtsdk4.Connection:
            options = {"username": f"{NAMES[role]}@internal", "password": PASSWORD, **options}
            made = ovirtsdk4.Connection(url=f"http://127.0.0.1:{appliance.port}/ovirt-engine/api", insecure=True, **options)
            stack.callback(made.close)
            return made

        yield connect


@pytest.fixture(scope="session")
def system(connect):
    """The SDK's root service, as an administrator."""
    return connect().system_service()
