"""The hosts: where they are, and whether they answer."""

import contextlib
import ssl
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import orm

from appliance import errors
from appliance.admin import events, models, views
from appliance.admin.clock import Clock
from appliance.admin.database import Database
from appliance.transfer import hosts as transfer_hosts
from imaged import client

#: A supervised daemon is back within a second: a host is called down only after this many seconds of silence.
GRACE = 10.0

#: A host may be silent this long while a chunk reaches its disk, in seconds: one PUT of many GB is flushed at its end.
FLUSH = 300.0


class Hosts:
    """All hosts. The addresses are in the database, the connections in `hosts` of the transfer room."""

    def __init__(self, database: Database, hosts: transfer_hosts.Hosts, events: events.Events, clock: Clock):
        self._database = database
        self._hosts = hosts
        self._events = events
        self._clock = clock
        self._silent_since: dict[str, float] = {}

    def ensure(self, name: str, control: str, images: str, *, tls: ssl.SSLContext | None = None) -> views.Host:
        """Records the host, or its new addresses (`unix:/path`, `https://host:port`), and opens its connections."""
        with self._database.session() as session:
            host = session.scalar(sa.select(models.Host).where(models.Host.name == name))
            if host is None:
                host = models.Host(name=name, up=True, created_at=self._clock.now())
                session.add(host)
                self._events.record(session, "host-added", f"Host {name} was added")
            host.control, host.images = control, images
        self._register(host, tls)
        return self.get(host.id)

    def load(self) -> None:
        """Opens connections to every recorded host that `ensure` has not named in this process."""
        with self._database.reading() as session:
            hosts = list(session.scalars(sa.select(models.Host)))
        for host in hosts:
            try:
                self._hosts.control(host.id)
            except errors.HostDown:
                self._register(host, None)

    def all(self) -> tuple[views.Host, ...]:
        """By name."""
        with self._database.reading() as session:
            hosts = session.scalars(sa.select(models.Host).order_by(models.Host.name))
            return tuple(_view(session, host) for host in hosts)

    def get(self, host_id: str) -> views.Host:
        """Raises errors.NotFound."""
        with self._database.reading() as session:
            host = session.get(models.Host, host_id)
            if host is None:
                raise errors.NotFound(what="host")
            return _view(session, host)

    @contextlib.contextmanager
    def asking(self, host: models.Host | views.Ref) -> Iterator[client.Control]:
        """The host's control service; what it fails with becomes errors.HostDown, and a no that nobody caught errors.HostRefused."""
        try:
            yield self._hosts.control(host.id)
        except (client.Unreachable, errors.HostDown):
            raise errors.HostDown(host=host.name) from None
        except client.Refused as refused:
            raise errors.HostRefused(host=host.name, reason=refused.message, details={"code": refused.code}) from refused

    def look(self, host: models.Host) -> bool:
        """Whether the host answers now; records it when it has been silent for `GRACE`, and when it is back."""
        try:
            self._hosts.control(host.id).info()
        except (client.Unreachable, client.Refused, errors.HostDown) as error:
            self._silent_since.setdefault(host.id, self._clock.steady())
            if host.up and self.gone(host.id):
                self._set(host.id, False, str(error), events.WARNING, f"Host {host.name} does not answer")
            return False
        self._silent_since.pop(host.id, None)
        if not host.up:
            self._set(host.id, True, None, events.INFO, f"Host {host.name} answers again")
        return True

    def silent(self, host_id: str) -> bool:
        """It did not answer the last look: asking it now could take long."""
        return host_id in self._silent_since

    def gone(self, host_id: str) -> bool:
        """The host has been silent for longer than a restart of its daemon takes."""
        since = self._silent_since.get(host_id)
        return since is not None and self._clock.steady() - since >= GRACE

    def _set(self, host_id: str, up: bool, reason: str | None, severity: str, message: str) -> None:
        with self._database.session() as session:
            session.execute(sa.update(models.Host).where(models.Host.id == host_id).values(up=up, reason=reason))
            self._events.record(session, "host-up" if up else "host-down", message, severity=severity)

    def _register(self, host: models.Host, tls: ssl.SSLContext | None) -> None:
        self._hosts.register(host.id, client.Control(host.control, tls=tls), client.Images(host.images, timeout=FLUSH, tls=tls))


def _view(session: orm.Session, host: models.Host) -> views.Host:
    domains = session.scalars(
        sa.select(models.Domain.name).join(models.Domain.seen_by).where(models.DomainHost.host_id == host.id).order_by(models.Domain.name)
    )
    return views.Host(
        id=host.id,
        name=host.name,
        address=host.images,
        status="up" if host.up else "down",
        reason=host.reason,
        domains=tuple(domains),
    )
