"""Timeouts of plain sockets that the kernel keeps.

With Python's own, every call would be two system calls, and at each of them another thread may take the interpreter away; and a blocking
splice waits for nobody. A call that took too long fails with BlockingIOError.
"""

import socket
import struct


def wait_at_most(sock: socket.socket, seconds: float, *options: int) -> None:
    """Waits of `sock`, which is blocking, end after so long: those of `options`, SO_RCVTIMEO and SO_SNDTIMEO. 0: never."""
    value = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
    for option in options:
        sock.setsockopt(socket.SOL_SOCKET, option, value)
