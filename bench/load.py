"""The load: `load.c`, compiled when it is first needed, and what it answers."""

import contextlib
import dataclasses
import functools
import pathlib
import subprocess
import tempfile
from collections.abc import Iterator, Sequence

SOURCE = pathlib.Path(__file__).with_name("load.c")


@dataclasses.dataclass(frozen=True)
class Target:
    """Where one connection sends to. `headers` are complete lines; "#" in `path` becomes the number of the chunk."""

    path: str
    headers: str = ""


@dataclasses.dataclass(frozen=True)
class Load:
    """What the client does: `mode` and `chunk` (bytes, 0: all in one request) as in load.c. `seconds`: repeated for so long, 0 is once."""

    mode: str
    chunk: int = 0
    connections: int = 1
    tls: bool = False
    seconds: float = 0


@functools.cache
def program() -> pathlib.Path:
    """The compiled client. Raises subprocess.CalledProcessError."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="load-")) / "load"
    subprocess.run(["cc", "-O2", "-o", path, SOURCE, "-lssl", "-lcrypto", "-lpthread"], check=True)
    return path


def words(what: Load, port: int, ca: str | None, source: pathlib.Path, targets: Sequence[Target]) -> list[str]:
    """The command that does `what` on one connection for each of `targets`."""
    command = [str(program()), what.mode, str(port), ca or "-", str(source), str(what.chunk), str(what.seconds)]
    for target in targets:
        command += [target.headers, target.path]
    return command


class Client:
    """A program that says "ready", begins when it is told to, and ends with a line of numbers."""

    def __init__(self, process: subprocess.Popen):
        self.process = process

    def begin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self) -> list[float]:
        """The numbers that it prints at its end."""
        answer, _ = self.process.communicate()
        assert self.process.returncode == 0, "the client failed: its words stand above"
        return [float(word) for word in answer.split()]


@contextlib.contextmanager
def client(command: Sequence[str]) -> Iterator[Client]:
    """`command`, started and ready to begin; gone afterwards."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "the client does not become ready: its words stand above"
        yield Client(process)
    finally:
        process.kill()
        process.communicate()
