"""The standalone proxy's key file, what is wrong with one, and how it starts, renews and stops."""

import datetime
import json
import logging
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest
from cryptography import x509

from appliance import bootstrap, config, errors, proxy, proxy_key
from tests.e2e.proxies import Proxy
from tests.ports import free_port
from tests.waiting import wait_for

COMMAND = pathlib.Path(sys.executable).parent / "image-appliance"
NOW = datetime.datetime.now(datetime.UTC)
URL = "https://proxy.example.org:54324"
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    directory = tmp_path_factory.mktemp("state")
    bootstrap.prepare(config.Config(state_dir=directory))
    return directory


@pytest.fixture
def file(state, tmp_path):
    path = tmp_path / "proxy.pem"
    path.touch(0o600)
    path.write_text(proxy_key.make(state, URL, ["127.0.0.1"], NOW))
    return path


def test_the_file_tells_a_proxy_all_that_it_knows(state, file):
    key = proxy_key.read(file)

    assert key.installation == (state / "keys" / "installation").read_text()
    assert (key.url, key.port) == (URL, 54324)
    assert key.authority == (state / "ca" / "ca.pem").read_text()
    assert key.expires_at - NOW > datetime.timedelta(days=800)


def test_its_certificate_is_a_servers_for_its_names_alone(file):
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

    assert [str(name.value) for name in names] == ["proxy.example.org", "127.0.0.1"]
    assert list(purposes) == [x509.ExtendedKeyUsageOID.SERVER_AUTH]


def test_no_key_of_the_appliance_is_in_it(state, file):
    for secret in (state / "keys" / "tickets.pem", state / "ca" / "ca.key", state / "tls" / "server.key"):
        assert secret.read_text().splitlines()[1] not in file.read_text()


@pytest.mark.parametrize(
    "url", ["", "proxy", "http://proxy:1", "https://", "https://proxy:99999", "https://proxy/path", "https://u:p@proxy", "https://*.a:1"]
)
def test_an_address_that_is_no_proxys_is_refused(state, url):
    with pytest.raises(errors.Invalid):
        proxy_key.make(state, url, [], NOW)


@pytest.mark.parametrize("name", ["", "ä" * 300, "a..b"])
def test_a_name_that_no_certificate_can_have_is_refused(state, name):
    with pytest.raises(errors.Invalid):
        proxy_key.make(state, URL, [name], NOW)


def test_without_an_appliance_there_is_no_key(tmp_path):
    with pytest.raises(errors.BadState):
        proxy_key.make(tmp_path / "nothing", URL, [], NOW)

    assert not (tmp_path / "nothing").exists()


BROKEN = {
    "empty": lambda text: "",
    "garbage": lambda text: "\x00\x01" * 100,
    "not ASCII": lambda text: text + "ä",
    "half": lambda text: text[: len(text) // 2],
    "no appliance": lambda text: text.replace("Appliance:", "Somebody:"),
    "no URL": lambda text: text.replace("Proxy:", "Somebody:"),
    "a bad URL": lambda text: text.replace(URL, "http://proxy"),
    "no public key": lambda text: re.sub("-----BEGIN PUBLIC.*?END PUBLIC KEY-----\n", "", text, flags=re.DOTALL),
    "no private key": lambda text: re.sub("-----BEGIN PRIVATE.*?END PRIVATE KEY-----\n", "", text, flags=re.DOTALL),
    "no certificate": lambda text: CERTIFICATE.sub("", text, count=1),
    "no authority": lambda text: text[: text.rindex("-----BEGIN CERTIFICATE")],
    "too long": lambda text: "x" * (70 << 10) + text,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_refused(file, kind):
    file.write_text(BROKEN[kind](file.read_text()))

    with pytest.raises(proxy_key.BadKey):
        proxy_key.read(file)


@pytest.mark.parametrize("mode", [0o604, 0o606, 0o644])
def test_a_file_that_everybody_may_read_is_refused(file, mode):
    file.chmod(mode)

    with pytest.raises(proxy_key.BadKey, match="chmod"):
        proxy_key.read(file)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--key", "/nothing/there"], "No such file"),
        (["--key", "{file}", "--listen", "54324"], "HOST:PORT"),
        (["--key", "{file}", "--listen", ":1"], "HOST:PORT"),
        (["--key", "{file}", "--listen", "127.0.0.1:0"], "HOST:PORT"),
        (["--key", "{file}", "--listen", "127.0.0.1:99999"], "HOST:PORT"),
        (["--key", "{file}", "--listen", "192.0.2.1:1"], "no such address"),
        (["--key", "{file}", "--listen", "127.0.0.1:{taken}"], "another program"),
        (["--key", "{empty}"], "proxy-key"),
        ([], "--key"),
    ],
    ids=lambda value: " ".join(value)[-30:] if isinstance(value, list) else "",
)
def test_what_it_cannot_start_with_is_said_in_a_sentence(file, tmp_path, words, reason):
    (tmp_path / "empty").touch(0o600)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        facts = {"file": file, "empty": tmp_path / "empty", "taken": taken.getsockname()[1]}
        command = [COMMAND, "proxy", *[word.format(**facts) for word in words]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode != 0
    assert reason in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_proxy_knows_no_database():
    code = "import sys, appliance.commands.proxy, appliance.proxy; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert "appliance.proxy" in modules
    assert not [name for name in modules if name.startswith(("sqlalchemy", "alembic", "appliance.admin"))]


@pytest.fixture
def idle(file):
    """A proxy that listens on a port of its own, and is not watched."""
    settings = config.load(os.devnull, {}, threads=8, threads_reserved=4, clock_skew=0)
    made = proxy.Proxy(settings, file, ("127.0.0.1", free_port()))
    made.open()
    made.listener.start()
    yield made
    made.listener.stop()


def shown(made: proxy.Proxy) -> bytes:
    """The certificate that it shows now."""
    context = ssl.create_default_context(cadata=made.key.authority)
    with socket.create_connection(("127.0.0.1", made.listener.port), 20) as sock:
        with context.wrap_socket(sock, server_hostname="proxy.example.org") as wrapped:
            return wrapped.getpeercert(binary_form=True)


def replace(file: pathlib.Path, text: str) -> None:
    """As a person does, or a tool: another file in its place."""
    fresh = file.with_suffix(".new")
    fresh.touch(0o600)
    fresh.write_text(text)
    fresh.replace(file)


def test_a_new_file_renews_the_certificate(state, file, idle):
    before = shown(idle)
    replace(file, proxy_key.make(state, URL, [], NOW))
    idle.tend()

    assert shown(idle) != before


def test_a_new_file_that_is_broken_or_anothers_changes_nothing(state, file, idle, caplog):
    before = shown(idle)
    for text in ("", proxy_key.make(state, "https://proxy.example.org:1", [], NOW)):
        replace(file, text)
        idle.tend()

        assert shown(idle) == before
    file.unlink()
    idle.tend()

    assert shown(idle) == before
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.ERROR]


def test_a_certificate_that_is_about_to_expire_is_told_of_once_a_day(state, file, idle, caplog):
    replace(file, proxy_key.make(state, URL, [], NOW - datetime.timedelta(days=800)))
    for _ in range(3):
        idle.tend()

    assert [record.levelname for record in caplog.records if "expires" in record.getMessage()] == ["WARNING"]


def test_systemd_hears_of_a_proxy(state, tmp_path, monkeypatch):
    made = Proxy(tmp_path / "one")
    made.key.touch(0o600)
    made.key.write_text(proxy_key.make(state, made.url, [], NOW))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "100000")
        made.begin()
        heard = [ear.recv(100) for _ in range(2)]
        told = json.loads(_get(made, state))
        made.process.send_signal(signal.SIGTERM)
        while heard[-1] != b"STOPPING=1":
            heard.append(ear.recv(100))

        assert made.process.wait(60) == 0
    assert heard[:2] == [b"READY=1", b"WATCHDOG=1"]
    assert (told["appliance"], told["proxy"]) == ((state / "keys" / "installation").read_text(), made.url)
    assert abs(told["time"] - time.time()) < 60
    assert "Traceback" not in made.output


def _get(made: Proxy, state: pathlib.Path) -> str:
    words = [shutil.which("curl"), "-sS", "--max-time", "30", "--cacert", state / "ca" / "ca.pem", f"{made.url}/info/"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def test_a_proxy_that_is_stopped_while_it_starts_ends_at_once(state, tmp_path, monkeypatch):
    made = Proxy(tmp_path / "one")
    made.key.touch(0o600)
    made.key.write_text(proxy_key.make(state, made.url, [], NOW))
    monkeypatch.setattr(Proxy, "environment", {**made.environment, "IMAGE_APPLIANCE_CLOCK_SKEW": "300"})
    made.begin()

    def listening():
        try:
            socket.create_connection(("127.0.0.1", made.port), 1).close()
        except ConnectionRefusedError:
            return False
        return True

    wait_for(listening, "the proxy to listen", 60)
    assert made.stop() == 0
    assert "Address:" not in made.output
