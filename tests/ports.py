"""Ports for servers that tests start as programs of their own."""

import secrets
import socket

#: Below those that the kernel gives to outgoing connections: one of these could take the port before its server does.
FIRST, LAST = 12_000, 32_000


def free_port() -> int:
    """A TCP port that nobody listens on, at any address of this machine."""
    while True:
        port = FIRST + secrets.randbelow(LAST - FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
                return port
            except OSError:
                continue
