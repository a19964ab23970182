"""/clusters: there is one, with all hosts in it."""

from appliance import errors
from appliance.web.ovirt.calls import Call
from appliance.web.ovirt.documents import Entity, Many, many
from appliance.web.ovirt.names import CLUSTER, DATA_CENTER
from appliance.web.ovirt.paths import of

FIELDS = {"name": lambda ref: ref.name, "id": lambda ref: ref.id, "datacenter": lambda _: DATA_CENTER.name}


def index(call: Call) -> Many:
    return many("clusters", "cluster", (_entity() for _ in call.found([CLUSTER], FIELDS)))


def show(call: Call) -> Entity:
    if call.id != CLUSTER.id:
        raise errors.NotFound(what="cluster")
    return _entity()


def _entity() -> Entity:
    data_center = Entity("data_center", id=DATA_CENTER.id, href=of("datacenters", DATA_CENTER.id))
    return Entity("cluster", {"name": CLUSTER.name, "data_center": data_center}, id=CLUSTER.id, href=of("clusters", CLUSTER.id))
