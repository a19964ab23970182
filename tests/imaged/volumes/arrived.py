"""Disks as other programs make them, disks that mean harm, and the volumes that they become."""

import contextlib
import os
import shutil
import struct
from pathlib import Path

from imaged.volumes.jobs import Job
from tests.imaged import qemu

MIB = 1 << 20
SIZE = 6 * MIB
#: Our name of a kind of disk: its format, QEMU's word for that, and options that make it.
KINDS = {
    "raw": ("raw", "raw", ""),
    "qcow2": ("qcow2", "qcow2", ""),
    "monolithicSparse": ("vmdk", "vmdk", "subformat=monolithicSparse"),
    "streamOptimized": ("vmdk", "vmdk", "subformat=streamOptimized"),
    "vdi": ("vdi", "vdi", ""),
    "vdi-static": ("vdi", "vdi", "static=on"),
    "vhd": ("vhd", "vpc", ""),
    "vhd-fixed": ("vhd", "vpc", "subformat=fixed"),
    "vhdx": ("vhdx", "vhdx", ""),
}


def disk() -> bytes:
    """A small disk with a partition table, data that cannot be compressed, and zeros."""
    data = bytearray(SIZE)
    data[446:462] = struct.pack("<B3sB3sII", 0x80, b"\0\2\0", 0x83, b"\xff" * 3, 2048, 8192)
    data[510:512] = b"\x55\xaa"
    data[MIB : 4 * MIB] = os.urandom(3 * MIB)
    return bytes(data)


def make_all(directory: Path) -> None:
    """The same disk of every kind, each in the file of its kind's name, and in `source`."""
    (directory / "source").write_bytes(disk())
    for kind, (_, driver, options) in KINDS.items():
        more = ["-o", options] if options else []
        qemu.qemu_img("convert", "-f", "raw", "-O", driver, *more, "source", kind, cwd=directory)


def stored(volumes, source: Path, name: str) -> str:
    """A partial volume with the bytes of `source`; returns its name."""
    volume, _ = volumes.create("iso", name, max(1, source.stat().st_size), "sparse")
    shutil.copyfile(source, volume.path)
    return name


@contextlib.contextmanager
def opened(path: Path):
    """A descriptor to read it, and a job to read it for."""
    file = os.open(path, os.O_RDONLY)
    try:
        yield Job(("key",), 0), file
    finally:
        os.close(file)


def patched(path: Path, offset: int, form: str, *values) -> Path:
    """The file with other bytes in one place."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(struct.pack(form, *values))
    return path


def described(path: Path, change) -> Path:
    """The sparse VMDK with its description, a text, changed."""
    data = path.read_bytes()
    text = change(data[512 : 512 + 20 * 512].rstrip(b"\0").decode())
    path.write_bytes(data[:512] + text.encode().ljust(20 * 512, b"\0") + data[512 + 20 * 512 :])
    return path


def qemu_img_that(tmp_path, monkeypatch, convert: str) -> None:
    """Our qemu-img converts by this piece of shell script, and does all else as it should."""
    monkeypatch.setenv("PATH", path_with_qemu_img(tmp_path, convert))


def path_with_qemu_img(place, convert: str) -> str:
    """A PATH on which there is one that converts by this piece of shell script."""
    program = place / "bin" / "qemu-img"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$1" = convert ] || exec {shutil.which("qemu-img")} "$@"\n{convert}\n')
    program.chmod(0o700)
    return f"{program.parent}:{os.environ['PATH']}"


def marked(*marks, size=MIB):
    """A disk with these marks, each (place, bytes)."""
    data = bytearray(size)
    for place, mark in marks:
        data[place : place + len(mark)] = mark
    return bytes(data)
