"""The hosts: where they are, whether they answer, and whether they take transfers."""

import contextlib
import re
import ssl
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.exc import IntegrityError

from appliance import authority, errors, values
from appliance.admin import events, models, phases, views
from appliance.admin.ground import Ground
from appliance.transfer import hosts as transfer_hosts
from imaged import client

#: Seconds that a host has to say that it is there: one that hangs is as dead as one that is gone, and has to be noticed as soon.
LOOK = 3.0

#: A host is called down after this many seconds of silence: a daemon that is restarted is back sooner, a busy one answers one of two looks.
GRACE = 2 * LOOK

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class Hosts:
    """All hosts. The addresses are in the database, the connections in `hosts` of the transfer room.

    `authority` proves the hosts to us, and us to them; without one there are only those on unix sockets.
    """

    def __init__(self, ground: Ground, connections: transfer_hosts.Hosts, authority: authority.Authority | None = None):
        self._ground = ground
        self._connections = connections
        self._authority = authority
        self._silent_since: dict[str, float] = {}
        self._answered: dict[str, float] = {}
        #: What the connections were made with: a changed address or certificate of ours wants new ones.
        self._registered: dict[str, tuple] = {}

    def ensure(self, name: str, control: str, images: str, public: str | None = None) -> views.Host:
        """Records the host, or its new addresses (`unix:/path`, `https://host:port`), and opens its connections.

        `public` is where clients from outside reach its images service, if they can.
        """
        with self._ground.database.session() as session:
            host = session.scalar(sa.select(models.Host).where(models.Host.name == name))
            if host is None:
                host = models.Host(name=name, up=True, created_at=self._ground.clock.now())
                session.add(host)
                self._ground.events.record(session, "host-added", f"Host {name} was added")
            host.control, host.images, host.public = control, images, public
        self._register(host)
        return self.get(host.id)

    def add(self, new: views.NewHost, user: views.User | None = None) -> views.Host:
        """Records a host that has yet to be enrolled. Raises errors.Invalid, errors.HostExists."""
        if not _NAME.fullmatch(new.name):
            raise errors.Invalid(
                field="name", reason="a host's name has 1 to 64 of a-z, A-Z, 0-9, dot, dash and underscore, a letter or digit first"
            )
        address = new.address.strip().removeprefix("[").removesuffix("]")
        if not values.is_name(address) or address.startswith("*") or len(address) > 253:
            raise errors.Invalid(field="address", reason="it must be a host name or an IP address, without a port")
        for field in ("images_port", "control_port"):
            if not 1 <= getattr(new, field) <= 65535:
                raise errors.Invalid(field=field, reason="a port is a number from 1 to 65535")
        if new.images_port == new.control_port:
            raise errors.Invalid(field="control_port", reason="each of the two services needs a port of its own")
        place = f"[{address}]" if ":" in address else address
        images = f"https://{place}:{new.images_port}"
        host = models.Host(
            name=new.name,
            address=address,
            control=f"https://{place}:{new.control_port}",
            images=images,
            public=images,
            up=False,
            enrolled=False,
            created_at=self._ground.clock.now(),
        )
        try:
            with self._ground.database.session() as session:
                taken = sa.select(models.Host.id).where(sa.or_(models.Host.name == new.name, models.Host.control == host.control))
                if session.scalar(taken):
                    raise errors.HostExists(name=new.name)
                session.add(host)
                self._ground.events.record(session, "host-added", f"Host {new.name} was added", user=user)
        except IntegrityError:
            raise errors.HostExists(name=new.name) from None
        return self.get(host.id)

    def remove(self, host_id: str, user: views.User | None = None) -> None:
        """Forgets the host (id or name). Raises errors.NotFound, errors.HostInUse."""
        with self._ground.database.session() as session:
            host = find(session, host_id)
            if host.address is None:
                raise errors.HostInUse(host=host.name, reason="it is the appliance's own")
            finished = models.Transfer.phase.in_([str(phase) for phase in phases.FINISHED])
            if session.scalar(sa.select(models.Transfer.id).where(models.Transfer.host_id == host.id, ~finished)):
                raise errors.HostInUse(host=host.name, reason="it has transfers that are not finished")
            for seen in session.scalars(sa.select(models.DomainHost).where(models.DomainHost.host_id == host.id)):
                domain = session.get_one(models.Domain, seen.domain_id)
                if len(domain.seen_by) == 1:
                    raise errors.HostInUse(host=host.name, reason=f"no other host sees storage domain {domain.name}")
            session.execute(sa.delete(models.DomainHost).where(models.DomainHost.host_id == host.id))
            session.execute(sa.update(models.Transfer).where(models.Transfer.host_id == host.id).values(host_id=None))
            session.execute(sa.delete(models.Host).where(models.Host.id == host.id), execution_options={"synchronize_session": False})
            self._ground.events.record(session, "host-removed", f"Host {host.name} was removed", user=user)
        self._forget(host.id)

    def maintain(self, host_id: str, on: bool, user: views.User | None = None) -> views.Host:
        """Puts the host (id or name) into maintenance, or (`on` is False) makes it active again. Repeatable. Raises errors.NotFound."""
        with self._ground.database.session() as session:
            host = find(session, host_id)
            if host.maintenance != on:
                host.maintenance = on
                code, words = ("host-maintenance", "was put into maintenance") if on else ("host-activated", "was activated")
                self._ground.events.record(session, code, f"Host {host.name} {words}", user=user)
        return self.get(host.id)

    def load(self) -> list[models.Host]:
        """Every recorded host. Connections follow: another process may have added, moved or removed one."""
        with self._ground.database.reading() as session:
            hosts = list(session.scalars(sa.select(models.Host)))
        for host in hosts:
            if host.enrolled and self._registered.get(host.id) != self._terms(host):
                self._register(host)
        for host_id in self._registered.keys() - {host.id for host in hosts}:
            self._forget(host_id)
        return hosts

    def all(self) -> tuple[views.Host, ...]:
        """By name."""
        with self._ground.database.reading() as session:
            hosts = session.scalars(sa.select(models.Host).order_by(models.Host.name))
            return tuple(_view(session, host) for host in hosts)

    def get(self, host_id: str) -> views.Host:
        """The host of that id or name. Raises errors.NotFound."""
        with self._ground.database.reading() as session:
            return _view(session, find(session, host_id))

    def public(self, host_id: str) -> str | None:
        """Where the host's images service is reached from outside: `https://host:port`; None if it is not."""
        with self._ground.database.reading() as session:
            return session.scalar(sa.select(models.Host.public).where(models.Host.id == host_id))

    @contextlib.contextmanager
    def asking(self, host: models.Host | views.Ref) -> Iterator[client.Control]:
        """The host's control service; what it fails with becomes errors.HostDown, and a no that nobody caught errors.HostRefused."""
        asked = self._ground.clock.steady()
        try:
            yield self._connections.control(host.id)
        except (client.Unreachable, errors.HostDown):
            # Whoever asks next need not wait for it as long as this one did.
            self._silent(host.id, asked)
            raise errors.HostDown(host=host.name) from None
        except client.Refused as refused:
            raise errors.HostRefused(host=host.name, reason=refused.message, details={"code": refused.code}) from refused

    def look(self, host: models.Host) -> bool:
        """Whether the host answers now; records it when it has been silent for `GRACE`, and when it is back."""
        if not host.enrolled:
            return False
        asked = self._ground.clock.steady()
        try:
            self._connections.control(host.id).info(timeout=LOOK)
        except (client.Unreachable, client.Refused, errors.HostDown) as error:
            self._silent(host.id, asked)
            if self.gone(host.id):
                if host.up:
                    self._set(host, False, str(error), events.WARNING, f"Host {host.name} does not answer")
                self._break_off(host)
            return False
        self._answered[host.id] = self._ground.clock.steady()
        self._silent_since.pop(host.id, None)
        if not host.up:
            self._set(host, True, None, events.INFO, f"Host {host.name} answers")
        return True

    def silent(self, host_id: str) -> bool:
        """It did not answer when it was asked last: asking it now could take long."""
        return host_id in self._silent_since

    def gone(self, host_id: str) -> bool:
        """The host has been silent for longer than a restart of its daemon takes."""
        since = self._silent_since.get(host_id)
        return since is not None and self._ground.clock.steady() - since >= GRACE

    def _silent(self, host_id: str, since: float) -> None:
        """It did not answer what it was asked then; it may have answered something else meanwhile."""
        self._silent_since.setdefault(host_id, max(since, self._answered.get(host_id, since)))

    def _break_off(self, host: models.Host) -> None:
        """What it was asked before it fell silent may be waited for for minutes, and meanwhile nobody else works on that transfer."""
        with contextlib.suppress(errors.HostDown):
            self._connections.control(host.id).break_off()

    def _set(self, host: models.Host, up: bool, reason: str | None, severity: str, message: str) -> None:
        with self._ground.database.session() as session:
            session.execute(sa.update(models.Host).where(models.Host.id == host.id).values(up=up, reason=reason))
            self._ground.events.record(session, "host-up" if up else "host-down", message, severity=severity)
        host.up, host.reason = up, reason

    def _terms(self, host: models.Host) -> tuple:
        return host.control, host.images, self._tls(host)

    def _tls(self, host: models.Host) -> ssl.SSLContext | None:
        return self._authority.context() if self._authority and host.control.startswith("https:") else None

    def _register(self, host: models.Host) -> None:
        terms = self._terms(host)
        tls = terms[-1]
        self._connections.register(
            host.id, client.Control(host.control, tls=tls), client.Images(host.images, timeout=transfer_hosts.FLUSH, tls=tls)
        )
        self._registered[host.id] = terms

    def _forget(self, host_id: str) -> None:
        self._connections.forget(host_id)
        self._registered.pop(host_id, None)
        self._silent_since.pop(host_id, None)
        self._answered.pop(host_id, None)


def find(session: orm.Session, host: str) -> models.Host:
    """The host of that id or name. Raises errors.NotFound."""
    found = session.get(models.Host, host) or session.scalar(sa.select(models.Host).where(models.Host.name == host))
    if found is None:
        raise errors.NotFound(what="host")
    return found


def _view(session: orm.Session, host: models.Host) -> views.Host:
    domains = session.scalars(
        sa.select(models.Domain.name).join(models.Domain.seen_by).where(models.DomainHost.host_id == host.id).order_by(models.Domain.name)
    )
    running = models.Transfer.phase.in_([str(phase) for phase in phases.LIVE])
    return views.Host(
        id=host.id,
        name=host.name,
        address=host.images,
        status="maintenance" if host.maintenance else "up" if host.up else "down",
        reason=host.reason if host.enrolled else "It has not been enrolled yet.",
        domains=tuple(domains),
        transfers=session.scalar(sa.select(sa.func.count()).where(models.Transfer.host_id == host.id, running)) or 0,
        enrolled=host.enrolled,
        certificate_expires_at=host.certificate_expires_at,
    )
