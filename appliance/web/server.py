"""The listeners: pages, API and bytes on one port, and bytes alone on a second one."""

import contextlib
import errno
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any

from cherrypy.process import plugins, wspbus

from appliance import errors
from appliance.web import security
from imaged import httpd

access = logging.getLogger("appliance.access")

#: Paths of the images service, by their first part.
IMAGES = ("sessions", "images", "info")

#: Paths of oVirt's face, by their first part.
ENGINE = "ovirt-engine"

#: Paths of Glance's face, by their first part.
GLANCE = ("v2", "versions")
JSON = "application/json"
#: How Glance's clients call the bytes of an image.
BYTES = "application/octet-stream"

#: The word for us in the Server header: what runs here, and not which version of it.
NAME = "image-appliance"


def together(
    site: Callable,
    images: Callable,
    engine: Callable,
    glance: Callable,
    courtesy: contextlib.AbstractContextManager,
    proxies: Sequence[str] = (),
) -> Callable:
    """One WSGI application of four: paths of the images service and of oVirt's and Glance's faces never meet CherryPy's dispatch.

    All answer inside of `courtesy`, but for the images service and what receives an image's bytes. Pages may connect to the `proxies`
    (URLs), too.
    """
    faces = {**dict.fromkeys(IMAGES, images), ENGINE: engine, **dict.fromkeys(GLANCE, glance)}

    def dispatch(environ: dict, start_response: Callable):
        first = "".join(environ["PATH_INFO"].split("/", 2)[1:2])
        # OpenStack's clients look there for what this is; browsers want pages.
        face = glance if not first and environ.get("HTTP_ACCEPT") == JSON else faces.get(first, site)
        if face is images or environ.get("CONTENT_TYPE") == BYTES:
            return face(environ, start_response)
        with courtesy:
            return face(environ, start_response)

    return security.guarded(dispatch, proxies)


def logged(app: Callable) -> Callable:
    """`app`, with a line in the log for each answer: who, what and the status. Never an id of a session or ticket, a query or a header.

    Bytes that moved well are told only where everything is to be told, as they are thousands of answers a second; so are questions whether
    we live, which come for ever.
    """

    def log_and_call(environ: dict, start_response: Callable):
        path = environ["PATH_INFO"]

        def start(status: str, *rest):
            level = logging.DEBUG if path.startswith(("/images/", "/info/")) and status[0] == "2" else logging.INFO
            if access.isEnabledFor(level):
                access.log(level, "%s %s %r %s", environ["REMOTE_ADDR"], environ["REQUEST_METHOD"], _shown(path), status[:3])
            return start_response(status, *rest)

        return app(environ, start)

    return log_and_call


def _shown(path: str) -> str:
    """The path for the log: cut where an id of a session or ticket may follow, however wrongly the address was written."""
    parts = path.split("/")
    if path.startswith("/api/v1/") and not {".", ".."} & set(parts):
        return path
    first = next((place for place, part in enumerate(parts) if part.lower() in IMAGES), None)
    return path if first is None else "/".join([*parts[: first + 1], "…"])


class Listener(plugins.SimplePlugin):
    """One address, served while the bus runs. `setting` is the port's setting, for the words of errors.

    It listens from `open` on, before the bus starts: an address that cannot be had is told in a sentence, not by a bus that falls over.
    """

    def __init__(
        self,
        bus: wspbus.Bus,
        setting: str,
        address: tuple[str, int],
        app: Callable,
        *,
        threads: int,
        tls: ssl.SSLContext | None,
        **limits: Any,
    ):
        """`threads`, `tls` and `limits` are those of `httpd.Server`."""
        super().__init__(bus)
        self._setting = setting
        self._address = address
        self._server = httpd.Server(address, logged(app), threads=threads, tls=tls, name=NAME, **limits)
        self._thread: threading.Thread | None = None
        self._open = False

    @property
    def port(self) -> int:
        """The real port, once it listens."""
        return self._server.bind_addr[1]

    def open(self) -> None:
        """Binds, listens and makes the threads. Raises errors.PortTaken, errors.NoSuchAddress."""
        host, port = self._address
        try:
            _probe(host, port)
            self._server.prepare()
            self._open = True
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
                raise errors.NoSuchAddress(host=host) from None
            raise errors.PortTaken(host=host, port=port, reason=_reason(error), setting=self._setting) from None

    def start(self) -> None:
        """Serves what has connected since `open`."""
        self._thread = threading.Thread(target=self._server.serve, name=f"listener {self._setting}", daemon=True)
        self._thread.start()

    def renew(self, tls: ssl.SSLContext) -> None:
        """Shows another certificate from now on; connections that are there go on."""
        self._server.renew(tls)

    def stop(self) -> None:
        """Ends every connection, after a short time for the requests that run. Does nothing if it does not listen."""
        if self._open:
            self._open = False
            self._server.stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None


def _probe(host: str, port: int) -> None:
    """Raises the OSError that binding would meet: cheroot's own has lost its errno."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        # Without this, a port that another program listens on with SO_REUSEADDR would pass.
        probe.listen()


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another program listens there"
        case errno.EACCES:
            return "this user may not: ports below 1024 need privileges"
    return error.strerror or str(error)
