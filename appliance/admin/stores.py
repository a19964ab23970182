"""Storage domains as stores of images: which one takes the next, where its client does not say."""

from collections.abc import Sequence

from appliance import errors
from appliance.admin import views
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground


class Stores:
    def __init__(self, ground: Ground, fleet: Fleet):
        self._ground = ground
        self._fleet = fleet

    def all(self) -> list[views.Domain]:
        """The default one first: what takes images that say nothing else."""
        wanted = self._ground.config.glance_store
        return sorted(self._fleet.domains.all(), key=lambda domain: (domain.name != wanted, *_order(domain, "raw")))

    def choose(self, format: str, size: int, wanted: str | None = None) -> views.Domain:
        """The domain for an image of so many bytes; `wanted` (id or name) is asked for. Raises errors.Invalid, errors.NoHost."""
        domains = self.all()
        if wanted is not None:
            for domain in domains:
                if wanted in (domain.id, domain.name):
                    return domain
            raise errors.Invalid(field="store", reason=f"there is no store of that name; there are {', '.join(d.name for d in domains)}")
        fitting = taking(domains, format)
        if not fitting:
            raise errors.NoHost(domain=f"for {format} images")
        # What is set is for all images that it can take.
        if fitting[0].name == self._ground.config.glance_store:
            return fitting[0]
        return min(fitting, key=lambda domain: (domain.available < size, *_order(domain, format)))


def taking(domains: Sequence[views.Domain], format: str) -> list[views.Domain]:
    """Those that take images of the format."""
    return [domain for domain in domains if domain.kind == "data" or format == "iso"]


def _order(domain: views.Domain, format: str) -> tuple[bool, bool, int]:
    """Those that answer first, then those made for such images, then the one with the most room."""
    return domain.status != "active", (domain.kind == "iso") != (format == "iso"), -domain.available
