"""From a request to the application, and from what it yields to the socket, without copies."""

import errno
import functools
import logging
import sys
from typing import Any

import cheroot.wsgi

from imaged.httpd.request import line_of

log = logging.getLogger(__name__)


class Abort(Exception):
    """Raised by an application that is answering: the rest cannot be had, and the connection ends without it."""


class Gateway(cheroot.wsgi.Gateway_10):
    """Calls the application, and sends what it yields: bytes, or memoryviews that it may fill again afterwards."""

    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]
        """WSGI's own, and `httpd.connection`."""
        request, connection = self.req, self.req.conn
        bound = request.server.bind_addr
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method.decode("latin-1"),
            "REQUEST_URI": request.uri.decode("latin-1"),
            "SCRIPT_NAME": "",
            "PATH_INFO": request.path.decode("latin-1"),
            "QUERY_STRING": request.qs.decode("latin-1"),
            "REMOTE_ADDR": connection.remote_addr or "",
            "REMOTE_PORT": str(connection.remote_port or ""),
            "SERVER_NAME": request.server.server_name,
            "SERVER_PORT": "" if isinstance(bound, str) else str(bound[1]),
            "SERVER_PROTOCOL": request.request_protocol.decode("latin-1"),
            "wsgi.errors": sys.stderr,
            "wsgi.input": request.rfile,
            "wsgi.multiprocess": False,
            "wsgi.multithread": True,
            "wsgi.run_once": False,
            "wsgi.url_scheme": request.scheme.decode("latin-1"),
            "wsgi.version": self.version,
            "httpd.connection": connection,
        }
        for name, value in request.inheaders.items():
            environ[_variable(name)] = value.decode("latin-1")
        if connection.ssl_env:
            environ.update(connection.ssl_env)
        return environ

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info:
            if self.req.sent_headers:
                raise exc_info[1]
            # It replaces an answer of which nothing has left.
            self.req.outheaders = []
        elif self.started_response:
            raise RuntimeError("The application begins a second answer")
        self.started_response = True
        self.req.status = status.encode("latin-1")
        self.req.outheaders += [line_of(name, value) for name, value in headers]
        return self.write

    def respond(self) -> None:
        # cheroot takes every OSError for the client's: one from a file would end in an empty answer and an empty log.
        try:
            response = self.req.server.wsgi_app(self.env, self.start_response)
            chunks = iter(response)
        except OSError as error:
            raise RuntimeError("The application failed") from error
        try:
            while True:
                try:
                    chunk = next(chunks, None)
                except OSError as error:
                    raise RuntimeError("The application failed while answering") from error
                if chunk is None:
                    break
                if len(chunk):
                    self._send(chunk)
            self.req.ensure_headers_sent()
        except Abort as error:
            log.info("An answer to %s was broken off: %s", self.req.conn.remote_addr, error)
            self.req.sent_headers = self.req.close_connection = True
            # The last chunk would say that this was all.
            self.req.chunked_write = False
        finally:
            if hasattr(response, "close"):
                response.close()

    def _send(self, chunk: bytes | memoryview) -> None:
        try:
            self.req.send(chunk)
        except OSError as error:
            if error.errno == errno.EFAULT:
                raise Abort("A file became shorter while it was sent") from error
            raise


@functools.lru_cache(256)
def _variable(header: bytes) -> str:
    """What WSGI calls a header."""
    name = header.decode("latin-1").upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
