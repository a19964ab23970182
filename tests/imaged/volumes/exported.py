"""Exports as tests open them, and their clients."""

import shutil

import pytest

from imaged import errors as daemon_errors
from imaged import nbd

MIB = 1 << 20
NAME = "11111111-2222-3333-4444-555555555555.qcow2"
RAW = "11111111-2222-3333-4444-555555555555.img"


def connect(export):
    return nbd.Client(str(export.socket))


def read(export, offset, count):
    client = connect(export)
    data = bytearray(count)
    client.readinto(memoryview(data), offset)
    client.close()
    return bytes(data)


def write(export, offset, data):
    client = connect(export)
    client.write(memoryview(data), offset)
    client.flush()
    client.close()


def open_(house, key="one", *, read_only=True, name=NAME):
    return house.open("iso", name, key, read_only=read_only)[0]


def code(act, *words, **more):
    with pytest.raises(daemon_errors.DaemonError) as refused:
        act(*words, **more)
    return refused.value.code


def fake(tmp_path, monkeypatch, script):
    """A qemu-nbd that is this shell script."""
    program = tmp_path / "qemu-nbd"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
