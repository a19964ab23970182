"""A virtual machine that boots an image and lets the test read its text screen: QEMU under software emulation, spoken to over QMP."""

import json
import pathlib
import socket
import subprocess

from tests.e2e.product import wait_for

TEXT_SCREEN = 0xB8000  # VGA text memory: 80 x 25 cells of character and attribute
SCREEN_BYTES = 4000


class Machine:
    """Boots `image` read-only as a CD-ROM or a disk; use as a context manager."""

    def __init__(self, image: pathlib.Path, directory: pathlib.Path, *, cdrom: bool):
        self.directory = directory
        self.socket_path = directory / "qmp"
        drive = ["-cdrom", str(image)] if cdrom else ["-drive", f"file={image},format=raw,if=ide"]
        # accel=tcg: /dev/kvm may exist and still hang the guest. The sandbox: an uploaded image is hostile.
        self.command = [
            *("qemu-system-x86_64", "-machine", "pc,accel=tcg", "-m", "256", "-nodefaults", "-vga", "std", "-display", "none"),
            *("-nic", "none", "-no-reboot", "-snapshot", "-sandbox", "on,spawn=deny,elevateprivileges=deny"),
            *("-qmp", f"unix:{self.socket_path},server=on,wait=off", *drive),
        ]

    def __enter__(self) -> "Machine":
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)
        wait_for(self.socket_path.exists, "QEMU's monitor", 30)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(self.socket_path))
        self._lines = self._socket.makefile("r")
        self._lines.readline()  # the greeting
        self._run("qmp_capabilities")
        return self

    def __exit__(self, *_exc) -> None:
        self._lines.close()
        self._socket.close()
        self.process.kill()
        self.process.wait()

    def _run(self, command: str, **arguments) -> dict:
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self._lines.readline())
            if "return" in answer or "error" in answer:
                assert "return" in answer, answer
                return answer["return"]

    def screen(self) -> str:
        """What stands on the text screen now."""
        dump = self.directory / "screen"
        self._run("pmemsave", val=TEXT_SCREEN, size=SCREEN_BYTES, filename=str(dump))
        return dump.read_bytes()[::2].decode("cp437")
