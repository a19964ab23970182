"""The daemon as a process of its own, killed while it writes."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from imaged import client
from tests.imaged.conftest import ask


class Process:
    def __init__(self, directory: Path):
        self.root = directory / "root"
        self.root.mkdir(exist_ok=True)
        self._command = [sys.executable, "-c", "from imaged.cli import main; main()", "--root", str(self.root)]
        self._command += ["--local-socket", str(directory / "images"), "--control-socket", str(directory / "control")]
        self.images = f"unix:{directory}/images"
        self.control = client.Control(f"unix:{directory}/control", timeout=60)

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.control.info()
                return
            except client.Unreachable:
                assert self._process.poll() is None and time.monotonic() < deadline, "the daemon does not start"
                time.sleep(0.02)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def process():
    with tempfile.TemporaryDirectory() as directory:
        process = Process(Path(directory))
        process.start()
        yield process
        process.kill()


def test_what_was_reported_durable_survives_kills_and_is_what_was_sent(process):
    size, chunk = 8 << 20, 256 << 10
    data = os.urandom(size)
    path = process.root / "image"
    path.touch()
    ticket = {"uuid": "t", "size": size, "ops": ["write"], "timeout": 300, "url": f"file://{path}", "journal": True}
    for kill in range(4):
        process.control.put_ticket(ticket)
        durable = process.control.ticket("t")["durable"]
        for start, end in durable:
            with open(path, "rb") as file:
                file.seek(start)
                assert file.read(end - start) == data[start:end]
        assert sum(end - start for start, end in durable) == kill * 8 * chunk
        connection = client.Connection(process.images, 60, None)
        for number in range(kill * 8, kill * 8 + 8):
            start = number * chunk
            headers = {"Content-Range": f"bytes {start}-{start + chunk - 1}/*"}
            assert ask(connection, "PUT", "/images/t", headers, data[start : start + chunk]).status == 200
        # In the middle of a chunk: what of it arrived counts for nothing.
        if kill < 3:
            start = (kill * 8 + 8) * chunk
            connection.start(
                "PUT", "/images/t", [("Content-Length", str(chunk)), ("Content-Range", f"bytes {start}-{start + chunk - 1}/*")]
            )
            connection.send(b"\xff" * (chunk // 2))
        process.kill()
        connection.close()
        process.start()

    process.control.put_ticket(ticket)
    assert process.control.ticket("t")["durable"] == [[0, size]]
    assert path.read_bytes() == data
