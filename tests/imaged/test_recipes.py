"""docs/images-api.md: its recipes do what it says, and its codes are ours."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from imaged import errors, httpd, services
from imaged.httpd import tls

TEXT = (Path(__file__).parents[2] / "docs" / "images-api.md").read_text("utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]
MIB = 1 << 20


@pytest.fixture(scope="module")
def root(daemon, certificate):
    server = httpd.Server(("127.0.0.1", 0), services.images_app(daemon.context), threads=4, tls=tls.server_context(*certificate))
    server.launch()
    yield f"https://127.0.0.1:{server.bind_addr[1]}"
    server.stop()


@pytest.fixture
def shell(daemon, image, root, certificate, tmp_path):
    """Runs commands in an empty directory with `part`, a file of 4 KiB."""
    os.truncate(image.path, MIB)
    (tmp_path / "part").write_bytes(b"p" * 4096)
    ticket = daemon.ticket(image, size=MIB, ops=["read", "write"])
    environ = {**os.environ, "ROOT": root, "IMAGE": f"{root}/images/{ticket}", "CURL_CA_BUNDLE": certificate[0]}

    def run(command):
        return subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_a_recipe_works(shell, command):
    done = shell(command)

    assert done.returncode == 0, done.stderr


def test_a_recipe_prints_what_the_document_says(shell):
    shown = [lines for block in BLOCKS if len(lines := block.splitlines()) == 2 and not lines[1].startswith("$")]

    assert shown
    for command, output in shown:
        assert shell(command.removeprefix("$ ")).stdout.strip() == output


def test_the_recipes_of_writing_write(shell, image):
    for command in COMMANDS:
        if "PUT" in command or "PATCH" in command:
            shell(command)

    assert image.read(0, 8192) == bytes(4096) + b"p" * 4096


def test_the_errors_are_the_daemons():
    described = {
        code: int(row[0])
        for row in re.findall(r"^\| (\d{3}) \| ([^|]+) \|", TEXT, re.MULTILINE)
        for code in re.findall("`([a-z-]+)`", row[1])
    }

    def all_of(kind):
        return [kind] + [deeper for below in kind.__subclasses__() for deeper in all_of(below)]

    ours = {kind.code: kind.status for kind in all_of(errors.DaemonError) if kind.__module__ == errors.__name__ and "code" in vars(kind)}
    # An unreadable Range is 416, an unreadable Content-Range 400; what is left is the control service's alone.
    assert described.pop("bad-range") == 416
    assert {code: ours[code] for code in described} == described
    assert set(ours) - set(described) == {"bad-range", "conflict", "still-active"}
