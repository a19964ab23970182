"""Real NBD servers for tests: qemu-nbd, nbdkit, and one that says exactly the bytes that a test wants said."""

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from imaged import nbd
from tests.imaged.conftest import wait
from tests.ports import free_port


@contextlib.contextmanager
def qemu_nbd(directory: Path, image: Path | str, *words: str, form: str = "raw") -> Iterator[str]:
    """The URL of `image`, served on a unix socket."""
    path = directory / f"nbd-{len(os.listdir(directory))}.sock"
    with _running(["qemu-nbd", "--persistent", "--shared=8", "--socket", path, "--format", form, *words, image], str(path)):
        yield f"nbd:unix:{path}"


@contextlib.contextmanager
def hanging_qemu_nbd(directory: Path, image: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The same, and the process: to be suspended and resumed."""
    path = directory / f"nbd-{len(os.listdir(directory))}.sock"
    words = ["qemu-nbd", "--persistent", "--shared=8", "--discard=unmap", "--socket", path, "--format=raw", image]
    with _running(words, str(path)) as process:
        server = psutil.Process(process.pid)
        try:
            yield f"nbd:unix:{path}", server
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                server.resume()


@contextlib.contextmanager
def qemu_nbd_tcp(image: Path) -> Iterator[str]:
    """The same on a TCP port of 127.0.0.1, with an export name."""
    port = free_port()
    words = [
        "qemu-nbd",
        "--persistent",
        "--shared=8",
        "--bind=127.0.0.1",
        f"--port={port}",
        "--export-name=disk/a b",
        "--format=raw",
        image,
    ]
    with _running(words, ("127.0.0.1", port)):
        yield f"nbd:127.0.0.1:{port}:exportname=disk/a b"


@contextlib.contextmanager
def nbdkit(directory: Path, *words: str) -> Iterator[str]:
    path = directory / f"kit-{len(os.listdir(directory))}.sock"
    with _running(["nbdkit", "--foreground", "--exit-with-parent", "--unix", path, *words], str(path)):
        yield f"nbd:unix:{path}"


@contextlib.contextmanager
def saying(directory: Path, talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """The path of a unix socket on which each connection gets `talk(its socket)`, and is closed."""
    path = str(directory / "talk.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock, contextlib.suppress(OSError):
                talk(sock)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield path
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()
        os.unlink(path)


@contextlib.contextmanager
def _running(words: list, address: nbd.Address) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait(lambda: process.poll() is not None or _listens(address))
        assert process.poll() is None, f"{words[0]} did not start"
        yield process
    finally:
        # nbdkit waits for its clients to go, and ours keep their connections as long as their tickets; qemu-nbd for one that just comes.
        if words[0] != "nbdkit":
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        process.kill()
        process.wait()


def _listens(address: nbd.Address) -> bool:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as sock:
        return sock.connect_ex(address) == 0
