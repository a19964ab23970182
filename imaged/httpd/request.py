"""One request as cheroot takes it apart and answers it, with less patience for what could be understood in two ways."""

import contextlib
import email.utils
import functools
import io
import re
import time
import urllib.parse
from typing import Any

import cheroot.server

#: How nearly all requests begin. Whatever else may be right is cheroot's to say.
_USUAL = re.compile(rb"(GET|PUT|PATCH|POST|DELETE|HEAD|OPTIONS) (/(?:[\w.~-][\w.~/-]*)?)(?:\?([\w.~=&-]*))? HTTP/1\.1\r\n", re.ASCII)
#: In a path. A slash stays escaped: it would be a place where it is taken apart.
_ESCAPED = re.compile(rb"%(?!2[Ff])[0-9A-Fa-f]{2}")
_TOKEN = re.compile(rb"[!#$%&'*+.^`|~0-9A-Za-z_-]+")
#: Headers that decide where a message ends or whom it is for: two of them are an attack, not a list.
_SINGLE = {b"Content-Length", b"Transfer-Encoding", b"Host", b"Authorization", b"Content-Range", b"Range", b"Content-Digest"}

#: Statuses of answers that end with their head.
_BODILESS = (b"100", b"101", b"204", b"205", b"304")


def read_headers(rfile: Any, headers: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The header lines up to the empty one. Stricter than cheroot's reader: whatever could be understood in two ways is ValueError."""
    while True:
        line = rfile.readline()
        if line == b"\r\n":
            break
        if not line.endswith(b"\r\n"):
            raise ValueError("Every header must end in CRLF")
        name, colon, value = line[:-2].partition(b":")
        known = _named(name) if colon else None
        if known is None:
            raise ValueError("Illegal header line")
        if b"_" in name:
            continue  # CGI writes "-" as "_": X_Y would pass for X-Y.
        name, value = known, value.strip()
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


# There are few names, and many requests.
@functools.lru_cache(256)
def _named(name: bytes) -> bytes | None:
    """A header's name as it is always written here; None where it cannot be one."""
    return name.title() if _TOKEN.fullmatch(name) else None


@functools.lru_cache(2)
def _date(second: int) -> bytes:
    return email.utils.formatdate(second, usegmt=True).encode()


# The same few headers, nearly all of them; and no secret is long remembered here.
@functools.lru_cache(64)
def line_of(name: str, value: str) -> tuple[bytes, bytes]:
    """One of an answer's headers: its name in small letters, and its line, without the end."""
    return name.lower().encode("latin-1"), f"{name}: {value}".encode("latin-1")


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
    status: Any  # Bytes, once the gateway has set it; cheroot begins with a str.

    def parse_request(self) -> None:
        head = self.conn.rfile.take_head(self.server.max_request_header_size)
        if head:
            self.rfile = io.BytesIO(head)
            self.ready = self.read_request_line() and self.read_request_headers()
            return
        # It is too long, or ends early. What it lacks is not waited for.
        self.conn.rfile.alone = True
        try:
            super().parse_request()
        finally:
            self.conn.rfile.alone = False

    def read_request_line(self) -> bool:
        usual = _USUAL.match(self.rfile.getbuffer()) if isinstance(self.rfile, io.BytesIO) else None
        if usual:
            self.rfile.seek(usual.end())
            self.started_request = True
            self.uri, self.method, self.path, self.qs = usual[0].split(b" ")[1], usual[1], usual[2], usual[3] or b""
            self.authority = b""
            self.request_protocol, self.response_protocol = b"HTTP/1.1", "HTTP/1.1"
            return True
        try:
            known = bool(super().read_request_line())
        except ValueError:
            # "//[" makes urllib look for an IPv6 address.
            self.simple_response("400 Bad Request", "Malformed Request-URI")
            return False
        if known and self.method == b"OPTIONS":
            # Which cheroot leaves as it came, of this method alone.
            self.path = _ESCAPED.sub(lambda escaped: urllib.parse.unquote_to_bytes(escaped[0]), self.path)
        return known

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
        self.conn.wire.send(self.take_head())

    def send(self, piece: bytes | memoryview) -> None:
        """A piece of the body, together with the head if that has not been sent."""
        head = b"" if self.sent_headers else self.take_head()
        self.sent_headers = True
        if self.chunked_write:
            self.conn.wire.send(head + b"%x\r\n" % len(piece), piece, b"\r\n")
        elif head:
            self.conn.wire.send(head, piece)
        else:
            self.conn.wire.send(piece)

    def take_head(self) -> bytes:
        """The answer's head, as it has to be sent now; decides whether the connection stays open."""
        told: dict[bytes, bytes] = dict(self.outheaders)
        lines = [b"HTTP/1.1 " + self.status, *(line for _, line in self.outheaders)]
        # cheroot would read the rest of the body into memory to keep the connection.
        says_close = told.get(b"connection", b"").lower() == b"connection: close" or self.status.startswith(b"413")
        if says_close or self.rfile.remaining or self.conn.close_after_answer or not self.server.ready:
            self.close_connection = True
        if b"content-length" not in told and self.status[:3] not in _BODILESS:
            if self.response_protocol == "HTTP/1.1" and self.method != b"HEAD":
                self.chunked_write = True
                lines.append(b"Transfer-Encoding: chunked")
            else:
                self.close_connection = True
        if b"connection" not in told:
            if self.close_connection:
                lines.append(b"Connection: close")
            elif self.response_protocol != "HTTP/1.1":
                lines.append(b"Connection: Keep-Alive")
        if b"date" not in told:
            lines.append(b"Date: " + _date(int(time.time())))
        if b"server" not in told:
            lines.append(b"Server: " + self.server.server_name.encode())
        head = b"\r\n".join(lines) + b"\r\n\r\n"
        if head.count(b"\n") != len(lines) + 1 or head.count(b"\r") != len(lines) + 1:
            # What follows in it could be taken for headers, or for another answer.
            raise ValueError("A header of the answer has a line break in it")
        return head

    def simple_response(self, status: str, msg: str = "") -> None:
        """cheroot's own refusals."""
        code = "internal" if status.startswith("5") else "bad-request"
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.conn.wire.send(refusal(status, msg or status, f"Error-Code: {code}"))
            self.conn.drain()
