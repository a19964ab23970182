"""One request as cheroot takes it apart and answers it, with less patience for what could be understood in two ways."""

import contextlib
import re
from typing import Any

import cheroot.server

_TOKEN = re.compile(rb"[!#$%&'*+.^`|~0-9A-Za-z_-]+")
#: Headers that decide where a message ends or whom it is for: two of them are an attack, not a list.
_SINGLE = {b"Content-Length", b"Transfer-Encoding", b"Host", b"Authorization", b"Content-Range", b"Range", b"Content-Digest"}


def read_headers(rfile: Any, headers: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The header lines up to the empty one. Stricter than cheroot's reader: whatever could be understood in two ways is ValueError."""
    while True:
        line = rfile.readline()
        if line == b"\r\n":
            break
        if not line.endswith(b"\r\n"):
            raise ValueError("Every header must end in CRLF")
        name, colon, value = line[:-2].partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            raise ValueError("Illegal header line")
        if b"_" in name:
            continue  # CGI writes "-" as "_": X_Y would pass for X-Y.
        name, value = name.title(), value.strip()
        if b"\0" in value or b"\r" in value or b"\n" in value:
            raise ValueError("Illegal character in a header")
        if name in headers:
            if name in _SINGLE:
                raise ValueError(f"{name.decode()} is given twice")
            value = headers[name] + b", " + value
        headers[name] = value
    if b"Content-Length" in headers:
        if b"Transfer-Encoding" in headers:
            raise ValueError("Content-Length and Transfer-Encoding exclude each other")
        # int() would also take +5, -5, 1_000: and then what?
        if not re.fullmatch(rb"[0-9]{1,20}", headers[b"Content-Length"]):
            raise ValueError("Invalid Content-Length: must be a number of bytes")
    return headers


def refusal(status: str, text: str, *lines: str) -> bytes:
    """An answer that ends the connection, in the form of ours: a line of text and `Error-Code`. `lines` are further headers."""
    body = f"{text}\n".encode("latin-1", "replace")
    head = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body)}",
        "Content-Type: text/plain; charset=UTF-8",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *lines,
    ]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


class Request(cheroot.server.HTTPRequest):
    header_reader = staticmethod(read_headers)

    def parse_request(self) -> None:
        """The head has been gathered: nothing that it lacks is waited for."""
        self.conn.rfile.alone = True
        try:
            super().parse_request()
        finally:
            self.conn.rfile.alone = False

    def read_request_line(self) -> bool:
        try:
            return bool(super().read_request_line())
        except ValueError:
            # "//[" makes urllib look for an IPv6 address.
            self.simple_response("400 Bad Request", "Malformed Request-URI")
            return False

    def respond(self) -> None:
        # Its end can only be found by reading it: the application says no (there is no Content-Length), and the connection ends.
        self.unframed = b"Transfer-Encoding" in self.inheaders
        self.chunked_read = False
        if self.unframed:
            self.close_connection = True
        super().respond()
        if self.close_connection and (self.unframed or self.rfile.remaining):
            self.conn.drain()

    def send_headers(self) -> None:
        says_close = any(name.lower() == b"connection" and value.lower() == b"close" for name, value in self.outheaders)
        # cheroot would read the rest of the body into memory to keep the connection.
        if says_close or self.rfile.remaining or self.conn.close_after_answer or not self.server.ready:
            self.close_connection = True
        super().send_headers()

    def simple_response(self, status: str, msg: str = "") -> None:
        """cheroot's own refusals."""
        code = "internal" if status.startswith("5") else "bad-request"
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.conn.socket.sendall(refusal(status, msg or status, f"Error-Code: {code}"))
            self.conn.drain()
