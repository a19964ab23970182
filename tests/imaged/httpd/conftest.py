"""A plain server and one with TLS, of the same application."""

import contextlib
import http.client
import socket

import pytest

from imaged.httpd import connection, server, tls
from tests.imaged.httpd.serving import PATIENCE, running


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """On a busy machine: who is too many may take long to ask."""
    for module in (connection, server):
        monkeypatch.setattr(module, "REFUSAL_TIMEOUT", PATIENCE)


@pytest.fixture(scope="module")
def plain():
    with running() as serving:
        yield serving


@pytest.fixture(scope="module")
def secure(certificate):
    with running(tls=tls.server_context(*certificate)) as serving:
        yield serving


@pytest.fixture(params=["plain", "secure"])
def either(request, plain, secure, certificate):
    """A function that connects: to the plain server, then to the one with TLS."""
    if request.param == "plain":
        return lambda: http.client.HTTPConnection(*plain.bind_addr, timeout=10)
    context = tls.client_context(certificate[0])
    return lambda: http.client.HTTPSConnection(*secure.bind_addr, timeout=10, context=context)


@pytest.fixture(params=["plain", "secure"])
def serve(request, certificate):
    """`serve(**options)`: a server, plain and then with TLS; its `connect()` is a client's connection, shaken hands."""

    @contextlib.contextmanager
    def start(**options):
        context = tls.server_context(*certificate) if request.param == "secure" else None
        with running(tls=context, **options) as serving, contextlib.ExitStack() as stack:

            def connect(plain=False):
                sock = stack.enter_context(socket.create_connection(serving.bind_addr, PATIENCE))
                if context and not plain:
                    sock = stack.enter_context(tls.client_context(certificate[0]).wrap_socket(sock, server_hostname="127.0.0.1"))
                return sock

            serving.connect = connect
            yield serving

    return start
