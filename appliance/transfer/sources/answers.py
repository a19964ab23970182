"""What web servers answer: what its status and its headers mean, and its bytes as they come."""

import contextlib
import email.message
import email.utils
import http.client
import re
import select
import socket
import ssl
import typing
import unicodedata
from collections.abc import Callable, Iterator

import urllib3.exceptions
from urllib3.response import HTTPResponse

from appliance import errors

#: Bytes of one read. With TLS they come in records of 16 KiB: so many are gathered, as far as they have come.
PIECE = 1 << 20
GATHERED = 256 << 10
#: Bytes of a beginning that are looked at for being a page.
SNIFFED = 4096
MAX_NAME = 255

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)", re.ASCII)
_EMPTY_RANGE = re.compile(r"bytes \*/0", re.ASCII)
_PAGE = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)


class Failing:
    """Turns what a connection to `host` fails with into errors of ours. `check` raises when the failure was our own doing."""

    def __init__(self, host: str, timeout: float, check: Callable[[], None]):
        self._host = host
        self._timeout = timeout
        self._check = check

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        try:
            yield
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            self._check()
            raise self._error(error) from error

    def _error(self, error: Exception) -> errors.ApplianceError:
        host = self._host
        match _cause(error):
            case ssl.SSLCertVerificationError() as cause:
                # What it says of another name ends with a full stop, all else without.
                reason = (cause.verify_message or "its certificate is not for this name").rstrip(".")
                return errors.BadCertificate(host=host, reason=reason)
            case urllib3.exceptions.NewConnectionError() as cause:
                return errors.SourceUnreachable(host=host, reason=_strerror(cause.__cause__))
            case urllib3.exceptions.ConnectTimeoutError():
                return errors.SourceUnreachable(host=host, reason="it does not answer")
            case TimeoutError() | urllib3.exceptions.ReadTimeoutError():
                return errors.SourceStalled(host=host, seconds=self._timeout)
            case ssl.SSLError():
                return errors.SourceGarbled(host=host, reason="its encryption cannot be understood")
            case http.client.RemoteDisconnected() | http.client.IncompleteRead():
                return errors.SourceReset(host=host, reason="its answer is not whole")
            case OSError() as cause if str(cause).startswith("Tunnel connection failed"):
                return errors.SourceUnreachable(host=host, reason="the proxy refuses to connect to it")
            case OSError() as cause:
                return errors.SourceReset(host=host, reason=_strerror(cause))
        return errors.SourceGarbled(host=host, reason="its answer cannot be understood")


def refuse(answer: HTTPResponse, host: str, name: str) -> None:
    """Raises what an answer without the file means. An empty file answers 416 to whoever asks for its first bytes: that is none."""
    words: dict[str, typing.Any] = {"host": host, "name": name, "status": answer.status}
    match answer.status:
        case 200 | 206:
            return
        case 401 | 403 | 407:
            raise errors.SourceForbidden(**words)
        case 404 | 410:
            raise errors.SourceMissing(**words)
        case 416:
            if not _EMPTY_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip()):
                raise errors.SourceRange(host=host, name=name, reason="it has no such bytes")
        case _:
            raise errors.SourceFailed(**words)


class Body:
    """The bytes of the file `name` from `start` on, as `sources.Stream`. `failing` explains; `sock` is what they come from."""

    def __init__(self, answer: HTTPResponse, sock: socket.socket, failing: Failing, host: str, name: str, asked: int):
        """`asked` is where it should start, if the server gives parts. Raises SourceEncoded, SourceRange."""
        self._answer = answer
        self._failing = failing
        self._host, self._name = host, name
        self._sock = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._late: errors.ApplianceError | None = None
        encoding = answer.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ("identity", ""):
            raise errors.SourceEncoded(host=host, name=name, encoding=encoding[:40])
        self.start, self.total = self._part(asked) if answer.status == 206 else (0, answer.length_remaining)
        if answer.status == 416:
            # What comes is the text of an error, and the file is empty.
            self.total = 0
        self._at = self.start
        #: All has come.
        self.ended = False
        self.validator = validator(answer)

    def read(self, most: int = PIECE) -> bytes:
        if self._late:
            raise self._late
        if self.total == 0:
            return b""
        head = not self._at
        data = self._read(most)
        try:
            while 0 < len(data) < min(most, GATHERED) and self._has_come() and (more := self._read(most - len(data))):
                data += more
        except errors.ApplianceError as error:
            self._late = error
        if head and self._is_page(data[:SNIFFED]):
            raise errors.NotAnImage(host=self._host, name=self._name)
        return data

    def _read(self, most: int) -> bytes:
        try:
            with self._failing.explained():
                data = self._answer.read1(most, decode_content=False) or b""
        except errors.SourceReset as error:
            if self.total is None or not isinstance(_cause(error.__cause__), http.client.IncompleteRead):
                raise
            raise errors.SourceShort(host=self._host, name=self._name, missing=self.total - self._at, expected=self.total) from error
        self._at += len(data)
        self.ended = not data
        return data

    def _has_come(self) -> bool:
        """Is there more to read without waiting?"""
        return bool(isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()) or bool(self._poll.poll(0))

    def _is_page(self, head: bytes) -> bool:
        """By its text; by what the server calls it only if it is no binary: not every server knows what an image is."""
        said = content_type(self._answer) in ("text/html", "application/xhtml+xml")
        return bool(_PAGE.match(head)) or (said and b"\0" not in head)

    def _part(self, asked: int) -> tuple[int, int | None]:
        """`(start, total)` of the part that the server gives. Raises SourceRange unless it is the one that was asked for."""
        match = _CONTENT_RANGE.fullmatch(self._answer.headers.get("Content-Range", "").strip())
        reason = ""
        if not match:
            reason = "it does not say which part it gives"
        else:
            first, last = int(match[1]), int(match[2])
            total = None if match[3] == "*" else int(match[3])
            length = self._answer.length_remaining
            if first != asked or last < first or (total is not None and last >= total):
                reason = "it gives another one"
            elif length is not None and length != last + 1 - first:
                reason = "it gives more or less than it says"
            else:
                return first, total
        raise errors.SourceRange(host=self._host, name=self._name, reason=reason)


def validator(answer: HTTPResponse) -> str | None:
    """A strong ETag; or Last-Modified, if it is old enough to be one (RFC 9110, 8.8.2.2); else None."""
    etag = answer.headers.get("ETag", "").strip()
    if re.fullmatch(r'"[\x21\x23-\x7e\x80-\xff]*"', etag):
        return etag
    modified, now = answer.headers.get("Last-Modified", ""), answer.headers.get("Date", "")
    try:
        age = email.utils.parsedate_to_datetime(now) - email.utils.parsedate_to_datetime(modified)
    except (ValueError, TypeError):
        return None
    return modified.strip() if age.total_seconds() >= 1 else None


def same(answer: HTTPResponse, known: str) -> bool:
    """Is it the file that `known`, an earlier validator, is of?"""
    return answer.headers.get("ETag" if known.startswith('"') else "Last-Modified", "").strip() == known


def content_type(answer: HTTPResponse) -> str:
    return answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()[:100]


def offered_name(answer: HTTPResponse) -> str:
    """The name in Content-Disposition, tidied, and whole where it is there in plain letters, too; "" without one."""
    given = answer.headers.get("Content-Disposition")
    if not given:
        return ""
    message = email.message.Message()
    message["Content-Disposition"] = given
    names = [value for key, value in message.get_params([], "Content-Disposition") if key.lower() == "filename"]
    # filename*, which can say all letters, comes in three parts.
    names.sort(key=lambda value: isinstance(value, str))
    return tidy(email.utils.collapse_rfc2231_value(names[0])) if names else ""


def tidy(name: str) -> str:
    """A file's name that is one, whatever somebody sent: no folders, no control characters, MAX_NAME characters; or ""."""
    name = re.split(r"[/\\]", name)[-1]
    name = "".join(character for character in name if unicodedata.category(character)[0] != "C").strip()
    return "" if name in (".", "..") else name[:MAX_NAME]


def _cause(error: BaseException | None) -> BaseException | None:
    """What is inside of urllib3's wrappers."""
    while isinstance(error, urllib3.exceptions.ProtocolError | urllib3.exceptions.SSLError | urllib3.exceptions.ProxyError):
        inner = next((part for part in reversed(error.args) if isinstance(part, Exception)), None) or error.__cause__
        if inner is None:
            break
        error = inner
    return error


def _strerror(error: BaseException | None) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or "it failed"
    return text[:1].lower() + text[1:]
