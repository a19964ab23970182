"""The two services as WSGI applications: which resource answers where, and how an error becomes an answer."""

import dataclasses
import datetime
import importlib.metadata
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imaged import errors, handlers
from imaged.backends.policy import Policy
from imaged.handlers import arrivals, certificate, checksum, domains, extents, images, info, jobs, metrics, tickets, volumes
from imaged.message import Request, Response
from imaged.peer import Peer
from imaged.tickets import Tickets
from imaged.volumes.domains import Domains
from imaged.volumes.exports import Exports
from imaged.volumes.jobs import Jobs
from imaged.volumes.volumes import Volumes

if TYPE_CHECKING:
    from imaged.identity import Identity

log = logging.getLogger(__name__)

METHODS = ("GET", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "HEAD")
#: Characters of a request's target, decoded.
MAX_TARGET = 4096
CORS_MAX_AGE = "86400"
#: What pages of other origins may read of an answer, beyond what every page may.
EXPOSED = "Accept-Ranges, Content-Disposition, Content-Range, Error-Code"


class Context:
    """What the handlers share: one for a process, used by both services."""

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        host_id: str = "",
        unix_socket: Path | str | None = None,
        tickets: Tickets | None = None,
        policy: Policy | None = None,
        run_dir: Path | None = None,
        identity: "Identity | None" = None,
        images: Peer | None = None,
        scan_command: Sequence[str] = (),
    ):
        """`roots` are the directories that images and domains may lie under; `policy` is what tickets may lead to besides.

        `unix_socket` is told to clients of the same host. `run_dir` is where the sockets of exports may be, if it is not to be among the
        temporary files. `identity` is an enrolled host's; `images` another images service, which writes files in our place;
        `scan_command` what looks at a volume for viruses. Raises OSError where no directory for the sockets can be made.
        """
        self.version = importlib.metadata.version("image-appliance")
        self.host_id = host_id
        self.started = datetime.datetime.now(datetime.UTC)
        self.unix_socket = unix_socket
        self.identity = identity
        self.scan_command = tuple(scan_command)
        self.domains = Domains(roots)
        self.volumes = Volumes(self.domains)
        self.jobs = Jobs()
        self.exports = Exports(self.volumes, self.jobs, run_dir)
        policy = policy or Policy(tuple(roots))
        # Whoever may export a volume may lead a ticket to it.
        policy = dataclasses.replace(policy, sockets=(*policy.sockets, self.exports.directory))
        self.tickets = tickets or Tickets(roots, policy=policy, images=images)

    def close(self) -> None:
        """Ends the jobs, makes durable what was written and not flushed, and ends the exports. Nothing may be written any more."""
        self.jobs.close()
        self.tickets.flush()
        self.exports.close()


def images_app(context: Context) -> "App":
    """The images service: the ticket's id in the URL is the credential."""
    resources = [route for room in (images, extents, checksum) for route in room.routes(context)]
    return App([*resources, *info.public_routes(context)], handlers.text_error)


def control_app(context: Context) -> "App":
    """The control service: whoever reaches it is the administrator."""
    rooms = (tickets, domains, volumes, arrivals, jobs, info, metrics, certificate)
    return App([route for room in rooms for route in room.routes(context)], handlers.json_error)


class App:
    """Finds the handler whose pattern is the whole path, calls the method of the request's name, and renders what it raises."""

    def __init__(self, routes: Iterable[tuple[str | re.Pattern[str], object]], render_error: Callable[[errors.DaemonError], Response]):
        self._routes = [(re.compile(pattern), handler) for pattern, handler in routes]
        self._render_error = render_error

    def __call__(self, environ: dict, start_response: Callable) -> Any:
        request = Request(environ)
        handler: object = None
        try:
            if len(environ["PATH_INFO"]) + len(environ["QUERY_STRING"]) >= MAX_TARGET:
                raise errors.TooLong(f"The address is longer than {MAX_TARGET} characters")
            handler, arguments = self._find(environ["PATH_INFO"])
            response = _method(handler, request.method)(request, *arguments)
        except errors.DaemonError as error:
            response = self._render(handler, error)
        except Exception:
            log.exception("%s failed", type(handler).__name__)
            response = self._render(handler, errors.Internal())
        _allow_origin(handler, request, response)
        return response(environ, start_response)

    def _find(self, path: str) -> tuple[object, tuple[str, ...]]:
        try:
            path = path.encode("latin-1").decode()
        except UnicodeDecodeError:
            raise errors.BadRequest("The path is not valid UTF-8") from None
        for pattern, handler in self._routes:
            match = pattern.fullmatch(path)
            if match:
                return handler, match.groups()
        raise errors.NotFound("No such resource")

    def _render(self, handler: object, error: errors.DaemonError) -> Response:
        return getattr(handler, "render_error", self._render_error)(error)


def _method(handler: object, name: str) -> Callable[..., Response]:
    method = getattr(handler, name.lower(), None) if name in METHODS else None
    if method is None:
        raise errors.MethodNotAllowed(name[:32], ",".join(known for known in METHODS if hasattr(handler, known.lower())))
    return method


def _allow_origin(handler: object, request: Request, response: Response) -> None:
    """Pages of other origins may use the images service: a page that knows a ticket's id may do what the ticket lets, as anybody may."""
    if request.method not in getattr(handler, "cors", ()):
        return
    asked = {
        "Origin": ("Access-Control-Allow-Origin", "*"),
        "Access-Control-Request-Headers": ("Access-Control-Allow-Headers", "*"),
        "Access-Control-Request-Method": ("Access-Control-Allow-Methods", "OPTIONS,GET,PUT" if request.method == "OPTIONS" else "*"),
    }
    if request.header("Origin") is not None:
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
    answers = [answer for question, answer in asked.items() if request.header(question) is not None]
    if answers:
        response.headers.update([*answers, ("Access-Control-Max-Age", CORS_MAX_AGE)])
