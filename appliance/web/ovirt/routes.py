"""The engine API as one table."""

import dataclasses
from collections.abc import Callable

from appliance import errors
from appliance.web import tables
from appliance.web.ovirt import (
    clusters,
    data_centers,
    disk_snapshots,
    disks,
    entry,
    events,
    hosts,
    jobs,
    storage_domains,
    transfers,
)
from appliance.web.ovirt.paths import API


@dataclasses.dataclass(frozen=True)
class Route:
    """One method of one path below /ovirt-engine/api. `body` is the root element of its body (None: it takes none).

    `optional` lets the body be left out; `status` is that of success; `follows` are the links that can be followed.
    """

    method: str
    path: str
    handler: Callable
    body: str | None = None
    optional: bool = False
    status: int = 200
    follows: frozenset[str] = frozenset()


def _get(path: str, handler: Callable, *follows: str) -> Route:
    return Route("GET", path, handler, follows=frozenset(follows))


def _action(name: str) -> Route:
    return Route("POST", f"/imagetransfers/{{id}}/{name}", transfers.action(name), body="action", optional=True)


ROUTES: tuple[Route, ...] = (
    _get("", entry.show),
    _get("/storagedomains", storage_domains.index, *storage_domains.FOLLOWS),
    _get("/storagedomains/{id}", storage_domains.show, *storage_domains.FOLLOWS),
    _get("/storagedomains/{id}/disks", storage_domains.disks, *disks.FOLLOWS),
    _get("/storagedomains/{id}/disks/{disk}", storage_domains.disk, *disks.FOLLOWS),
    Route("DELETE", "/storagedomains/{id}/disks/{disk}", storage_domains.delete_disk),
    _get("/storagedomains/{id}/disksnapshots", disk_snapshots.index_of_domain),
    _get("/storagedomains/{id}/disksnapshots/{snapshot}", disk_snapshots.show),
    _get("/disks", disks.index, *disks.FOLLOWS),
    Route("POST", "/disks", disks.add, body="disk", status=201),
    _get("/disks/{id}", disks.show, *disks.FOLLOWS),
    Route("PUT", "/disks/{id}", disks.update, body="disk"),
    Route("DELETE", "/disks/{id}", disks.delete),
    _get("/disks/{id}/disksnapshots", disk_snapshots.index_of_disk),
    _get("/disks/{id}/disksnapshots/{snapshot}", disk_snapshots.show),
    _get("/imagetransfers", transfers.index, *transfers.FOLLOWS),
    Route("POST", "/imagetransfers", transfers.add, body="image_transfer", status=201),
    _get("/imagetransfers/{id}", transfers.show, *transfers.FOLLOWS),
    *(_action(name) for name in transfers.ACTIONS),
    _get("/hosts", hosts.index),
    _get("/hosts/{id}", hosts.show),
    _get("/datacenters", data_centers.index, *data_centers.FOLLOWS),
    _get("/datacenters/{id}", data_centers.show, *data_centers.FOLLOWS),
    _get("/datacenters/{id}/storagedomains", data_centers.storage_domains),
    _get("/clusters", clusters.index),
    _get("/clusters/{id}", clusters.show),
    _get("/jobs", jobs.index),
    _get("/jobs/{id}", jobs.show),
    _get("/events", events.index),
    _get("/events/{id}", events.show),
)


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route for a path below /ovirt-engine, and its parameters. Raises NotFound, MethodNotAllowed."""
    what = "address in the engine API"
    if path != API and not path.startswith(f"{API}/"):
        raise errors.NotFound(what=what)
    return tables.find(ROUTES, method, path.removeprefix(API).rstrip("/"), what)
