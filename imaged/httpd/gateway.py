"""From a request to the application, and from what it yields to the socket, without copies."""

import errno
import logging
from typing import Any

import cheroot.wsgi

log = logging.getLogger(__name__)


class Abort(Exception):
    """Raised by an application that is answering: the rest cannot be had, and the connection ends without it."""


class Gateway(cheroot.wsgi.Gateway_10):
    """Calls the application, and sends what it yields: bytes, or memoryviews that it may fill again afterwards."""

    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]
        environ: dict[str, Any] = super().get_environ()
        environ["httpd.connection"] = self.req.conn
        return environ

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
        self.req.ensure_headers_sent()
        if self.req.chunked_write:
            self.req.write(bytes(chunk))
            return
        # Not sendall: its timeout is for the whole, and a slow reader is not a dead one.
        rest = memoryview(chunk)
        while rest:
            try:
                rest = rest[self.req.conn.socket.send(rest) :]
            except OSError as error:
                if error.errno == errno.EFAULT:
                    raise Abort("A file became shorter while it was sent") from error
                raise
