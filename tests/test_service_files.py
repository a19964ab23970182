"""The systemd units: sandboxed, understood by systemd, and starting commands that exist; and what the sandbox takes away is not missed."""

import pathlib
import re
import shlex
import signal
import socket
import subprocess
import sys

import click
import pytest

from appliance import cli as appliance_cli
from imaged import cli as imaged_cli
from imaged import client
from tests.imaged.command import PATIENCE, Imaged
from tests.test_process import run  # noqa: F401 - a fixture

UNITS = sorted((pathlib.Path(__file__).parents[1] / "rpm").glob("*.service"))
SANDBOX = {
    "NoNewPrivileges": ["yes"],
    "CapabilityBoundingSet": [""],
    "AmbientCapabilities": [""],
    "ProtectSystem": ["strict"],
    "ProtectHome": ["yes"],
    "PrivateTmp": ["yes"],
    "PrivateDevices": ["yes"],
    "ProtectClock": ["yes"],
    "ProtectControlGroups": ["yes"],
    "ProtectHostname": ["yes"],
    "ProtectKernelLogs": ["yes"],
    "ProtectKernelModules": ["yes"],
    "ProtectKernelTunables": ["yes"],
    "ProtectProc": ["invisible"],
    "RestrictAddressFamilies": ["AF_UNIX AF_INET AF_INET6"],
    "RestrictNamespaces": ["yes"],
    "RestrictRealtime": ["yes"],
    "RestrictSUIDSGID": ["yes"],
    "LockPersonality": ["yes"],
    "MemoryDenyWriteExecute": ["yes"],
    "RemoveIPC": ["yes"],
    "SystemCallArchitectures": ["native"],
    "SystemCallFilter": ["@system-service", "~@privileged"],
    "Type": ["notify"],
    "WatchdogSec": ["30"],
    "UMask": ["0077"],
    "StateDirectoryMode": ["0700"],
}
#: What a service may write to, besides its own state.
WRITABLE = {"imaged": ["-/srv/images"], "image-appliance": [], "image-appliance-proxy": []}
#: prctl(2), PR_SET_MDWE: nothing in memory that is writable becomes executable. A kernel before 6.3 says that it does not know that; there
#: this shows only that the daemon runs.
DENY = "import ctypes; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)\n"

each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)


def options(unit: pathlib.Path) -> dict[str, list[str]]:
    """Of the section Service: each option's lines."""
    found: dict[str, list[str]] = {}
    section = unit.read_text().partition("[Service]")[2].partition("[Install]")[0]
    for line in section.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_there_is_a_unit_for_each_service():
    assert {unit.stem for unit in UNITS} == set(WRITABLE)


@each_unit
def test_a_unit_has_its_sandbox(unit):
    found = options(unit)

    assert {name: found.get(name) for name in SANDBOX} == SANDBOX


@each_unit
def test_only_what_holds_images_is_writable(unit):
    found = options(unit)

    assert found.get("ReadWritePaths", []) == WRITABLE[unit.stem]
    assert found["StateDirectory"] == [unit.stem]
    assert found["User"] == found["Group"] == [unit.stem]


@each_unit
def test_the_command_is_one_of_ours(unit):
    [line] = options(unit)["ExecStart"]
    words = shlex.split(line)
    commands = {"/usr/bin/imaged": imaged_cli.main, "/usr/bin/image-appliance": appliance_cli.main}
    command: click.Command = commands[words.pop(0)]
    if not words[0].startswith("-"):
        command = command.get_command(click.Context(command), words.pop(0))

    # Takes the words apart, and starts nothing. Raises click.UsageError.
    context = command.make_context(unit.stem, words)

    assert not context.args
    context.close()


@pytest.fixture
def loadable(unit, tmp_path):
    """The unit as on a machine where its program exists."""
    text = re.sub(r"ExecStart=/usr/bin/\S+", f"ExecStart={sys.executable}", unit.read_text())
    copy = tmp_path / unit.name
    copy.write_text(text)
    return copy


@each_unit
def test_systemd_understands_the_unit(unit, loadable):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", loadable], capture_output=True, text=True, timeout=PATIENCE)

    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, []), done.stderr


@each_unit
def test_systemd_calls_the_sandbox_good(loadable):
    words = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", loadable]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_daemon_does_without_memory_that_is_writable_and_executable(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "image").touch()
    sockets = ["--local-socket", tmp_path / "images", "--control-socket", tmp_path / "control"]
    with Imaged("--root", tmp_path / "root", "--threads", 4, *sockets, first=DENY) as imaged:
        imaged.ready()
        control = client.Control(f"unix:{tmp_path}/control")
        ticket = {"uuid": "t", "size": 5000, "ops": ["write"], "timeout": 300, "url": f"file://{tmp_path}/root/image", "sparse": True}
        control.put_ticket(ticket)
        with client.Images(f"unix:{tmp_path}/images").connection() as connection:
            for method, body in (("PUT", b"x" * 5000), ("PATCH", b'{"op": "zero", "size": 4096}')):
                connection.start(method, "/images/t", [("Content-Length", str(len(body)))])
                connection.send(body)
                assert connection.response().status == 200

        assert imaged.stop() == 0
    assert (tmp_path / "root" / "image").read_bytes() == bytes(4096) + b"x" * 904


def test_systemd_hears_of_the_appliance_alone(run, tmp_path, monkeypatch):  # noqa: F811
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(40)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "100000")
        appliance = run()
        heard = [ear.recv(100) for _ in range(3)]
        environment = appliance.started().daemon().environ()
        appliance.process.send_signal(signal.SIGTERM)
        while heard[-1] != b"STOPPING=1":
            heard.append(ear.recv(100))

        assert appliance.process.wait(25) == 0
    assert heard[:3] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    assert set(heard[3:-1]) <= {b"WATCHDOG=1"}
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(environment)
