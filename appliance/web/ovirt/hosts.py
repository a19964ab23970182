"""/hosts: the machines that move the bytes."""

import urllib.parse

from appliance.admin import views
from appliance.web.ovirt import search
from appliance.web.ovirt.calls import Call
from appliance.web.ovirt.documents import Entity, Many, many
from appliance.web.ovirt.names import CLUSTER, DATA_CENTER
from appliance.web.ovirt.paths import of

#: oVirt's words for our own.
STATUSES = {"up": "up", "down": "non_responsive", "maintenance": "maintenance"}


def _address(host: views.Host) -> str:
    """The name or address of the machine; a host on a unix socket is this one."""
    return urllib.parse.urlsplit(host.address).hostname or "localhost"


FIELDS = {
    "name": lambda host: host.name,
    "id": lambda host: host.id,
    "status": lambda host: search.Word(STATUSES[host.status]),
    "address": _address,
    # What a host of oVirt calls its hardware's id: ours have only the one that they were given here.
    "hw_id": lambda host: host.id,
    "datacenter": lambda _: DATA_CENTER.name,
    "cluster": lambda _: CLUSTER.name,
}


def index(call: Call) -> Many:
    return many("hosts", "host", (entity(host) for host in call.found(call.admin.hosts.all(), FIELDS)))


def show(call: Call) -> Entity:
    return entity(call.admin.hosts.get(call.id))


def entity(host: views.Host) -> Entity:
    members = {
        "name": host.name,
        "comment": host.reason,
        "address": _address(host),
        "status": STATUSES[host.status],
        "cluster": Entity("cluster", id=CLUSTER.id, href=of("clusters", CLUSTER.id)),
    }
    return Entity("host", members, id=host.id, href=of("hosts", host.id))


def ref(host: views.Ref) -> Entity:
    """The host by its id alone, to be followed."""
    return Entity("host", id=host.id, href=of("hosts", host.id))
