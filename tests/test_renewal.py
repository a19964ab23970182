"""Certificates that are about to expire are made anew while the appliance runs; connections that are there go on."""

import contextlib
import datetime
import socket
import ssl

import pytest
from cherrypy.process import wspbus

from appliance import authority, bootstrap, config, renewal
from appliance.web import server
from imaged.httpd import tls

LATER = datetime.timedelta(days=800)


def answer(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


@pytest.fixture
def settings(tmp_path):
    return config.Config(state_dir=tmp_path, host="127.0.0.1")


@pytest.fixture
def installation(settings):
    return bootstrap.prepare(settings)


@pytest.fixture
def listener(installation):
    context = tls.server_context(str(installation.certificate), str(installation.certificate_key))
    listener = server.Listener(wspbus.Bus(), "port", ("127.0.0.1", 0), answer, threads=4, tls=context)
    listener.open()
    listener.start()
    yield listener
    listener.stop()


class Clock:
    def __init__(self):
        self.gone = datetime.timedelta()

    def __call__(self):
        return datetime.datetime.now(datetime.UTC) + self.gone


def shown(listener):
    return ssl.get_server_certificate(("127.0.0.1", listener.port))


@contextlib.contextmanager
def connection(listener, context):
    with (
        socket.create_connection(("127.0.0.1", listener.port), 20) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        yield secure


def asked(secure):
    secure.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    text = b""
    while not text.endswith(b"\r\n\r\nok") and (more := secure.recv(4096)):
        text += more
    return text


def test_certificates_are_renewed_before_they_expire(settings, installation, listener):
    clock = Clock()
    signs = authority.Authority(settings.state_dir, 90 * 86400.0)
    watch = renewal.Renewal(settings, installation, signs, [listener], clock)
    before, context = shown(listener), signs.context()

    watch.look()
    assert (shown(listener), signs.context()) == (before, context), "nothing is due"

    with connection(listener, tls.client_context(str(installation.ca))) as old:
        assert asked(old).endswith(b"ok")
        clock.gone = LATER
        watch.look()
        assert shown(listener) != before
        assert asked(old).endswith(b"ok")
    assert signs.context() is not context


def test_a_state_that_cannot_be_read_leaves_everything_as_it_was(settings, installation, listener):
    watch = renewal.Renewal(settings, installation, authority.Authority(settings.state_dir, 90 * 86400.0), [listener])
    before = shown(listener)
    (settings.state_dir / "tls" / "server.key").write_text("nonsense")

    watch.look()

    assert shown(listener) == before
