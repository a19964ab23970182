"""/storagedomains: where disks are."""

from appliance import errors
from appliance.admin import views
from appliance.web.ovirt import disks as _disks
from appliance.web.ovirt import search
from appliance.web.ovirt.calls import Call, every
from appliance.web.ovirt.documents import Entity, Many, many
from appliance.web.ovirt.names import DATA_CENTER
from appliance.web.ovirt.paths import of

FOLLOWS = ("disks", "data_centers")

#: oVirt's words for our own.
STATUSES = {"active": "active", "unreachable": "inactive"}


def _used(domain: views.Domain) -> int:
    return domain.capacity - domain.free


FIELDS = {
    "name": lambda domain: domain.name,
    "id": lambda domain: domain.id,
    "status": lambda domain: search.Word(STATUSES[domain.status]),
    "type": lambda domain: search.Word(domain.kind),
    "datacenter": lambda _: DATA_CENTER.name,
    "available": lambda domain: domain.available,
    "used": _used,
    "size": lambda domain: domain.capacity,
}


def index(call: Call) -> Many:
    found = call.found(call.admin.domains.all(), FIELDS)
    return many("storage_domains", "storage_domain", (entity(call, domain) for domain in found))


def show(call: Call) -> Entity:
    return entity(call, find(call))


def disks(call: Call) -> Many:
    return _disks.collection(call, call.found(every(call.admin.images.page, domain=find(call).id), _disks.FIELDS))


def disk(call: Call) -> Entity:
    return _disks.entity(call, _image(call))


def delete_disk(call: Call) -> None:
    call.admin.images.delete(call.user, _image(call).id)


def entity(call: Call, domain: views.Domain) -> Entity:
    href = of("storagedomains", domain.id)
    full = "data_centers" in call.follow
    members = {
        "name": domain.name,
        "links": many("links", "link", (Entity("link", href=f"{href}/{rel}", rel=rel) for rel in ("disks", "disksnapshots"))),
        "available": domain.available,
        "committed": domain.reserved,
        "used": _used(domain),
        "type": domain.kind,
        "status": STATUSES[domain.status],
        "storage": Entity("storage", {"type": "localfs" if len(domain.hosts) == 1 else "posixfs", "path": domain.path}),
        "storage_format": "v5",
        "external_status": "ok",
        "master": False,
        "data_centers": many("data_centers", "data_center", [_data_center(full)]),
        "disks": _followed_disks(call, domain) if "disks" in call.follow else None,
    }
    return Entity("storage_domain", members, id=domain.id, href=href)


def _data_center(full: bool) -> Entity:
    return Entity("data_center", {"name": DATA_CENTER.name} if full else {}, id=DATA_CENTER.id, href=of("datacenters", DATA_CENTER.id))


def _followed_disks(call: Call, domain: views.Domain) -> Many:
    return _disks.collection(call, every(call.admin.images.page, domain=domain.id))


def find(call: Call) -> views.Domain:
    """By its id alone: below /storagedomains a name is no address."""
    domain = call.admin.domains.get(call.id)
    if domain.id != call.id:
        raise errors.NotFound(what="storage domain")
    return domain


def _image(call: Call) -> views.Image:
    """The disk of the path, which must be in this domain."""
    image = call.admin.images.get(call.params["disk"])
    if image.domain.id != find(call).id:
        raise errors.NotFound(what="disk in this storage domain")
    return image
