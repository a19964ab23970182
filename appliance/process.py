"""The process: builds the rooms from a configuration, starts them on a CherryPy bus, and stops them in good order."""

import contextlib
import logging
import logging.handlers
import os
import pathlib
import select
import socket
import sys
from collections.abc import Iterator

import cherrypy
import click
import sqlalchemy.exc
from cherrypy.process import plugins, wspbus

from appliance import addresses, admin, authority, bootstrap, config, errors, files, renewal, running, supervisor
from appliance.transfer import hosts, relay, sessions, slots, tickets
from appliance.web import downloads, images, security, server, site
from appliance.web.glance import calls as glance_calls
from appliance.web.glance import engine as glance
from appliance.web.ovirt import engine
from imaged import systemd
from imaged.httpd import tls

log = logging.getLogger("appliance")

HOST_NAME = "local"
FIRST_USER = "admin"
#: The storage domains of the first run: name and kind.
DOMAINS = {"data": "data", "iso": "iso"}

#: The log file: bytes of one, and how many old ones are kept.
LOG_BYTES, LOG_FILES = 16 << 20, 4
#: Seconds beyond what requests have to end (at each port, and at the daemon) when a stop that hangs is given up: everything that was
#: acknowledged is on the disks.
GIVE_UP = 18.0


def run(settings: config.Config) -> int:
    """Runs the appliance until SIGINT or SIGTERM; returns the exit status. A second signal ends it at once.

    Raises errors.ApplianceError and config.BadSetting for what a person has to put right before it can start.
    """
    os.umask(0o077)
    with contextlib.ExitStack() as stack:
        lock = bootstrap.Lock(settings.state_dir)
        stack.callback(lock.release)
        installation = bootstrap.prepare(settings)
        stack.enter_context(_logging(settings))
        running.raise_file_limit()
        log.info("Starting on %s", settings.state_dir)
        rooms = Rooms(settings, installation, stack)
        bus = wspbus.Bus()
        stop = stack.enter_context(running.stops(bus))
        # Before it listens: whoever finds it open finds its address too.
        stack.enter_context(_address(settings))
        rooms.open(bus, stack)
        running.settle()
        bus.start()
        stack.callback(bus.exit)
        # Bytes that still move then wait for a host, or for a client that the listeners have given up.
        stack.callback(running.later, settings.stop_timeout, rooms.sessions.end_all)
        stack.callback(running.later, 3 * settings.stop_timeout + GIVE_UP, running.leave)
        _announce(settings, installation)
        systemd.notify("READY=1")
        while not select.select([stop], [], [], systemd.watchdog_interval())[0]:
            systemd.notify("WATCHDOG=1")
        systemd.notify("STOPPING=1")
        log.info("Stopping")
    return 0


class Rooms:
    """Everything that one installation consists of, put together from below: transfer, admin, web. Undone by `stack`."""

    def __init__(self, settings: config.Config, installation: bootstrap.Installation, stack: contextlib.ExitStack):
        self._settings = settings
        self._installation = installation
        database = _database(settings)
        stack.callback(database.close)
        known = self._hosts = hosts.Hosts()
        public_key = installation.ticket_key.public_key()
        signer = tickets.Signer(installation.ticket_key, installation.id, settings.signed_ticket_lifetime)
        verifier = tickets.Verifier(public_key, installation.id, tickets.now(), settings.clock_skew)
        self.sessions = sessions.Sessions(verifier)
        self.relay = relay.Relay(known, self.sessions)
        self._authority = authority.Authority(settings.state_dir, settings.certificate_lifetime)
        # At once: the command line may show it to hosts while we run.
        self._authority.context()
        self.admin = admin.Admin(
            settings, database, known, signer, self.sessions, authority=self._authority, import_key=installation.import_key
        )
        self._listening: list[server.Listener] = []

    def open(self, bus: wspbus.Bus, stack: contextlib.ExitStack) -> None:
        """Makes the first user, listens, starts the daemon and records it; what serves and watches is left to the start of the bus."""
        self._make_first_user()
        for listener in self._listeners(bus):
            listener.open()
            # A start that fails later must not leave its threads behind.
            stack.callback(listener.stop)
            listener.subscribe()
            self._listening.append(listener)
        daemon = self._daemon()
        stack.callback(daemon.stop)
        daemon.start()
        local = self.admin.hosts.ensure(HOST_NAME, daemon.control, daemon.images, addresses.daemon(self._settings))
        known = {domain.name for domain in self.admin.domains.all()}
        for name, kind in DOMAINS.items():
            # One that was removed stays removed.
            if name in known or not known:
                self.admin.domains.ensure(name, kind, local, str(self._settings.state_dir / "domains" / name))
        Watch(bus, self.admin).subscribe()
        fresh = renewal.Renewal(self._settings, self._installation, self._authority, self._listening)
        plugins.Monitor(bus, fresh.look, frequency=renewal.INTERVAL, name="certificates").subscribe()

    def _make_first_user(self) -> None:
        password, unknown = bootstrap.first_password()
        try:
            made = self.admin.users.ensure_admin(FIRST_USER, password)
        except errors.BadPassword as error:
            raise config.BadSetting(config.PASSWORD_VARIABLE, "environment variable", str(error.words["reason"])) from None
        if made and unknown:
            # At once: whatever fails later in this start, the next one will not know it any more.
            click.echo(f"First user:   {FIRST_USER}\nPassword:     {password}   (shown only now; `image-appliance user passwd` changes it)")

    def _listeners(self, bus: wspbus.Bus) -> Iterator[server.Listener]:
        settings, installation = self._settings, self._installation
        context = None if settings.http else tls.server_context(str(installation.certificate), str(installation.certificate_key))
        # One for both listeners: each chunk takes a thread of the daemon too, which has as many as one of them.
        room = slots.Slots(self._daemon_threads, settings.threads_reserved)
        download = downloads.Downloads(self.sessions, self.relay, room)
        pages = site.application(self.admin, settings, csrf_key=installation.csrf_key, download=download)
        service = images.Images(self.sessions, self.relay, room)
        ours = glance.application(glance_calls.Rooms(self.admin, self._hosts, download, room), settings)
        one = server.together(pages, service, engine.application(self.admin, settings), ours, self.relay.courtesy, settings.proxies)
        if settings.images_port:
            # Threads of its own: whatever comes here, pages and heartbeats keep theirs.
            alone = security.guarded(images.Images(self.sessions, self.relay, room))
            yield self._listener(bus, "images_port", settings.images_port, alone, context)
        # The main one last: whoever finds it open finds the other one too.
        yield self._listener(bus, "port", settings.port, one, context)

    def _listener(self, bus, setting, port, app, context) -> server.Listener:
        settings = self._settings
        return server.Listener(
            bus,
            setting,
            (settings.host, port),
            app,
            threads=settings.threads,
            tls=context,
            timeout=settings.inactivity_timeout,
            shutdown_timeout=settings.stop_timeout,
            max_connections=settings.max_connections,
            max_connections_each=settings.max_connections_per_address,
        )

    @property
    def _daemon_threads(self) -> int:
        return min(self._settings.threads, supervisor.MAX_THREADS)

    def _daemon(self) -> supervisor.Supervisor:
        settings, installation = self._settings, self._installation
        words = supervisor.arguments(
            [settings.state_dir / "domains"],
            (settings.host, settings.daemon_port) if settings.daemon_port else None,
            installation.certificate,
            installation.certificate_key,
            settings,
            self._daemon_threads,
        )
        return supervisor.Supervisor(supervisor.socket_directory(settings.state_dir), words, stop_timeout=settings.stop_timeout)


class Watch(plugins.SimplePlugin):
    """What the administration does unasked, while the bus runs: the monitor, imports, the eye on the proxies."""

    def __init__(self, bus: wspbus.Bus, rooms: admin.Admin):
        super().__init__(bus)
        self._watched = (rooms.monitor, rooms.importing, rooms.proxies)

    def start(self) -> None:
        for each in self._watched:
            each.start()

    def stop(self) -> None:
        for each in self._watched:
            each.stop()


def _database(settings: config.Config) -> admin.Database:
    """The migrated database. Raises config.BadSetting."""
    try:
        database = admin.Database(settings.database_url)
        database.migrate()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, OSError) as error:
        raise config.BadSetting("database_url", "configuration", f"the database cannot be opened: {_database_trouble(error)}") from error
    return database


def _database_trouble(error: Exception) -> str:
    """In a line, and without the URL: there may be a password in it."""
    match error:
        case ImportError():
            return f"its driver is not installed ({error.name})"
        case sqlalchemy.exc.ArgumentError():
            return "this is no URL of a database that SQLAlchemy knows"
    return str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]


def _announce(settings: config.Config, installation: bootstrap.Installation) -> None:
    """Tells the person at the console where to go, and how to know that it is the right place."""
    everywhere = settings.host in ("0.0.0.0", "::")
    name = (settings.hostnames or (socket.gethostname(),))[0] if everywhere else settings.host
    scheme = "http" if settings.http else "https"
    lines = [f"Address:      {scheme}://{f'[{name}]' if ':' in name else name}:{settings.port}/"]
    if everywhere:
        lines.append(f"Here:         {scheme}://localhost:{settings.port}/")
    if not settings.http:
        lines += [
            f"Certificate:  SHA-256 {installation.fingerprint}",
            f"Authority:    SHA-256 {installation.ca_fingerprint}",
            f"              trust {installation.ca} and no browser warns",
        ]
    lines.append("Ctrl-C stops it.")
    click.echo("\n".join(lines))


@contextlib.contextmanager
def _address(settings: config.Config) -> Iterator[None]:
    """For the command line: what it tells hosts to connect to is where we listen, whatever we were started with."""
    path = settings.state_dir / "run" / "address"
    files.write(path, settings.url.encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _logging(settings: config.Config) -> Iterator[None]:
    """Everything into `log/appliance.log` of the state directory, warnings to the console too."""
    path: pathlib.Path = settings.state_dir / "log" / "appliance.log"
    file = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.WARNING)
    # CherryPy's own handlers would write to the console what it thinks of requests.
    cherrypy.log.screen = False
    root = logging.getLogger()
    root.setLevel(settings.log_level.upper())
    for name in ("cherrypy", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in (file, console):
        handler.setFormatter(logging.Formatter(running.FORMAT))
        root.addHandler(handler)
    try:
        yield
    finally:
        log.info("Stopped")
        for handler in (file, console):
            root.removeHandler(handler)
            handler.close()
