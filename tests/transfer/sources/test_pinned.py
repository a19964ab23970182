"""Connections: to the address that was checked, with the name's certificate; through proxies; and encrypted by whom we trust."""

import datetime
import ipaddress
import socket
import ssl

import pytest

from appliance import certificates, errors
from appliance.transfer import sources
from appliance.transfer.sources import guard
from tests.transfer.sources import web_server

NAME = "images.example"
DATA = b"an image" * 1000


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A directory with an authority (ca.pem), and a certificate for NAME and 127.0.0.1."""
    directory = tmp_path_factory.mktemp("authority")
    ca, key = certificates.authority(directory)
    certificates.server(directory, ca, key, [NAME, "127.0.0.1"], datetime.datetime.now(datetime.UTC))
    return directory


@pytest.fixture
def secure(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem", authority / "server.key")
    asked = []
    context.sni_callback = lambda sock, name, context: asked.append(name)
    with web_server.serving(context) as server:
        server.files["/disk.img"] = web_server.File(DATA)
        server.asked_names = asked
        yield server


@pytest.fixture
def plain():
    with web_server.serving() as server:
        server.files["/disk.img"] = web_server.File(DATA)
        yield server


@pytest.fixture
def resolving(monkeypatch):
    """Names that are known, each with its addresses; whatever is looked up is recorded."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo
    looked_up = []

    def getaddrinfo(host, port, *words, **more):
        if host not in known:
            return real(host, port, *words, **{**more, "flags": socket.AI_NUMERICHOST})
        looked_up.append(host)
        return [answer for address in known[host] for answer in real(address, port, *words, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    known["looked up"] = looked_up
    return known


def read(source) -> bytes:
    with source.reading() as stream:
        return b"".join(iter(lambda: stream.read(1 << 20), b""))


def test_the_name_is_resolved_once_for_a_request_and_is_what_the_server_hears(plain, resolving):
    resolving[NAME] = ["127.0.0.1"]

    assert read(sources.open(plain.url("/disk.img", NAME), plain.policy())) == DATA

    assert resolving["looked up"] == [NAME]
    assert plain.asked("Host") == [f"{NAME}:{plain.server_port}"]


def test_the_next_address_is_tried_when_one_does_not_answer(plain, resolving):
    resolving[NAME] = ["127.0.0.2", "127.0.0.1"]

    assert read(sources.open(plain.url("/disk.img", NAME), plain.policy())) == DATA


def test_none_is_asked_when_one_of_the_addresses_is_refused(plain, resolving):
    resolving[NAME] = ["127.0.0.1", "10.0.0.1"]

    with pytest.raises(errors.AddressRefused):
        sources.open(plain.url("/disk.img", NAME), plain.policy()).look()
    assert not plain.requests


def test_a_certificate_is_checked_against_the_name_at_the_pinned_address(secure, resolving, authority):
    resolving[NAME] = ["127.0.0.1"]

    source = sources.open(secure.url("/disk.img", NAME), secure.policy(ca=authority / "ca.pem"))

    assert read(source) == DATA
    assert secure.asked_names == [NAME]


def test_a_certificate_may_be_for_an_address(secure, authority):
    assert read(sources.open(secure.url("/disk.img"), secure.policy(ca=authority / "ca.pem"))) == DATA


def test_much_comes_whole_through_tls(secure, authority):
    secure.files["/disk.img"] = web_server.File(bytes(range(256)) * 20_000)

    assert read(sources.open(secure.url("/disk.img"), secure.policy(ca=authority / "ca.pem"))) == bytes(range(256)) * 20_000


def test_a_certificate_for_another_name_is_refused(secure, resolving, authority):
    resolving["other.example"] = ["127.0.0.1"]

    with pytest.raises(errors.BadCertificate, match=r"other\.example'\.$"):
        sources.open(secure.url("/disk.img", "other.example"), secure.policy(ca=authority / "ca.pem")).look()
    assert not secure.requests


def test_a_certificate_of_an_unknown_authority_is_refused(secure):
    with pytest.raises(errors.BadCertificate) as refused:
        sources.open(secure.url("/disk.img"), secure.policy()).look()

    assert "import_ca" in refused.value.advice


def test_an_expired_certificate_is_refused(tmp_path, authority):
    ca, key = certificates.authority(authority)
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=4000)
    certificates.server(tmp_path, ca, key, ["127.0.0.1"], long_ago)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")

    with web_server.serving(context) as server, pytest.raises(errors.BadCertificate, match="expired"):
        sources.open(server.url("/disk.img"), server.policy(ca=authority / "ca.pem")).look()


def test_https_asked_of_a_server_without_it_is_told(plain, authority):
    url = plain.url("/disk.img").replace("http:", "https:")

    with pytest.raises((errors.SourceGarbled, errors.SourceReset)):
        sources.open(url, plain.policy(ca=authority / "ca.pem")).look()


def test_http_asked_of_a_server_with_tls_is_told(secure):
    url = secure.url("/disk.img").replace("https:", "http:")

    with pytest.raises((errors.SourceGarbled, errors.SourceReset)):
        sources.open(url, secure.policy()).look()


def test_a_redirect_from_https_to_http_is_refused(secure, plain, authority):
    secure.scripts = [web_server.redirect(plain.url("/disk.img"))]

    with pytest.raises(errors.BadRedirect, match="encrypted"):
        read(sources.open(secure.url("/disk.img"), secure.policy(ca=authority / "ca.pem")))
    assert not plain.requests


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_authorities_that_cannot_be_read_are_told(secure, tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(errors.BadAuthorities):
        sources.open(secure.url("/disk.img"), secure.policy(ca=file)).look()


@pytest.fixture
def proxy(monkeypatch):
    """A proxy that the environment names for everything."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with web_server.serving() as server:
        for scheme in ("http", "https"):
            monkeypatch.setenv(f"{scheme}_proxy", f"http://jo:s%20cret@127.0.0.1:{server.server_port}")
        yield server


def test_a_proxy_of_the_environment_is_asked_for_the_whole_url(proxy, resolving):
    resolving[NAME] = ["8.8.8.8"]
    proxy.files[f"http://{NAME}:80/disk.img"] = web_server.File(DATA)

    assert read(sources.open(f"http://{NAME}/disk.img", guard.Policy())) == DATA

    ((_, _, headers),) = proxy.requests
    assert (headers["Host"], headers["Proxy-Authorization"]) == (NAME, "Basic am86cyBjcmV0")


def test_a_target_is_checked_though_there_is_a_proxy(proxy, resolving):
    resolving[NAME] = ["10.0.0.1"]

    for url in (f"http://{NAME}/", "http://169.254.169.254/", "https://[::1]/"):
        with pytest.raises(errors.AddressRefused):
            sources.open(url, guard.Policy()).look()
    assert not proxy.requests


def test_a_name_that_only_the_proxy_knows_has_to_be_allowed(proxy):
    proxy.files["http://inner.example:80/disk.img"] = web_server.File(DATA)

    with pytest.raises(errors.UnknownName):
        sources.open("http://inner.example/disk.img", guard.Policy()).look()
    assert read(sources.open("http://inner.example/disk.img", guard.Policy(names=("inner.example",)))) == DATA


@pytest.mark.parametrize("kept", ["127.0.0.1", "*"])
def test_no_proxy_is_used_where_the_environment_says_so(proxy, plain, monkeypatch, kept):
    monkeypatch.setenv("no_proxy", kept)

    assert read(sources.open(plain.url("/disk.img"), plain.policy())) == DATA
    assert not proxy.requests


def test_https_goes_through_a_tunnel_and_is_checked_at_its_end(proxy, secure, resolving, authority):
    resolving[NAME] = ["127.0.0.1"]
    proxy.scripted, proxy.scripts = {"CONNECT"}, [tunnel(secure.server_port)]

    assert read(sources.open(secure.url("/disk.img", NAME), secure.policy(ca=authority / "ca.pem"))) == DATA

    ((method, where, headers),) = proxy.requests
    assert (method, where, headers["Proxy-Authorization"]) == ("CONNECT", f"{NAME}:{secure.server_port}", "Basic am86cyBjcmV0")
    assert secure.asked("Proxy-Authorization") == [None]


def test_a_tunnel_to_somebody_else_is_noticed(proxy, secure, resolving):
    resolving[NAME] = ["127.0.0.1"]
    proxy.scripted, proxy.scripts = {"CONNECT"}, [tunnel(secure.server_port)]

    with pytest.raises(errors.BadCertificate):
        read(sources.open(secure.url("/disk.img", NAME), secure.policy()))


def test_a_proxy_that_refuses_is_told(proxy, resolving):
    resolving[NAME] = ["8.8.8.8"]
    proxy.scripted, proxy.scripts = {"CONNECT"}, [web_server.status(403)]

    with pytest.raises(errors.SourceUnreachable, match="the proxy refuses"):
        read(sources.open(f"https://{NAME}/", guard.Policy()))


def test_a_proxy_that_wants_a_password_is_told(proxy, resolving):
    resolving[NAME] = ["8.8.8.8"]
    proxy.scripts = [web_server.status(407)]

    with pytest.raises(errors.SourceForbidden, match="407"):
        read(sources.open(f"http://{NAME}/", guard.Policy()))


@pytest.mark.parametrize("given", ["socks5://127.0.0.1:1080", "http://[::1", "http://:80"])
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(proxy, resolving, monkeypatch, given):
    resolving[NAME] = ["8.8.8.8"]
    monkeypatch.setenv("http_proxy", given.replace("//", "//jo:secret@"))

    with pytest.raises(errors.BadProxy) as refused:
        read(sources.open(f"http://{NAME}/", guard.Policy()))
    assert "secret" not in refused.value.sentence


def test_ipv6_is_spoken():
    with web_server.serving(address="::1") as server:
        server.files["/disk.img"] = web_server.File(DATA)

        assert read(sources.open(server.url("/disk.img", "[::1]"), server.policy(networks=(ipaddress.ip_network("::1"),)))) == DATA
        assert server.asked("Host") == [f"[::1]:{server.server_port}"]


def tunnel(port: int):
    """A proxy's answer to CONNECT: to `port` of this machine, whatever was asked for."""

    def script(handler) -> None:
        handler.answer(200, headers={"Content-Length": None})
        handler.wfile.flush()
        with socket.create_connection(("127.0.0.1", port)) as there:
            web_server.join(handler.connection, there)

    return script
