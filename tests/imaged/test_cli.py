"""The command `imaged`: how it starts, what it refuses, and how it goes."""

import dataclasses
import signal
import socket
import stat
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from click.testing import CliRunner

from imaged import client, config
from imaged.cli import main
from imaged.httpd import tls
from tests import signals
from tests.imaged.command import PATIENCE, Authority, Imaged


@pytest.fixture
def place(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path


@pytest.fixture
def words(place):
    return usual(place)


@pytest.fixture
def daemon(words):
    with Imaged(*words) as imaged:
        yield imaged.ready()


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """The place of a daemon that is only looked at."""
    place = tmp_path_factory.mktemp("standing")
    (place / "root").mkdir()
    with Imaged(*usual(place)) as imaged:
        imaged.ready()
        yield place


def usual(place):
    """The usual command line: both services on unix sockets."""
    sockets = ["--local-socket", place / "images.sock", "--control-socket", place / "control.sock"]
    return ["--threads", 4, "--stop-timeout", 1, "--root", place / "root", *sockets]


def control(place):
    return client.Control(f"unix:{place}/control.sock")


def complaint(*words):
    """What a daemon says that does not start."""
    with Imaged(*words) as imaged:
        status = imaged.end()
    assert status == 2, imaged.log
    assert "Traceback" not in imaged.log
    return imaged.log


def refusal(*words):
    """What the command says to words that no daemon can be made of: it says so before it becomes one."""
    result = CliRunner().invoke(main, list(map(str, words)))
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


def test_both_services_answer(standing):
    with client.Images(f"unix:{standing}/images.sock").connection() as connection:
        connection.start("GET", "/info/", [])
        assert connection.response().status == 200

    assert control(standing).info()["host_id"]


def test_tickets_are_not_for_the_images_service(standing):
    with pytest.raises(client.Refused) as refused:
        client.Control(f"unix:{standing}/images.sock").delete_ticket("x")

    assert refused.value.status == 404


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_and_its_sockets_go(daemon, place, number):
    assert daemon.stop(number) == 0
    assert not (place / "control.sock").exists() and not (place / "images.sock").exists()
    assert "Traceback" not in daemon.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_whichever_thread_hears_it(daemon, number):
    signals.to_another_thread(daemon.process.pid, number)

    assert daemon.end() == 0


def test_what_it_makes_is_its_owners_alone(standing):
    control(standing).add_domain("iso", name="ISO", path=str(standing / "root" / "iso"))

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [*standing.glob("*.sock*"), *(standing / "root").iterdir()]}

    assert modes == {"control.sock": 0o600, "images.sock": 0o600, "control.sock.lock": 0o600, "images.sock.lock": 0o600, "iso": 0o700}


def test_supervised_it_ends_with_its_parent(words):
    with Imaged(*words, supervised=True) as imaged:
        imaged.ready()

        assert imaged.end() == 0  # closes its standard input


def test_unsupervised_it_outlives_its_standard_input(daemon, place):
    daemon.process.stdin.close()

    assert control(place).info()


def test_after_a_kill_the_next_one_takes_over(daemon, place, words):
    control(place).add_domain("iso", name="ISO", path=str(place / "root" / "iso"))
    daemon.process.kill()
    daemon.process.wait(PATIENCE)
    assert (place / "control.sock").exists()

    with Imaged(*words) as imaged:
        imaged.ready()

        assert [domain["id"] for domain in control(place).domains()] == ["iso"]


def test_a_second_waits_for_the_first(daemon, place, words):
    with Imaged(*words) as second:
        daemon.process.terminate()
        second.ready()

        assert control(place).info()


def test_an_open_upload_does_not_keep_it(daemon, place):
    ticket = str(uuid.uuid4())
    (place / "root" / "image").touch()
    control(place).put_ticket({"uuid": ticket, "size": 1 << 30, "ops": ["write"], "timeout": 300, "url": f"file://{place}/root/image"})
    with client.Images(f"unix:{place}/images.sock").connection() as connection:
        connection.start("PUT", f"/images/{ticket}", [("Content-Length", str(1 << 30))])
        connection.send(b"x" * 1000)

        assert daemon.stop() == 0
        connection.discard()

    assert ticket not in daemon.log


def test_systemd_hears_when_it_is_ready_lives_and_stops(place, words):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(place / "notify"))
        ear.settimeout(PATIENCE)
        with Imaged(*words, environ={"NOTIFY_SOCKET": str(place / "notify"), "WATCHDOG_USEC": "100000"}) as imaged:
            heard = [ear.recv(100), ear.recv(100), ear.recv(100)]
            imaged.ready()
            imaged.process.terminate()
            while heard[-1] != b"STOPPING=1":
                heard.append(ear.recv(100))
            imaged.end()

    assert heard[:3] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]


def test_everything_may_come_from_a_file(place):
    sockets = f'local_socket = "{place}/images.sock"\ncontrol_socket = "{place}/control.sock"\n'
    text = f'root = ["{place}/root"]\nhost_id = "host-7"\nthreads = 4\n{sockets}'
    (place / "imaged.toml").write_text(text)

    with Imaged("--config", place / "imaged.toml") as imaged:
        imaged.ready()

        assert control(place).info()["host_id"] == "host-7"


def test_images_over_tls_need_no_certificate_of_the_client(place, words):
    authority = Authority(place)
    certificate, key = authority.certify("host")
    with Imaged(*words, "--listen", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key) as imaged:
        address = f"https://127.0.0.1:{imaged.ready().ports[0]}"

        with client.Images(address, tls=tls.client_context(str(authority.path))).connection() as connection:
            connection.start("GET", "/info/", [])
            assert connection.response().status == 200


def test_control_over_tcp_is_for_certified_clients_alone(place):
    authority, stranger = Authority(place), Authority(place, "stranger")
    certificate, key = authority.certify("host")
    theirs, ours = stranger.certify("theirs"), authority.certify("ours")
    words = ["--root", place / "root", "--local-socket", place / "images.sock", "--control-listen", "127.0.0.1:0"]
    words += ["--tls-cert", certificate, "--tls-key", key, "--tls-ca", authority.path]
    with Imaged(*words) as imaged:
        address = f"https://127.0.0.1:{imaged.ready().ports[0]}"

        for shown in ((), map(str, theirs)):
            with pytest.raises(client.Unreachable):
                client.Control(address, tls=tls.client_context(str(authority.path), *shown)).info()
        assert client.Control(address, tls=tls.client_context(str(authority.path), *map(str, ours))).info()


def test_a_taken_port_is_named(place, words):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        assert f"Cannot listen on 127.0.0.1:{port}: another program listens there already" in complaint(
            *words, "--listen", f"127.0.0.1:{port}", "--no-tls"
        )


def test_an_address_that_is_not_ours_is_named(words):
    assert "Cannot listen on 192.0.2.1:54322" in complaint(*words, "--listen", "192.0.2.1", "--no-tls")


def test_a_file_where_the_socket_should_be_stays(place, words):
    (place / "control.sock").write_text("mine")

    assert "is not a socket" in complaint(*words)
    assert (place / "control.sock").read_text() == "mine"


def test_a_certificate_of_nonsense_is_refused(place, words):
    (place / "bad.pem").write_text("nonsense")

    assert "TLS cannot be set up with" in complaint(
        *words, "--listen", "127.0.0.1:0", "--tls-cert", place / "bad.pem", "--tls-key", place / "bad.pem"
    )


def test_another_certificates_key_is_refused(place, words):
    authority = Authority(place)
    certificate, _ = authority.certify("a")
    _, key = authority.certify("b")

    assert "TLS cannot be set up with" in complaint(*words, "--listen", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key)


def test_a_socket_in_a_directory_that_cannot_be_is_refused(place, words):
    assert "cannot be made" in complaint(*words[:-1], "/dev/null/control.sock")


def test_nothing_to_serve_is_refused():
    assert "imaged: root is missing" in refusal()


def test_an_unknown_setting_in_the_file_is_named_with_its_line(place, words):
    (place / "imaged.toml").write_text("\nlistn = '127.0.0.1'\n")

    assert f"listn ({place}/imaged.toml, line 2): there is no such setting; did you mean 'listen'?" in refusal(
        "--config", place / "imaged.toml", *words
    )


def test_an_unknown_option_is_refused(words):
    assert "No such option" in refusal(*words, "--lisen", "x")


def test_supervised_by_nobody_is_refused(words):
    close = ["sh", "-c", 'exec "$0" -m imaged --supervised "$@" <&-', sys.executable, *map(str, words)]

    ended = subprocess.run(close, capture_output=True, text=True, timeout=PATIENCE)

    assert (ended.returncode, "standard input is closed" in ended.stderr) == (2, True)


def test_the_documentation_has_every_setting():
    text = (Path(__file__).parents[2] / "docs" / "imaged.md").read_text("utf-8")

    assert [field.name for field in dataclasses.fields(config.Config) if f"`{config.option(field.name)}" not in text] == []


def test_help_explains_every_setting():
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0

    assert [field.name for field in dataclasses.fields(config.Config) if config.option(field.name) not in result.stdout] == []
