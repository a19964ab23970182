"""The daemon as a process: puts the rooms together, opens its addresses, watches itself, and stops in bounded time."""

import contextlib
import gc
import importlib.metadata
import logging
import os
import resource
import select
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from imaged import config, locks, peer, services, signals, systemd
from imaged.backends.policy import Policy
from imaged.httpd import tls
from imaged.httpd.server import Server

if TYPE_CHECKING:
    from imaged import identity

log = logging.getLogger("imaged")

#: Threads of a control service: its requests are short, and its clients few.
CONTROL_THREADS = 32
#: Seconds after the end of its stop_timeout when the process ends whatever hangs, before its supervisor kills it: no byte that was
#: acknowledged is lost.
GIVE_UP = 4.0


class CannotStart(Exception):
    """Why the daemon cannot start, for the person who started it."""


def version() -> str:
    try:
        return importlib.metadata.version("image-appliance")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"  # run from a source tree that was never installed


class Daemon:
    """One process's worth of daemon, from its settings to its end."""

    def __init__(self, settings: config.Config):
        self._settings = settings
        self._servers: list[Server] = []
        self._threads: list[threading.Thread] = []
        #: Those that show a certificate, each with the authority of its clients.
        self._secured: list[tuple[Server, Path | None]] = []
        self._stamps: list[tuple[int, int]] = []

    def run(self) -> None:
        """Serves until a signal, the end of standard input (supervised) or of a service. Raises CannotStart, SystemExit(1)."""
        if self._settings.supervised and sys.stdin is None:
            raise CannotStart("supervised, but standard input is closed: there is nobody whose end could be noticed")
        os.umask(0o077)
        _start_log(self._settings.log_level, self._settings.supervised)
        _raise_file_limit()
        with _wakeups() as wakeups, contextlib.ExitStack() as stack:
            self._lock_sockets(stack)
            context = self._context()
            stack.callback(context.close)
            stack.callback(self._stop)
            self._open(context)
            # What was made by now stays: the garbage collector, who stops everybody, need not look at it again and again.
            gc.collect()
            gc.freeze()
            systemd.notify("READY=1")
            log.info("ready: %s", ", ".join(_name(server.bind_addr) for server in self._servers))
            healthy = self._watch(wakeups, context)
            systemd.notify("STOPPING=1")
            log.info("stopping")
            _give_up_after(self._settings.stop_timeout + GIVE_UP)
        log.info("stopped")
        if not healthy:
            sys.exit(1)

    def _context(self) -> services.Context:
        settings = self._settings
        socket = settings.control_socket or settings.local_socket
        # A daemon of TCP alone may have been given a place by systemd.
        given = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        run_dir = socket.parent if socket else Path(given) if given else None
        try:
            return services.Context(
                settings.root,
                host_id=settings.host_id,
                unix_socket=settings.local_socket,
                policy=self._policy(),
                run_dir=run_dir,
                images=self._peer(),
                identity=self._identity(),
                scan_command=settings.scan_command,
            )
        except OSError as error:
            raise CannotStart(f"A directory for the sockets of exports cannot be made: {error.filename}: {error.strerror}") from None

    def _identity(self) -> "identity.Identity | None":
        """Of an enrolled host: key and certificate in one file are what `imaged enrol` writes."""
        file = self._settings.tls_cert
        if not file or file != self._settings.tls_key:
            return None
        # Loading it takes a sixth of the time in which all others start.
        from imaged import identity

        return identity.Identity(file)

    def _lock_sockets(self, stack: contextlib.ExitStack) -> None:
        for path in (self._settings.control_socket, self._settings.local_socket):
            if path is None:
                continue
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = locks.acquire(path)
            except locks.Held as held:
                raise CannotStart(str(held)) from None
            except OSError as error:
                raise CannotStart(f"Socket {path} cannot be made: {error.filename}: {error.strerror}") from None
            stack.callback(os.close, descriptor)

    def _open(self, context: services.Context) -> None:
        settings = self._settings
        images, control = services.images_app(context), services.control_app(context)
        # Before the files are read: what changes from now on is seen.
        self._stamps = self._stamp()
        if settings.control_socket:
            self._launch(str(settings.control_socket), control, CONTROL_THREADS)
        if settings.local_socket:
            self._launch(str(settings.local_socket), images, settings.threads)
        if settings.control_listen:
            self._secure(self._launch(settings.control_listen, control, CONTROL_THREADS, self._tls(settings.tls_ca)), settings.tls_ca)
        if settings.listen and settings.no_tls:
            self._launch(settings.listen, images, settings.threads)
        elif settings.listen:
            self._secure(self._launch(settings.listen, images, settings.threads, self._tls()), None)

    def _policy(self) -> Policy:
        return Policy.parse(self._settings.root, self._settings.allow, self._upstream_tls())

    def _peer(self) -> peer.Peer | None:
        settings = self._settings
        if not settings.images_service:
            return None
        return peer.Peer(settings.images_service, settings.images_control or Path(config.IMAGEIO_SOCKET), self._upstream_tls())

    def _upstream_tls(self) -> ssl.SSLContext | None:
        settings = self._settings
        try:
            return tls.client_context(str(settings.upstream_ca)) if settings.upstream_ca else None
        except OSError as error:
            raise CannotStart(f"upstream_ca: {settings.upstream_ca} cannot be read as PEM: {error}") from None

    def _tls(self, client_ca: Path | None = None) -> ssl.SSLContext:
        settings = self._settings
        try:
            client_name = settings.control_client if client_ca else None
            return tls.server_context(str(settings.tls_cert), str(settings.tls_key), str(client_ca) if client_ca else None, client_name)
        except OSError as error:
            paths = ", ".join(str(path) for path in (settings.tls_cert, settings.tls_key, client_ca) if path)
            reason = error.reason if isinstance(error, ssl.SSLError) and error.reason else error
            raise CannotStart(f"TLS cannot be set up with {paths}: {reason}") from None

    def _launch(self, bind: tuple[str, int] | str, app: Callable, threads: int, context: ssl.SSLContext | None = None) -> Server:
        server = Server(
            bind,
            app,
            threads=threads,
            tls=context,
            shutdown_timeout=self._settings.stop_timeout,
            max_connections=self._settings.max_connections,
            max_connections_each=self._settings.max_connections_per_address,
        )
        try:
            self._threads.append(server.launch())
        except OSError as error:
            raise CannotStart(f"Cannot listen on {_name(bind)}: {_reason(error)}") from None
        self._servers.append(server)
        return server

    def _secure(self, server: Server, client_ca: Path | None) -> None:
        self._secured.append((server, client_ca))

    def _watch(self, wakeups: int, context: services.Context) -> bool:
        """Waits for the reason to stop, with signs of life to systemd. False: a service died by itself."""
        watched = [wakeups]
        if self._settings.supervised:
            watched.append(sys.stdin.fileno())
        interval = systemd.watchdog_interval()
        while True:
            readable, _, _ = select.select(watched, [], [], min(interval or 1.0, 1.0))
            if wakeups in readable:
                return True
            # What the parent says is of no interest, only that it is there.
            if readable and not os.read(readable[0], 4096):
                log.info("the supervising process is gone")
                return True
            if not all(thread.is_alive() for thread in self._threads):
                log.critical("a service ended by itself")
                return False
            if interval:
                systemd.notify("WATCHDOG=1")
            self._renew_tls()
            context.tickets.tidy()

    def _renew_tls(self) -> None:
        """A certificate that was renewed is shown from now on; connections that are there go on."""
        stamps = self._stamp()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            contexts = [self._tls(client_ca) for _, client_ca in self._secured]
        except CannotStart as error:
            # Half of it is written, perhaps: what changes again is looked at again.
            log.warning("The certificate that is there now cannot be used, the one before goes on: %s", error)
            return
        for (server, _), context in zip(self._secured, contexts, strict=True):
            server.renew(context)
        log.info("the certificate was renewed")

    def _stamp(self) -> list[tuple[int, int]]:
        """By what a changed certificate is seen."""
        found = []
        for path in (self._settings.tls_cert, self._settings.tls_key, self._settings.tls_ca):
            with contextlib.suppress(OSError):
                if path:
                    status = path.stat()
                    found.append((status.st_ino, status.st_mtime_ns))
        return found

    def _stop(self) -> None:
        """All services at once: each may take its time."""
        stopping = [threading.Thread(target=server.stop) for server in self._servers]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()


@contextlib.contextmanager
def _wakeups() -> Iterator[int]:
    """A descriptor that becomes readable when somebody asks us, by SIGTERM or SIGINT, to stop."""
    with signals.wakeups() as wakeups:
        # The descriptor alone is heeded; these are there so that nothing else is done.
        before = {number: signal.signal(number, lambda number, frame: None) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield wakeups
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _give_up_after(seconds: float) -> None:
    """A read from a dead disk cannot be broken off, but left."""

    def leave() -> None:
        log.error("something still hangs after %.0f s: leaving it", seconds)
        os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


def _start_log(level: str, supervised: bool) -> None:
    """To standard error. A supervisor puts the time before each line by itself."""
    time = "" if supervised else "%(asctime)s "
    logging.basicConfig(stream=sys.stderr, level=level.upper(), format=time + "%(levelname)s %(name)s: %(message)s", force=True)


def _raise_file_limit() -> None:
    """Each connection takes a descriptor or two; the usual soft limit of 1024 is there for programs that use select()."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _name(bind: tuple[str, int] | str) -> str:
    """An address as a person writes it."""
    if isinstance(bind, str):
        return bind
    host, port = bind[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    if "Address already in use" in text:
        return "another program listens there already: stop it, or choose another port"
    if "Permission denied" in text:
        return "not allowed: ports below 1024 and other users' directories need privileges"
    return text
