"""The storage domains: where images live, and how much room there is."""

import threading

import sqlalchemy as sa
from sqlalchemy import orm

from appliance import errors
from appliance.admin import events, hosts, models, placement, views
from appliance.admin.clock import Clock
from appliance.admin.database import Database

KINDS = ("data", "iso")
NUMBERS = ("capacity", "free", "reserved", "available")

#: The host is asked for its numbers at most this often, in seconds: many pages look at them.
FRESH = 2.0
#: The last known numbers are kept for bad times, at most this often.
KEEP = 30.0


class Domains:
    def __init__(self, database: Database, hosts: hosts.Hosts, places: placement.Placement, events: events.Events, clock: Clock):
        self._database = database
        self._hosts = hosts
        self._places = places
        self._events = events
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers: dict[str, tuple[float, dict[str, int] | None]] = {}
        self._kept: dict[str, float] = {}

    def ensure(self, name: str, kind: str, host: views.Host, path: str) -> views.Domain:
        """Records the domain, and makes its directory on the host where it is missing. Raises errors.HostDown, errors.HostRefused."""
        if kind not in KINDS:
            raise errors.Invalid(field="kind", reason=f"it must be one of {', '.join(KINDS)}")
        with self._database.reading() as session:
            domain = session.scalar(sa.select(models.Domain).where(models.Domain.name == name))
        domain_id = domain.id if domain else models.new_id()
        with self._hosts.asking(views.Ref(host.id, host.name)) as control:
            told = control.add_domain(domain_id, name=name, path=path)
        with self._database.session() as session:
            domain = session.get(models.Domain, domain_id)
            if domain is None:
                domain = models.Domain(id=domain_id, name=name, kind=kind, created_at=self._clock.now())
                session.add(domain)
                self._events.record(session, "domain-added", f"Storage domain {name} was added on host {host.name}")
            seen = next((seen for seen in domain.seen_by if seen.host_id == host.id), None)
            if seen is None:
                seen = models.DomainHost(host_id=host.id, added_at=self._clock.now())
                domain.seen_by.append(seen)
            seen.path = told["path"]
            for number in NUMBERS:
                setattr(domain, number, told[number])
        return self.get(domain_id)

    def all(self) -> tuple[views.Domain, ...]:
        """By name."""
        with self._database.reading() as session:
            ids = list(session.scalars(sa.select(models.Domain.id).order_by(models.Domain.name)))
        return tuple(self.get(domain_id) for domain_id in ids)

    def get(self, domain: str) -> views.Domain:
        """The domain of that id or name, with its host's numbers. Raises errors.NotFound."""
        with self._database.reading() as session:
            found = find(session, domain)
            images = session.scalar(sa.select(sa.func.count()).where(models.Image.domain_id == found.id)) or 0
        numbers = self._fresh(found)
        host = self._places.any(found)
        return views.Domain(
            id=found.id,
            name=found.name,
            kind=found.kind,
            host=views.Ref(host.id, host.name),
            hosts=tuple(views.Ref(seen.host.id, seen.host.name) for seen in found.seen_by),
            path=placement.path(found, host),
            images=images,
            status="unreachable" if numbers is None else "active",
            **(numbers or {number: getattr(found, number) for number in NUMBERS}),
        )

    def ask(self, domain: models.Domain) -> dict[str, int]:
        """The numbers that the host tells at this moment. Raises errors.HostDown."""
        with self._hosts.asking(self._places.any(domain)) as control:
            told = control.domain(domain.id)
        numbers = {number: int(told[number]) for number in NUMBERS}
        self._remember(domain, numbers)
        return numbers

    def changed(self, domain_id: str) -> None:
        """The cached numbers are wrong now: something was created or deleted there."""
        with self._lock:
            self._numbers.pop(domain_id, None)

    def _fresh(self, domain: models.Domain) -> dict[str, int] | None:
        """Numbers not older than `FRESH`; None if the host does not give them."""
        with self._lock:
            time, numbers = self._numbers.get(domain.id, (0.0, None))
            known = domain.id in self._numbers and self._clock.steady() - time < FRESH
        # A host that hangs would hold every page for as long as a call may take, for each of its domains.
        host = self._places.any(domain)
        if known or not host.up or self._hosts.silent(host.id):
            return numbers if known else None
        try:
            return self.ask(domain)
        except (errors.HostDown, errors.HostRefused):
            self._remember(domain, None)
            return None

    def _remember(self, domain: models.Domain, numbers: dict[str, int] | None) -> None:
        now = self._clock.steady()
        with self._lock:
            self._numbers[domain.id] = (now, numbers)
            keep = numbers is not None and now - self._kept.get(domain.id, -KEEP) >= KEEP
            if keep:
                self._kept[domain.id] = now
        if keep and numbers:
            with self._database.session() as session:
                session.execute(sa.update(models.Domain).where(models.Domain.id == domain.id).values(**numbers))


def find(session: orm.Session, domain: str) -> models.Domain:
    """The domain of that id or name. Raises errors.NotFound."""
    found = session.get(models.Domain, domain) or session.scalar(sa.select(models.Domain).where(models.Domain.name == domain))
    if found is None:
        raise errors.NotFound(what="storage domain")
    return found
