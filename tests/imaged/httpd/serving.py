"""Servers of one application, which can be asked for everything that a server may meet; and clients that say what they like."""

import contextlib
import itertools
import re
import socket
import ssl

from imaged import httpd

PATIENCE = 30
REQUEST = b"PUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"


def application(environ, start_response):
    """Answers with the number of bytes that came; /echo with the bytes; /refuse takes none of them; /headers with the headers' names.

    /zeros yields 16 MiB, /endless without end. /fail fails, /pipe fails as a backend that is gone does, and /break and /piping when half
    of the answer is out. /wait waits for the event `go`.
    """
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise FileNotFoundError("secret.txt")
    if path == "/pipe":
        raise BrokenPipeError(32, "Broken pipe")
    if path == "/refuse" or "HTTP_TRANSFER_ENCODING" in environ:
        return answer(start_response, b"no", "403 Forbidden")
    if path in ("/zeros", "/endless"):
        count = 16 if path == "/zeros" else 1 << 20
        start_response("200 OK", [("Content-Length", str(count << 20))])
        return itertools.repeat(memoryview(bytes(1 << 20)), count)
    if path in ("/break", "/piping"):
        start_response("200 OK", [("Content-Length", "100")])
        return breaking(httpd.Abort("no more") if path == "/break" else BrokenPipeError(32, "Broken pipe"))
    if path == "/headers":
        return answer(start_response, repr(sorted(name for name in environ if name.startswith(("HTTP_", "CONTENT_")))).encode())
    if path == "/wait":
        assert environ["go"].wait(PATIENCE)
    body, buffer = httpd.Body(environ), memoryview(bytearray(3000 if path == "/echo" else 1 << 20))
    pieces, total = [], 0
    try:
        while count := body.readinto(buffer):
            total += count
            if path == "/echo":
                pieces.append(bytes(buffer[:count]))
    except httpd.ShortBody as error:
        return answer(start_response, str(error).encode(), "400 Bad Request")
    except httpd.Stalled as error:
        return answer(start_response, str(error).encode(), "408 Request Timeout")
    return answer(start_response, b"".join(pieces) if path == "/echo" else b"%d" % total)


def answer(start_response, data, status="200 OK"):
    start_response(status, [("Content-Length", str(len(data)))])
    return [data]


def breaking(error):
    yield b"x" * 50
    raise error


@contextlib.contextmanager
def running(bind=("127.0.0.1", 0), app=application, **options):
    serving = httpd.Server(bind, app, **{"threads": 4, "timeout": PATIENCE, "shutdown_timeout": 0.1, **options})
    serving.launch()
    try:
        yield serving
    finally:
        serving.stop()


def received(sock) -> bytes:
    """All that comes, until the other side closes."""
    data = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while more := sock.recv(1 << 16):
            data += more
    return data


def reply(sock) -> bytes:
    """One answer of this application."""
    data = b""
    while not (found := re.search(rb"content-length: (\d+)\r\n(?:.*\r\n)*?\r\n", data, re.IGNORECASE)) or len(data) < found.end() + int(
        found[1]
    ):
        more = sock.recv(1)
        assert more, data
        data += more
    return data


def served(sock) -> bool:
    sock.sendall(REQUEST)
    return reply(sock).startswith(b"HTTP/1.1 200")


def busy(serving) -> int:
    return sum(worker.conn is not None for worker in serving.requests._threads)


def say(server, data: bytes, more: bytes = b"") -> bytes:
    """What the server says to these bytes, until it closes."""
    with socket.create_connection(server.bind_addr, 10) as sock:
        sock.sendall(data)
        received = b""
        with contextlib.suppress(ConnectionError):
            while got := sock.recv(1 << 16):
                received += got
        return received
