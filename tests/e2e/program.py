"""A program of ours as a process with a log: begun, waited for, asked to stop, killed without mercy."""

import os
import pathlib
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

BIN = pathlib.Path(sys.executable).parent
#: Seconds: much more than anything takes, on a machine that has other things to do too.
PATIENCE = 90


def wait_for(condition: Callable[[], object], what: str, timeout: float = PATIENCE, interval: float = 0.1):
    """The first true answer of `condition`; fails the test with `what` when there is none in `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {timeout} s for {what}"
        select.select([], [], [], interval)


class Program:
    """What all of them have. `log` takes what they write, one run after the other."""

    def __init__(self, log: pathlib.Path):
        self.log = log
        self.process: subprocess.Popen | None = None

    def launch(self, words: Sequence[object], environment: Mapping[str, str] = os.environ) -> None:
        with self.log.open("ab") as log:
            command = [str(word) for word in words]
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def output(self) -> str:
        """What it has written, in all its runs."""
        return self.log.read_text() if self.log.exists() else ""

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Waits for something that it does; fails with its last words if it ends before."""

        def happened():
            assert self.runs, f"{what} was waited for, and it ended:\n{self.output[-4000:]}"
            return condition()

        wait_for(happened, what)

    def until_written(self, word: str, before: str) -> None:
        """Waits for a word behind what it had written `before`."""
        self.until(lambda: word in self.output[len(before) :], f"{word!r} in {self.log}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Asks it to stop; answers its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


class Group:
    """Programs that are started and ended together; use as a context manager, which leaves nothing of a failed start."""

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exc) -> None:
        self.stop()
