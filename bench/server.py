"""What all that is measured have in common: processes, their CPU and memory, and a place where they store."""

import contextlib
import pathlib
import socket
import subprocess
import uuid
from collections.abc import Sequence

import psutil

from bench import load
from imaged import client
from tests.e2e import product

#: Seconds that a ticket lives: longer than any run.
TICKET = 3600


class Server:
    """One or more processes that store what is sent to them, below `directory` or wherever `prepare` is told to."""

    #: The authority of its certificate (PEM).
    ca: str | None = None

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        directory.mkdir(parents=True)
        self._processes: list[subprocess.Popen] = []

    def port(self, tls: bool) -> int:
        """The TCP port that speaks (or does not speak) TLS."""
        raise NotImplementedError

    def prepare(self, size: int, count: int, *, chunked: bool = False, place: pathlib.Path | None = None) -> list[load.Target]:
        """`count` new uploads of `size` bytes, stored in the directory `place` if the server lets us choose."""
        raise NotImplementedError

    def publish(self, file: pathlib.Path) -> load.Target:
        """Where to GET `file` from; it lies on the same file system."""
        raise NotImplementedError

    def stored(self) -> list[list[pathlib.Path]]:
        """Of each upload since `forget`, the files that it is in, in order."""
        raise NotImplementedError

    def forget(self) -> None:
        """Removes all that was uploaded and published."""
        raise NotImplementedError

    def start(self, words: Sequence[object], **options) -> subprocess.Popen:
        """One of its processes, whose words go into a file in `directory`."""
        with (self.directory / "log").open("ab") as log:
            process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
        self._processes.append(process)
        return process

    def wait_for(self, port: int) -> None:
        """Until something answers on `port`."""

        def answers() -> bool:
            for process in self._processes:
                assert process.poll() is None, f"it ended:\n{(self.directory / 'log').read_text()[-4000:]}"
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return True
            return False

        product.wait_for(answers, f"{type(self).__name__} to answer")

    def processes(self) -> list[psutil.Process]:
        """All of them, and their children."""
        return [one for process in self._processes for one in family(process.pid)]

    def cpu_seconds(self) -> float:
        """User and system time of all its processes until now."""
        times = [process.cpu_times() for process in self.processes()]
        return sum(time.user + time.system for time in times)

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait()


class TicketServer(Server):
    """A daemon with the images API: one file for each upload, and a ticket for it."""

    def __init__(self, directory: pathlib.Path):
        super().__init__(directory)
        self._port = product.free_port()
        # Both have the same control service: the contract's.
        self._socket = directory / "control.sock"
        self._control = client.Control(f"unix:{self._socket}")
        self._stored: list[pathlib.Path] = []
        self._tickets: list[str] = []

    def port(self, tls: bool) -> int:
        return self._port

    def prepare(self, size: int, count: int, *, chunked: bool = False, place: pathlib.Path | None = None) -> list[load.Target]:
        targets = []
        for _ in range(count):
            file = (place or self.directory) / f"image-{uuid.uuid4()}"
            with file.open("wb") as image:
                image.truncate(size)
            self._stored.append(file)
            targets.append(self._ticket(file))
        return targets

    def publish(self, file: pathlib.Path) -> load.Target:
        return self._ticket(file)

    def _ticket(self, file: pathlib.Path) -> load.Target:
        ticket_id = str(uuid.uuid4())
        ticket = {"uuid": ticket_id, "url": f"file://{file}", "size": file.stat().st_size, "ops": ["read", "write"], "sparse": True}
        self._control.put_ticket({**ticket, "timeout": TICKET})
        self._tickets.append(ticket_id)
        return load.Target(f"/images/{ticket_id}")

    def stored(self) -> list[list[pathlib.Path]]:
        return [[file] for file in self._stored]

    def forget(self) -> None:
        for ticket_id in self._tickets:
            self._control.delete_ticket(ticket_id)
        for file in self._stored:
            file.unlink()
        self._tickets, self._stored = [], []


def family(pid: int) -> list[psutil.Process]:
    """The process and its descendants."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]
