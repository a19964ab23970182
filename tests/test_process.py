"""The whole appliance by its own command: starts, says where it is, stops, starts again, and says plainly why it cannot."""

import contextlib
import http.client
import json
import logging
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile

import psutil
import pytest
from click.testing import CliRunner

from appliance import cli, config, errors, running, supervisor
from appliance.commands import opening
from appliance.web import security
from imaged import client
from tests.ports import free_port
from tests.waiting import wait_for

COMMAND = pathlib.Path(sys.executable).parent / "image-appliance"


def environment(settings: dict[str, object]) -> dict[str, str]:
    """These settings, with as little else as a test needs."""
    settings = {"images_port": 0, "daemon_port": 0, "threads": 32, "threads_reserved": 8, **settings}
    return {**os.environ, **{f"IMAGE_APPLIANCE_{name.upper()}": str(value) for name, value in settings.items()}}


class Appliance:
    """One run of the command; `output` is what it printed, once it has ended or been waited for."""

    def __init__(self, state: pathlib.Path, *arguments: str, **settings):
        self.settings = {"port": free_port(), **settings}
        self.port = self.settings["port"]
        self.state = state
        words = [COMMAND, "run", "--state-dir", state, "--host", "127.0.0.1", *arguments]
        self.out = state.parent / f"{state.name}-{self.port}.out"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(words, env=environment(self.settings), stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    @property
    def output(self) -> str:
        return self.out.read_text()

    def started(self) -> "Appliance":
        wait_for(lambda: "Ctrl-C" in self.output or self.process.poll() is not None, "the start", 90)
        assert self.process.poll() is None, self.output
        return self

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def daemon(self) -> psutil.Process:
        return psutil.Process(self.process.pid).children()[0]

    @property
    def log(self) -> str:
        return (self.state / "log" / "appliance.log").read_text()


@pytest.fixture
def run(tmp_path):
    """`run("--http", setting=value)`: the command on this test's state directory."""
    running = []

    def start(*arguments: str, state: pathlib.Path = tmp_path / "state", **settings) -> Appliance:
        running.append(Appliance(state, *arguments, **settings))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
        each.process.wait()


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """`refused("--host", "nowhere", setting=value)`: what the command says when it cannot start; in this process, which stays as it was."""
    level = logging.root.level
    monkeypatch.setattr(running, "raise_file_limit", lambda: None)
    monkeypatch.setattr(os, "umask", lambda mask: mask)

    def run(*arguments: str, state: pathlib.Path = tmp_path / "state", **settings) -> str:
        words = ["run", "--state-dir", str(state), "--host", "127.0.0.1", *arguments]
        result = CliRunner(env=environment({"port": free_port(), **settings})).invoke(cli.main, words)
        assert (result.exit_code, type(result.exception)) == (1, SystemExit), result.output
        return result.output

    yield run
    logging.root.setLevel(level)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that is looked at, and neither changed nor stopped."""
    state = tmp_path_factory.mktemp("whole") / "state"
    appliance = Appliance(state, images_port=free_port(), threads=600, admin_password="chosen by the installer").started()
    yield appliance
    assert appliance.stop() == 0


def curl(appliance: Appliance, path: str, *options: str, scheme: str = "https", port: int = 0) -> str:
    address = f"{scheme}://127.0.0.1:{port or appliance.port}{path}"
    words = ["curl", "-sS", "--max-time", "10", "--cacert", appliance.state / "ca" / "ca.pem", *options, address]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def test_the_first_run_prints_what_one_needs_and_the_second_finds_it(run):
    first = run().started()

    password = re.search(r"Password: +(\S{16,}) ", first.output)
    assert password
    assert f"https://127.0.0.1:{first.port}/" in first.output
    fingerprint = re.search(r"Certificate:  SHA-256 ([0-9A-F:]{95})", first.output)[1]
    assert "version" in curl(first, "/info/")
    assert "not-logged-in" in curl(first, "/api/v1/me")
    assert first.stop() == 0
    assert not list((first.state / "run").glob("imaged*"))

    second = run().started()
    assert "Password" not in second.output
    assert fingerprint in second.output
    assert second.stop(signal.SIGTERM) == 0
    assert password[1] not in second.log
    assert "Traceback" not in second.log + first.output + second.output


def test_nothing_runs_on_after_the_end(run):
    appliance = run().started()
    daemon = appliance.daemon()

    assert appliance.stop() == 0

    assert not daemon.is_running()


def test_a_given_password_is_not_printed(whole):
    assert "chosen" not in whole.output + whole.log
    assert "IMAGE_APPLIANCE_ADMIN_PASSWORD" not in whole.daemon().environ()
    assert "Password" not in whole.output


def test_two_on_one_directory_are_told(whole, run):
    second = run(state=whole.state)

    assert second.process.wait(90) == 1
    assert f"process {whole.process.pid}" in second.output
    assert "Traceback" not in second.output


def test_the_second_port_serves_images_alone(whole):
    second = whole.settings["images_port"]

    assert "version" in curl(whole, "/info/", port=second)
    assert curl(whole, "/login", "-o", "/dev/null", "-w", "%{http_code}", port=second) == "404"
    head = curl(whole, "/info/", "-i", port=second).replace("\r", "").partition("\n\n")[0].splitlines()
    assert {f"{name}: {value}" for name, value in security.HEADERS.items()} <= set(head)


def test_the_daemon_has_a_thread_for_each_chunk_that_may_move(whole):
    words = whole.daemon().cmdline()

    assert words[words.index("--threads") + 1] == "600"


def test_chunks_on_the_second_port_count_with_those_on_the_first(run):
    appliance = run("--http", threads=9, threads_reserved=8, images_port=(second := free_port())).started()
    one, other = write_ticket(appliance, "one"), write_ticket(appliance, "other")

    def refused():
        """A chunk on the second port, while one on the first has the only slot (unless the other was quicker: then once more)."""
        with socket.create_connection(("127.0.0.1", appliance.port), 10) as silent:
            silent.sendall(f"PUT {one['url']} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer(one)}\r\nContent-Length: 9\r\n\r\n".encode())
            return any(ask(second, "PUT", other["url"], bearer(other), b"x")[0] == 503 for _ in range(20))

    wait_for(refused, "a chunk to be refused", 30)


def api_token(appliance: Appliance) -> str:
    """What an API client of the admin sends as its authorization."""
    with opening.books(appliance.state) as books:
        return f"Bearer {books.tokens.add('admin')}"


def write_ticket(appliance: Appliance, name: str) -> dict:
    """A ticket for an upload of 9 bytes."""
    token = api_token(appliance)
    new = json.dumps({"name": name, "size": 9, "format": "raw", "domain": "data", "client": "api"}).encode()
    transfer = ask(appliance.port, "POST", "/api/v1/transfers", token, new)[1]["id"]
    return ask(appliance.port, "POST", f"/api/v1/transfers/{transfer}/ticket", token)[1]


def bearer(ticket: dict) -> str:
    return f"Bearer {ticket['ticket']}"


def ask(port: int, method: str, path: str, authorization: str, body: bytes = b"") -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body, {"Authorization": authorization, "Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.startswith(b"{") else {}


def test_a_killed_appliance_takes_its_daemon_along_and_starts_again(run):
    appliance = run().started()
    daemon = appliance.daemon()
    appliance.process.kill()
    appliance.process.wait()

    again = run().started()

    wait_for(lambda: not daemon.is_running(), "the old daemon to end")
    assert "version" in curl(again, "/info/")
    assert again.stop() == 0


def test_a_killed_daemon_is_started_again(run):
    appliance = run().started()
    old = appliance.daemon()
    old.kill()

    def another():
        children = psutil.Process(appliance.process.pid).children()
        return children and children[0].pid != old.pid

    wait_for(another, "another daemon")
    assert appliance.stop() == 0


def test_a_stop_does_not_wait_for_a_silent_client(run):
    appliance = run("--http").started()
    with socket.create_connection(("127.0.0.1", appliance.port)) as silent:
        silent.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")

        assert appliance.stop() == 0


def test_a_given_password_that_is_too_short_stops_the_start_with_the_variables_name(refused):
    output = refused(admin_password="short")

    assert "IMAGE_APPLIANCE_ADMIN_PASSWORD (environment variable): it has 5 characters" in output


@pytest.mark.parametrize("setting", ["port", "images_port"])
def test_a_port_in_use_is_named(refused, setting):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]

        output = refused(**{setting: number})

    assert f"port {number}" in output
    assert f"the setting {setting}" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_another_machine_is_named_with_its_setting(refused, host):
    output = refused("--host", host)

    assert host in output
    assert "--host" in output
    assert "Traceback" not in output


def test_plain_http_is_for_reverse_proxies(run):
    appliance = run("--http").started()

    assert "Certificate" not in appliance.output
    assert "version" in curl(appliance, "/info/", scheme="http")
    assert appliance.stop() == 0


def test_a_long_state_path_is_no_obstacle(run, tmp_path, monkeypatch):
    with tempfile.TemporaryDirectory() as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        deep = tmp_path / ("d" * 100) / "state"
        deep.parent.mkdir()

        appliance = run(state=deep).started()

        assert appliance.stop() == 0
        assert [path.stat().st_mode & 0o777 for path in pathlib.Path(runtime).iterdir()] == [0o700]


def test_a_socket_directory_of_somebody_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(supervisor, "MAX_SOCKET_PATH", 200)
    state = tmp_path / ("d" * 200)
    place = supervisor.socket_directory(state)
    place.rmdir()
    place.symlink_to(tmp_path)

    with pytest.raises(errors.BadState):
        supervisor.socket_directory(state)


def test_a_daemon_that_cannot_start_is_told_with_its_own_words(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "START_TIMEOUT", 2.0)
    running = supervisor.Supervisor(tmp_path, ["--root", str(tmp_path / "missing")])

    with pytest.raises(errors.DaemonFailed) as refused:
        running.start()

    assert "missing" in refused.value.sentence
    assert running.pid is None


def test_the_daemon_scans_with_the_appliances_command(tmp_path):
    settings = config.load(environ={}, state_dir=tmp_path, scan_command="sh -c 'echo \"two  words\"'")
    words = supervisor.arguments([tmp_path], None, tmp_path, tmp_path, settings, threads=4)
    running = supervisor.Supervisor(tmp_path, words)
    running.start()
    try:
        control = client.Control(running.control)
        control.add_domain("data", name="data", path=str(tmp_path / "data"))
        control.create_volume("data", "disk.img", size=1)
        job = control.scan("data", "disk.img")["id"]

        wait_for(lambda: control.job(job)["state"] != "running", "the scan")
        assert control.job(job)["result"] == {"said": "two  words"}
        control.close()
    finally:
        running.stop()


@pytest.mark.parametrize(
    "url", ["nonsense", "sqlite:////dev/null/x.sqlite", "postgresql://user:hunter2@127.0.0.1:1/x", "oracle://a:hunter2@b/c"]
)
def test_a_database_that_cannot_be_opened_is_told_without_its_password(refused, url):
    output = refused(database_url=url)

    assert "database_url" in output
    assert "Traceback" not in output
    assert "hunter2" not in output


def test_the_lock_is_free_after_a_start_that_failed(refused, run):
    assert refused(database_url="nonsense")

    assert run().started().stop() == 0
