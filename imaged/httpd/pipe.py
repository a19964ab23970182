"""The fast road: bytes that go from a socket to a file or another socket without entering this process (splice, Linux).

One pipe a request: after a failure bytes may be left in it, and then it is not to be used again. TLS has to be decrypted here, and a
digest has to see the bytes: they take the plain road, `Body.readinto`.
"""

import contextlib
import fcntl
import os
import socket

# As much as a socket's buffer holds on a fast line. An unprivileged user gets 64 such pipes; the next ones are of 64 KiB.
SIZE = 1 << 20
#: Below this a pipe costs more than it saves: three system calls to make it, two to end it.
WORTHWHILE = 256 << 10


class Pipe:
    """A pipe of `size` bytes; use as a context manager."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._writer, fcntl.F_SETPIPE_SZ, SIZE)
        self.size: int = fcntl.fcntl(self._writer, fcntl.F_GETPIPE_SZ)

    def __enter__(self) -> "Pipe":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._reader)
        os.close(self._writer)

    def put(self, data: bytes) -> None:
        """Bytes that are in this process already; fewer than `size`, into the empty pipe."""
        os.write(self._writer, data)

    def take(self, source: int, most: int) -> int:
        """Moves what the descriptor has, at most `most` bytes; 0 at its end.

        Raises OSError; BlockingIOError is the end of the socket's SO_RCVTIMEO.
        """
        return os.splice(source, self._writer, most)

    def into_file(self, descriptor: int, count: int, offset: int) -> None:
        """Moves `count` bytes to the file's `offset`. Raises OSError: then a part may be written."""
        while count:
            moved = os.splice(self._reader, descriptor, count, offset_dst=offset)
            count, offset = count - moved, offset + moved

    def into_socket(self, sock: socket.socket, count: int) -> None:
        """Sends `count` bytes to a blocking socket, in one call as a rule. Raises OSError; TimeoutError at the end of its SO_SNDTIMEO."""
        while count:
            try:
                count -= os.splice(self._reader, sock.fileno(), count)
            except BlockingIOError:
                raise TimeoutError("The peer takes no more bytes") from None
