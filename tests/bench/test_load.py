"""The client is told what to do in words, and its end is a line of numbers."""

import pathlib
import subprocess
import sys

import pytest

from bench import load


def python(text):
    return load.client([sys.executable, "-c", text])


def test_each_connection_has_its_headers_and_target(monkeypatch):
    monkeypatch.setattr(load, "program", lambda: pathlib.Path("load"))
    targets = [load.Target("/a", "X: 1\r\n"), load.Target("/b")]

    words = load.words(load.Load("put", chunk=4096, connections=2), 80, None, pathlib.Path("image"), targets)

    assert words == ["load", "put", "80", "-", "image", "4096", "0", "X: 1\r\n", "/a", "", "/b"]


def test_a_client_begins_when_it_is_told_to():
    with python("print('ready', flush=True); input(); print(1.5, 7)") as client:
        client.begin()

        assert client.end() == [1.5, 7]


def test_a_client_that_fails_is_no_measurement():
    with python("print('ready', flush=True); input(); raise SystemExit(1)") as client:
        client.begin()

        with pytest.raises(AssertionError):
            client.end()


def test_a_client_that_never_becomes_ready_is_told_of():
    with pytest.raises(AssertionError), python("pass"):
        pass


def test_a_client_is_gone_with_its_context():
    with python("print('ready', flush=True); input()") as client:
        process = client.process

    assert isinstance(process, subprocess.Popen)
    assert process.poll() is not None
