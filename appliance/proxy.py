"""The standalone proxy: the data path alone, on a machine of its own. It knows its key file, and what tickets tell; it keeps nothing."""

import contextlib
import datetime
import logging
import os
import pathlib
import select
import sys

import cherrypy
import click
from cherrypy.process import wspbus

from appliance import config, errors, proxy_key, running
from appliance.transfer import hosts, relay, sessions, slots, tickets
from appliance.web import cors, images, security, server
from imaged import systemd

log = logging.getLogger("appliance.proxy")

#: Seconds between two looks at the key file, and at connections that nobody needs any more.
LOOK = 10.0
#: Seconds beyond what requests have to end when a stop that hangs is given up.
GIVE_UP = 10.0
#: When so little of its certificate's life is left, the log says so each day.
WARN_BEFORE = datetime.timedelta(days=30)
DAY = datetime.timedelta(days=1)


def run(settings: config.Config, file: pathlib.Path, listen: tuple[str, int] | None = None) -> int:
    """Runs a proxy until SIGINT or SIGTERM; returns the exit status. A second signal ends it at once.

    `file` is its key, `listen` its address and port: every IPv4 address and its URL's port, if it is not given. Of the settings, those of
    threads, connections, times and the log count. Raises config.BadSetting.
    """
    os.umask(0o077)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_logging(settings))
        running.raise_file_limit()
        proxy = Proxy(settings, file, listen)
        bus = wspbus.Bus()
        stop = stack.enter_context(running.stops(bus))
        stack.callback(proxy.listener.stop)
        proxy.open()
        running.settle()
        # Nobody is answered before tickets are accepted: see `Proxy`.
        if select.select([stop], [], [], settings.clock_skew)[0]:
            return 0
        proxy.listener.start()
        stack.callback(running.later, settings.stop_timeout, proxy.sessions.end_all)
        stack.callback(running.later, settings.stop_timeout + GIVE_UP, running.leave)
        click.echo(f"Address:      {proxy.key.url}/\nCtrl-C stops it.")
        log.info("Started for %s", proxy.key.url)
        systemd.notify("READY=1")
        while not select.select([stop], [], [], min(systemd.watchdog_interval() or LOOK, LOOK))[0]:
            systemd.notify("WATCHDOG=1")
            proxy.tend()
        systemd.notify("STOPPING=1")
        log.info("Stopping")
    return 0


class Proxy:
    """Sessions, relay and listener of one proxy."""

    def __init__(self, settings: config.Config, file: pathlib.Path, listen: tuple[str, int] | None):
        self._file = file
        self.key, self._stamp = self._read()
        key = self.key
        self._addresses = hosts.Addresses(key.hosts())
        # The appliance's clock may be ahead of ours: a ticket that was used here just before this start could look as if it were younger.
        started = tickets.now() + settings.clock_skew
        self.sessions = sessions.Sessions(tickets.Verifier(key.tickets, key.installation, started, settings.clock_skew, audience=key.url))
        service = images.Images(
            self.sessions,
            relay.Relay(self._addresses, self.sessions),
            slots.Slots(settings.threads, settings.threads_reserved),
            lambda: {"appliance": key.installation, "proxy": key.url, "time": tickets.now()},
        )
        self._place = listen or ("0.0.0.0", key.port)
        self.listener = server.Listener(
            wspbus.Bus(),
            "--listen",
            self._place,
            security.guarded(cors.shared(service)),
            threads=settings.threads,
            tls=key.server,
            timeout=settings.inactivity_timeout,
            shutdown_timeout=settings.stop_timeout,
            max_connections=settings.max_connections,
            max_connections_each=settings.max_connections_per_address,
        )
        self._warned: datetime.datetime | None = None

    def open(self) -> None:
        """Listens; nobody is answered yet. Raises config.BadSetting."""
        try:
            self.listener.open()
        except (errors.PortTaken, errors.NoSuchAddress) as error:
            raise config.BadSetting("--listen", "the proxy's address", error.sentence) from None

    def tend(self) -> None:
        """Forgets what nobody needs, and shows the certificate of a key file that is another one now."""
        self._addresses.tend()
        with contextlib.suppress(OSError):
            if _stamp(self._file) != self._stamp:
                self._renew()
        now = datetime.datetime.now(datetime.UTC)
        if self.key.expires_at - now < WARN_BEFORE and (self._warned is None or now - self._warned > DAY):
            self._warned = now
            log.warning("The certificate expires at %s: copy a new file of `image-appliance proxy-key` here", self.key.expires_at)

    def _renew(self) -> None:
        self._stamp = _stamp(self._file)
        try:
            fresh, self._stamp = self._read()
        except config.BadSetting as error:
            log.error("The new key is not used: %s", error)
            return
        if (fresh.installation, fresh.url, fresh.authority) != (self.key.installation, self.key.url, self.key.authority):
            log.error("The new key is for another proxy or appliance: start anew to use it")
            return
        self.key = fresh
        self.listener.renew(fresh.server)
        log.info("The certificate was renewed")

    def _read(self) -> tuple[proxy_key.Key, tuple]:
        try:
            stamp = _stamp(self._file)
            return proxy_key.read(self._file), stamp
        except OSError as error:
            raise config.BadSetting("--key", str(self._file), str(error.strerror)) from None
        except proxy_key.BadKey as error:
            raise config.BadSetting("--key", str(self._file), str(error)) from None


def _stamp(file: pathlib.Path) -> tuple[int, int]:
    facts = file.stat()
    return facts.st_ino, facts.st_mtime_ns


@contextlib.contextmanager
def _logging(settings: config.Config):
    """To standard error: there is no directory of ours."""
    cherrypy.log.screen = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(running.FORMAT))
    root = logging.getLogger()
    root.setLevel(settings.log_level.upper())
    logging.getLogger("cherrypy").setLevel(logging.WARNING)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
