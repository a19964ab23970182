"""http: and https: URLs."""

import contextlib
import dataclasses
import socket
import threading
import urllib.parse
from collections.abc import Iterator

import urllib3.exceptions
from urllib3.connection import HTTPConnection
from urllib3.response import HTTPResponse

from appliance import errors
from appliance.transfer import sources
from appliance.transfer.sources import answers, guard, pinned

REDIRECTS = {301, 302, 303, 307, 308}

_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "image-appliance", "Connection": "close"}

#: Seconds for which somebody who looks waits for answers, at least; and for the beginning of the file: then what has come will do.
LOOK, HEAD_WITHIN = 60.0, 20.0
#: What a HEAD may fail with where a GET does not: some servers know no HEAD, or sign their addresses for GET alone.
_NO_HEAD = (errors.SourceFailed, errors.SourceForbidden, errors.SourceMissing, errors.SourceReset, errors.SourceGarbled)


class Web:
    """One file of a web server, as `sources.Source`. For each request the name is resolved once and checked, and each redirect again."""

    def __init__(self, url: str | guard.Target, policy: guard.Policy, credentials: sources.Credentials | None = None):
        """Raises BadUrl, UserInUrl, SchemeRefused, PortRefused."""
        self._target = guard.parse(url, policy) if isinstance(url, str) else url
        self._policy = policy
        self._credentials = credentials
        self._lock = threading.Lock()
        self._interrupted = False
        #: What is shut down by `interrupt`.
        self._held: list[HTTPConnection | socket.socket] = []
        self.url = self._target.shown
        self.host = self._target.host
        self.name = answers.tidy(self._target.name) or self.host

    def look(self) -> sources.Facts:
        with contextlib.ExitStack() as stack:
            with sources.within(self, max(self._policy.timeout, LOOK)):
                with contextlib.suppress(*_NO_HEAD), self._answer("HEAD", {}):
                    pass
                there, answer, sock = stack.enter_context(self._answer("GET", {"Range": f"bytes=0-{sources.HEAD - 1}"}))
            body = self._body(answer, sock, 0)
            # However slowly it sends, it is not silent.
            head = sources.beginning(body, sources.HEAD, HEAD_WITHIN)
        size = len(head) if body.total is None and body.ended else body.total
        resumable = answer.status == 206 and body.validator is not None
        name = answers.offered_name(answer) or answers.tidy(there.name) or self.name
        return sources.Facts(self.url, name, size, answers.content_type(answer), resumable, body.validator, head)

    @contextlib.contextmanager
    def reading(self, start: int = 0, validator: str | None = None) -> Iterator[answers.Body]:
        # Without a validator two versions of the file could be mixed: then all of it is read again.
        part = {"Range": f"bytes={start}-", "If-Range": validator} if start and validator else {}
        with self._answer("GET", part) as (_, answer, sock):
            if validator is not None and not answers.same(answer, validator):
                raise errors.SourceChanged(host=self.host, name=self.name)
            yield self._body(answer, sock, start if part else 0)

    def beside(self, name: str) -> "Web":
        folder = self._target.path.partition("?")[0].rpartition("/")[0]
        there = dataclasses.replace(self._target, path=f"{folder}/{urllib.parse.quote(name, safe='')}")
        return Web(there, self._policy, self._credentials)

    def interrupt(self) -> None:
        with self._lock:
            self._interrupted = True
            for held in self._held:
                sock = held.sock if isinstance(held, HTTPConnection) else held
                # Not SSLSocket's own shutdown: it pulls the encryption away from under who reads.
                with contextlib.suppress(OSError, TypeError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _body(self, answer: HTTPResponse, sock: socket.socket, start: int) -> answers.Body:
        return answers.Body(answer, sock, self._failing(self.host), self.host, self.name, start)

    def _failing(self, host: str) -> answers.Failing:
        return answers.Failing(host, self._policy.timeout, self._check)

    @contextlib.contextmanager
    def _answer(self, method: str, headers: dict[str, str]) -> Iterator[tuple[guard.Target, HTTPResponse, socket.socket]]:
        """The answer that is no redirect, whose it is, and what it comes by. Raises as `reading`."""
        target, credentials = self._target, self._credentials
        for _ in range(self._policy.redirects + 1):
            with self._asking(target, method, headers, credentials) as (answer, sock):
                location = answer.headers.get("Location") if answer.status in REDIRECTS else None
                if location is None:
                    answers.refuse(answer, target.host, self.name)
                    yield target, answer, sock
                    return
            there = guard.onward(target, location, self._policy)
            if there.origin != target.origin:
                # They are for whom the person named, not for where that one sends us.
                credentials = None
            target = there
        raise errors.BadRedirect(host=target.host, reason=f"it would be for more than the {self._policy.redirects} times that are allowed")

    @contextlib.contextmanager
    def _asking(
        self, target: guard.Target, method: str, headers: dict[str, str], credentials: sources.Credentials | None
    ) -> Iterator[tuple[HTTPResponse, socket.socket]]:
        """One request's answer, whatever it is."""
        secret = {"Authorization": credentials.header} if credentials else {}
        with contextlib.ExitStack() as stack:
            with self._failing(target.host).explained():
                way = stack.enter_context(self._connected(target))
                sock = way.connection.sock
                # The connection forgets its socket when the answer is the last one on it.
                stack.enter_context(self._holding(sock))
                way.connection.timeout = self._policy.timeout
                given = {**_HEADERS, "Host": target.authority, **secret, **way.headers, **headers}
                way.connection.request(method, way.line, headers=given, preload_content=False, decode_content=False)
                answer = way.connection.getresponse()
                stack.callback(answer.close)
            yield answer, sock

    @contextlib.contextmanager
    def _connected(self, target: guard.Target) -> Iterator[pinned.Way]:
        """The way over the first address that answers."""
        failed: Exception = errors.UnknownName(host=target.host, reason="it has no address")
        for way in pinned.ways(target, self._policy):
            with contextlib.closing(way.connection), self._holding(way.connection):
                try:
                    way.connection.connect()
                except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
                    failed = error
                    continue
                yield way
                return
        raise failed

    @contextlib.contextmanager
    def _holding(self, what: HTTPConnection | socket.socket) -> Iterator[None]:
        """Shut down if we are interrupted meanwhile. Raises Interrupted."""
        with self._lock:
            self._check()
            self._held.append(what)
        try:
            yield
        finally:
            with self._lock:
                self._held.remove(what)

    def _check(self) -> None:
        if self._interrupted:
            raise sources.Interrupted
