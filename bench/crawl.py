"""Uploads at 1 KiB/s: `python -m bench.crawl SPEC`, a JSON file with port, ca (or null) and targets, a list of [path, headers].

All connect and send their headers, "ready" is printed, and with a line on standard input they begin to crawl. They stop at its end.
The number of those that were answered or broken off before, which is a failure, is printed, and how many pieces all of them sent; what
they were told stands on standard error.
"""

import json
import pathlib
import select
import socket
import ssl
import sys
import time

#: Bytes that each sends in a second, and bytes of the image that it announces.
PACE, SIZE = 1 << 10, 1 << 20


def main(spec: dict) -> None:
    context = ssl.create_default_context(cafile=spec["ca"]) if spec["ca"] else None
    crowd = [_join(spec["port"], context, path, headers) for path, headers in spec["targets"]]
    print("ready", flush=True)
    sys.stdin.readline()
    failed: set[int] = set()
    data = bytes(PACE)
    turn, began = 0, time.monotonic()
    # One after the other, evenly over the second: a crowd does not step in time.
    while not select.select([sys.stdin], [], [], max(0, began + turn / len(crowd) - time.monotonic()))[0]:
        number = turn % len(crowd)
        turn += 1
        if number not in failed:
            try:
                crowd[number].sendall(data)
            except OSError:
                failed.add(number)
    said = [words for number, one in enumerate(crowd) if (words := _said(one)) is not None or number in failed]
    for words in said:
        print(f"An upload that crawls ended: {words}", file=sys.stderr)
    print(len(said), turn)


def _join(port: int, context: ssl.SSLContext | None, path: str, headers: str) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port))
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context:
        one = context.wrap_socket(one, server_hostname="127.0.0.1")
    one.sendall(f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {SIZE}\r\n\r\n".encode())
    return one


def _said(one: socket.socket) -> str | None:
    """The answer's beginning, or how the connection ended; None if neither has come."""
    one.setblocking(False)
    try:
        return one.recv(300).decode("latin-1") or "the connection was closed"
    except (BlockingIOError, ssl.SSLWantReadError):
        return None
    except OSError as error:
        return str(error)


if __name__ == "__main__":
    main(json.loads(pathlib.Path(sys.argv[1]).read_text()))
