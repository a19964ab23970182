"""Which host does the work: one that is active and sees the storage domain, the one with the fewest running transfers first."""

import sqlalchemy as sa

from appliance import errors
from appliance.admin import hosts, models, phases
from appliance.admin.ground import Ground


class Placement:
    def __init__(self, ground: Ground, hosts: hosts.Hosts):
        self._ground = ground
        self._hosts = hosts

    def choose(self, domain: models.Domain, wanted: str | None = None) -> models.Host:
        """The host for a new or a resumed transfer; `wanted` (id or name) wins if it can do it. Raises errors.NoHost, errors.NotFound."""
        active = self.active(domain)
        if wanted is not None:
            return self._wanted(domain, active, wanted)
        if not active:
            raise self._none(domain)
        busy = self._busy()
        return min(active, key=lambda host: (self._hosts.silent(host.id), busy.get(host.id, 0)))

    def any(self, domain: models.Domain) -> models.Host:
        """A host to ask about images of the domain: an active one if there is, else whichever might still answer. Raises errors.NoHost."""
        known = [seen.host for seen in domain.seen_by]
        if not known:
            raise errors.NoHost(domain=domain.name)
        return min(known, key=lambda host: (self._hosts.silent(host.id), not host.up, host.maintenance))

    def active(self, domain: models.Domain) -> list[models.Host]:
        """Those that see the domain, answer, and take new transfers."""
        return [seen.host for seen in domain.seen_by if seen.host.up and not seen.host.maintenance and not self._hosts.gone(seen.host.id)]

    def _wanted(self, domain: models.Domain, active: list[models.Host], wanted: str) -> models.Host:
        with self._ground.database.reading() as session:
            host = session.get(models.Host, wanted) or session.scalar(sa.select(models.Host).where(models.Host.name == wanted))
        if host is None:
            raise errors.NotFound(what="host")
        for one in active:
            if one.id == host.id:
                return one
        raise errors.NoHost(domain=domain.name, details={"host": host.name})

    def _none(self, domain: models.Domain) -> errors.ApplianceError:
        """Why no host takes a transfer."""
        down = [seen.host for seen in domain.seen_by if not seen.host.maintenance]
        return errors.HostDown(host=down[0].name) if down else errors.NoHost(domain=domain.name)

    def _busy(self) -> dict[str, int]:
        """Running transfers by host."""
        running = models.Transfer.phase.in_([str(phase) for phase in phases.LIVE])
        query = sa.select(models.Transfer.host_id, sa.func.count()).where(running).group_by(models.Transfer.host_id)
        with self._ground.database.reading() as session:
            return {host: count for host, count in session.execute(query) if host}


def path(domain: models.Domain, host: models.Host | None) -> str:
    """Where the host sees the domain; where the first one does if that host does not."""
    seen = [one for one in domain.seen_by if host is not None and one.host_id == host.id] or domain.seen_by
    return seen[0].path if seen else ""
