"""Closing connections whose peer may still be sending: closed at once they would be reset, and the peer would not read its answer.

One thread throws away what still comes on all of them, for a bounded time. It is not the worker's: peers that send on and on after a
refusal must not take the threads that others are to be answered with.
"""

import contextlib
import os
import selectors
import socket
import threading
import time

#: Seconds that a connection is listened to at most ...
LONGEST = 5.0
#: ... and seconds of silence after which it is closed earlier.
SILENCE = 1.0
#: Connections that linger at once; those beyond are closed without.
MOST = 4096
#: Bytes that one call of recv may throw away.
SCRATCH = 256 << 10


class Linger:
    """Closes connections gently. Thread-safe; its thread lives while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._deadlines: dict[socket.socket, tuple[float, float]] = {}
        self._scratch = bytearray(SCRATCH)
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, connection: socket.socket) -> None:
        """Ends our side of the connection; the peer's is read until it ends too. The caller may close its own socket."""
        with contextlib.suppress(OSError):
            # Below TLS: nobody will look at these bytes, so they need not be decrypted.
            socket.socket.shutdown(connection, socket.SHUT_WR)
            with self._lock:
                if not self._closed and len(self._deadlines) < MOST:
                    self._begin(connection)

    def close(self) -> None:
        """Closes what still lingers."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None:
            thread.join()
        self._selector.close()

    def _begin(self, connection: socket.socket) -> None:
        """Under the lock."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="linger", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # A machine without a thread to spare: this one connection is closed as any other.
                return
            self._thread = thread
        # A descriptor of its own: the worker closes the connection's as it always does.
        ours = socket.socket(connection.family, connection.type, fileno=os.dup(connection.fileno()))
        ours.setblocking(False)
        now = time.monotonic()
        self._deadlines[ours] = now + LONGEST, now + SILENCE
        self._selector.register(ours, selectors.EVENT_READ)

    def _run(self) -> None:
        while True:
            ready = [key.fileobj for key, _ in self._selector.select(0.1)]
            with self._lock:
                for connection in ready:
                    self._read(connection)  # type: ignore[arg-type]
                now = time.monotonic()
                for connection in [found for found, until in self._deadlines.items() if self._closed or min(until) <= now]:
                    self._end(connection)
                if not self._deadlines:
                    self._thread = None
                    return

    def _read(self, connection: socket.socket) -> None:
        try:
            over = not connection.recv_into(self._scratch)
        except BlockingIOError:
            return
        except OSError:
            over = True
        if over:
            self._end(connection)
        else:
            self._deadlines[connection] = self._deadlines[connection][0], time.monotonic() + SILENCE

    def _end(self, connection: socket.socket) -> None:
        del self._deadlines[connection]
        self._selector.unregister(connection)
        connection.close()
