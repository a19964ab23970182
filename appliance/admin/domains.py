"""The storage domains: where images live, and how much room there is."""

import os
import re
import threading
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from appliance import errors
from appliance.admin import events, hosts, models, phases, placement, views
from appliance.admin.ground import Ground
from appliance.admin.pipeline import installed

KINDS = ("data", "iso")
NUMBERS = ("capacity", "free", "reserved", "available")

#: The host is asked for its numbers at most this often, in seconds: many pages look at them.
FRESH = 2.0
#: The last known numbers are kept for bad times, at most this often.
KEEP = 30.0


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class Domains:
    def __init__(self, ground: Ground, hosts: hosts.Hosts, places: placement.Placement):
        self._ground = ground
        self._hosts = hosts
        self._places = places
        self._lock = threading.Lock()
        self._numbers: dict[str, tuple[float, dict[str, int] | None]] = {}
        self._kept: dict[str, float] = {}

    def ensure(
        self, name: str, kind: str, host: views.Host, path: str, *, domain_id: str | None = None, user: views.User | None = None
    ) -> views.Domain:
        """Records the domain, and makes its directory on the host where it is missing. Raises errors.HostDown, errors.HostRefused.

        `domain_id` is for a new one whose directory has an id already.
        """
        if kind not in KINDS:
            raise errors.Invalid(field="kind", reason=f"it must be one of {', '.join(KINDS)}")
        with self._ground.database.reading() as session:
            domain = session.scalar(sa.select(models.Domain).where(models.Domain.name == name))
        domain_id = domain.id if domain else domain_id or models.new_id()
        with self._hosts.asking(views.Ref(host.id, host.name)) as control:
            told = control.add_domain(domain_id, name=name, path=path)
        with self._ground.database.session() as session:
            domain = session.get(models.Domain, domain_id)
            if domain is None:
                domain = models.Domain(id=domain_id, name=name, kind=kind, created_at=self._ground.clock.now())
                session.add(domain)
                self._ground.events.record(session, "domain-added", f"Storage domain {name} was added on host {host.name}", user=user)
            seen = next((seen for seen in domain.seen_by if seen.host_id == host.id), None)
            if seen is None:
                seen = models.DomainHost(host_id=host.id, added_at=self._ground.clock.now())
                domain.seen_by.append(seen)
            seen.path = told["path"]
            for number in NUMBERS:
                setattr(domain, number, told[number])
        return self.get(domain_id)

    def add(self, new: views.NewDomain, user: views.User | None = None) -> views.Domain:
        """Makes the directory a storage domain, and records it. One that was removed before is taken up again under its old id.

        Raises errors.Invalid, NotFound (host), DomainExists, HostDown, HostRefused.
        """
        if not _NAME.fullmatch(new.name):
            raise errors.Invalid(field="name", reason="it has 1 to 64 of a-z, A-Z, 0-9, dot, dash and underscore, a letter or digit first")
        if not new.path.startswith("/"):
            raise errors.Invalid(field="path", reason="it must be an absolute path on the host")
        host = self._hosts.get(new.host)
        if not host.enrolled:
            raise errors.Invalid(field="host", reason=f"{host.name} has not been enrolled yet")
        with self._ground.database.reading() as session:
            if session.scalar(sa.select(models.Domain.id).where(models.Domain.name == new.name)):
                raise errors.DomainExists(name=new.name)
            known = set(session.scalars(sa.select(models.Domain.id)))
        with self._hosts.asking(views.Ref(host.id, host.name)) as control:
            found = [told["id"] for told in control.domains() if told["path"] == os.path.normpath(new.path) and told["id"] not in known]
        return self.ensure(new.name, new.kind, host, new.path, domain_id=found[0] if found else None, user=user)

    def arrange(self, domain: str, steps: Sequence[str] | None, user: views.User | None = None) -> views.Domain:
        """What is done with images that are imported into the domain from now on, in order; None: what is usual.

        Raises errors.NotFound, errors.Invalid.
        """
        chosen = None if steps is None else installed.checked(steps)
        with self._ground.database.session() as session:
            found = find(session, domain)
            found.steps = chosen
            told = ", ".join(installed.chosen(chosen))
            self._ground.events.record(session, "domain-changed", f"Imports into {found.name} go through: {told}", user=user)
        return self.get(domain)

    def remove(self, domain: str, user: views.User | None = None) -> None:
        """Forgets the domain (id or name); its directory stays. Raises errors.NotFound, errors.DomainInUse."""
        with self._ground.database.session() as session:
            found = find(session, domain)
            images = session.scalar(sa.select(sa.func.count()).where(models.Image.domain_id == found.id))
            if images:
                raise errors.DomainInUse(domain=found.name, reason=f"it has {images} image{'s' if images > 1 else ''}")
            finished = models.Transfer.phase.in_([str(phase) for phase in phases.FINISHED])
            here = models.Transfer.domain_id == found.id
            if session.scalar(sa.select(models.Transfer.id).where(here, ~finished)):
                raise errors.DomainInUse(domain=found.name, reason="it has transfers that are not finished")
            session.execute(sa.delete(models.Transfer).where(here), execution_options={"synchronize_session": False})
            session.delete(found)
            self._ground.events.record(session, "domain-removed", f"Storage domain {found.name} was removed", user=user)
        self.changed(found.id)

    def learn(self, host: models.Host) -> None:
        """Records which domains the host sees now. Raises errors.HostDown, errors.HostRefused.

        Shared storage is known by the id in its marker. A domain that no other host sees stays with the one that it was added on, even
        while its file system is not mounted there.
        """
        with self._hosts.asking(host) as control:
            told = {domain["id"]: domain["path"] for domain in control.domains()}
        with self._ground.database.session() as session:
            for domain in session.scalars(sa.select(models.Domain)):
                seen = next((seen for seen in domain.seen_by if seen.host_id == host.id), None)
                if domain.id in told and seen is None:
                    domain.seen_by.append(models.DomainHost(host_id=host.id, path=told[domain.id], added_at=self._ground.clock.now()))
                    self._ground.events.record(session, "domain-seen", f"Host {host.name} sees storage domain {domain.name}")
                elif domain.id in told and seen is not None:
                    seen.path = told[domain.id]
                elif seen is not None and len(domain.seen_by) > 1:
                    domain.seen_by.remove(seen)
                    message = f"Host {host.name} does not see storage domain {domain.name} any more"
                    self._ground.events.record(session, "domain-lost", message, severity=events.WARNING)

    def all(self) -> tuple[views.Domain, ...]:
        """By name."""
        with self._ground.database.reading() as session:
            ids = list(session.scalars(sa.select(models.Domain.id).order_by(models.Domain.name)))
        return tuple(self.get(domain_id) for domain_id in ids)

    def get(self, domain: str) -> views.Domain:
        """The domain of that id or name, with its host's numbers. Raises errors.NotFound."""
        with self._ground.database.reading() as session:
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
            steps=installed.chosen(found.steps),
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
            known = domain.id in self._numbers and self._ground.clock.steady() - time < FRESH
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
        now = self._ground.clock.steady()
        with self._lock:
            self._numbers[domain.id] = (now, numbers)
            keep = numbers is not None and now - self._kept.get(domain.id, -KEEP) >= KEEP
            if keep:
                self._kept[domain.id] = now
        if keep and numbers:
            with self._ground.database.session() as session:
                session.execute(sa.update(models.Domain).where(models.Domain.id == domain.id).values(**numbers))


def find(session: orm.Session, domain: str) -> models.Domain:
    """The domain of that id or name. Raises errors.NotFound."""
    found = session.get(models.Domain, domain) or session.scalar(sa.select(models.Domain).where(models.Domain.name == domain))
    if found is None:
        raise errors.NotFound(what="storage domain")
    return found
