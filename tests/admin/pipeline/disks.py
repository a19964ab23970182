"""A small disk with a file system in it, in every format that is taken."""

import functools
import pathlib
import subprocess
import tempfile

MIB = 1 << 20
#: Bytes of the disk.
SIZE = 8 * MIB
FORMATS = {
    "raw": "raw",
    "qcow2": "qcow2",
    "vmdk": "vmdk -o subformat=streamOptimized",
    "vdi": "vdi",
    "vhd": "vpc -o subformat=dynamic,force_size=on",
    "vhd-fixed": "vpc -o subformat=fixed,force_size=on",
    "vhdx": "vhdx",
}


@functools.cache
def original() -> bytes:
    """The bytes of the disk."""
    with tempfile.TemporaryDirectory() as place:
        raw, tree = pathlib.Path(place, "raw"), pathlib.Path(place, "tree")
        tree.mkdir()
        (tree / "hello").write_bytes(b"Hello, disk.\n" * 20000)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, raw, str(SIZE // 1024)], check=True, capture_output=True)
        return raw.read_bytes()


@functools.cache
def disk(kind: str) -> bytes:
    """The file of the disk in one of FORMATS."""
    with tempfile.TemporaryDirectory() as place:
        raw, file = pathlib.Path(place, "raw"), pathlib.Path(place, "file")
        raw.write_bytes(original())
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", *FORMATS[kind].split(), raw, file], check=True)
        return file.read_bytes()


def contents(file: pathlib.Path, format: str) -> bytes:
    """The bytes of the disk that a guest sees in the file."""
    if format == "raw":
        return file.read_bytes()
    with tempfile.TemporaryDirectory() as place:
        raw = pathlib.Path(place, "raw")
        subprocess.run(["qemu-img", "convert", "-f", format, "-O", "raw", file, raw], check=True)
        return raw.read_bytes()
