"""Images, good and bad, made for a test by qemu-img."""

import pathlib
import struct
import subprocess


def qemu_img(*arguments: object) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, capture_output=True)


def qcow2(path: pathlib.Path, size: str = "64M") -> bytes:
    """A sound qcow2 with a little data in it."""
    qemu_img("create", "-f", "qcow2", path, size)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 1M 2M", str(path)], check=True, capture_output=True)
    return path.read_bytes()


def qcow2_with_backing_file(path: pathlib.Path) -> bytes:
    base = path.with_suffix(".base")
    qemu_img("create", "-f", "raw", base, "1M")
    qemu_img("create", "-f", "qcow2", "-b", base, "-F", "raw", path)
    return path.read_bytes()


def qcow2_with_data_file(path: pathlib.Path) -> bytes:
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={path.with_suffix('.data')},data_file_raw=on", path, "1M")
    return path.read_bytes()


def truncated_qcow2(path: pathlib.Path) -> bytes:
    """The first half of a sound one: its tables point past its end."""
    data = qcow2(path)
    return data[: len(data) // 2 // 512 * 512]


def huge_qcow2(path: pathlib.Path) -> bytes:
    """A header that claims 8 EiB."""
    data = bytearray(qcow2(path))
    data[24:32] = struct.pack(">Q", 8 << 60)
    return bytes(data)
