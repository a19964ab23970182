"""One upload as fast as Python sends: `python -m bench.client SPEC`, a process of its own so that its CPU is nobody else's.

Connects, prints "ready", waits for a line on standard input, sends one PUT, and prints the seconds from its first byte to the answer.
"""

import json
import mmap
import os
import socket
import ssl
import sys
import time

#: Bytes of one write through TLS: Python's call is small beside it.
PIECE = 1 << 20


def main(spec: dict) -> None:
    """`spec`: port, ca (a file, or None for plain HTTP), target, headers, source (a file)."""
    connection = socket.create_connection(("127.0.0.1", spec["port"]))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if spec["ca"]:
        connection = ssl.create_default_context(cafile=spec["ca"]).wrap_socket(connection, server_hostname="127.0.0.1")
    with open(spec["source"], "rb") as source, connection:
        size = os.fstat(source.fileno()).st_size
        lines = [f"PUT {spec['target']} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {size}"]
        lines += [f"{name}: {value}" for name, value in spec["headers"].items()]
        head = "\r\n".join([*lines, "", ""]).encode()
        print("ready", flush=True)
        sys.stdin.readline()
        began = time.perf_counter()
        connection.sendall(head)
        if spec["ca"]:
            # TLS in user space has no sendfile.
            with mmap.mmap(source.fileno(), 0, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as view:
                for start in range(0, size, PIECE):
                    connection.sendall(view[start : start + PIECE])
        else:
            connection.sendfile(source)
        answer = connection.recv(4096).decode("latin-1")
        seconds = time.perf_counter() - began
    status = answer.split(" ", 2)[1]
    if status not in ("200", "201", "204"):
        sys.exit(f"The upload was refused: {answer}")
    print(seconds)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
