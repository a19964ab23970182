"""/datacenters: there is one, with everything in it."""

from appliance import errors
from appliance.web.ovirt import search
from appliance.web.ovirt import storage_domains as domains
from appliance.web.ovirt.calls import Call
from appliance.web.ovirt.documents import Entity, Many, many
from appliance.web.ovirt.names import DATA_CENTER
from appliance.web.ovirt.paths import of

FOLLOWS = ("storage_domains",)

#: What is searched is the one data center, as the storage domains in it.
FIELDS = {
    "name": lambda _: DATA_CENTER.name,
    "id": lambda _: DATA_CENTER.id,
    "status": lambda _: search.Word("up"),
    "storage.name": lambda contained: tuple(domain.name for domain in contained),
}


def index(call: Call) -> Many:
    found = call.found([call.admin.domains.all()], FIELDS)
    return many("data_centers", "data_center", (_entity(call) for _ in found))


def show(call: Call) -> Entity:
    _known(call)
    return _entity(call)


def storage_domains(call: Call) -> Many:
    _known(call)
    return domains.index(call)


def _known(call: Call) -> None:
    if call.id != DATA_CENTER.id:
        raise errors.NotFound(what="data center")


def _entity(call: Call) -> Entity:
    href = of("datacenters", DATA_CENTER.id)
    members = {
        "name": DATA_CENTER.name,
        "description": "Everything that the appliance has",
        "links": many("links", "link", [Entity("link", href=f"{href}/storagedomains", rel="storagedomains")]),
        "local": False,
        "status": "up",
        "version": Entity("version", {"major": 4, "minor": 7}),
        "storage_domains": _followed(call) if "storage_domains" in call.follow else None,
    }
    return Entity("data_center", members, id=DATA_CENTER.id, href=href)


def _followed(call: Call) -> Many:
    return many("storage_domains", "storage_domain", (domains.entity(call, domain) for domain in call.admin.domains.all()))
