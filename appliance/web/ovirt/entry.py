"""/api: what this is, and what there is."""

import datetime
import importlib.metadata

from appliance.web.ovirt.calls import Call
from appliance.web.ovirt.documents import Entity, many
from appliance.web.ovirt.paths import API

#: Collections that the entry links to, by their names there.
COLLECTIONS = ("clusters", "datacenters", "disks", "events", "hosts", "imagetransfers", "jobs", "storagedomains")

#: The engine's version whose API this is a part of: clients decide by it what they may ask for.
VERSION = (4, 5, 6)


def show(call: Call) -> Entity:
    major, minor, build = VERSION
    full = f"{major}.{minor}.{build}-image-appliance-{importlib.metadata.version('image-appliance')}"
    version = {"build": build, "full_version": full, "major": major, "minor": minor, "revision": 0}
    hosts, domains = call.admin.hosts.all(), call.admin.domains.all()
    user = Entity("user", {"user_name": f"{call.user.name}@internal", "name": call.user.name}, id=call.user.id)
    return Entity(
        "api",
        {
            "links": many("links", "link", (Entity("link", href=f"{API}/{name}", rel=name) for name in COLLECTIONS)),
            "product_info": Entity(
                "product_info", {"name": "Image Upload Appliance", "vendor": "image-appliance", "version": Entity("version", version)}
            ),
            "summary": Entity(
                "summary",
                {
                    "hosts": _count(len(hosts), sum(host.status == "up" for host in hosts)),
                    "storage_domains": _count(len(domains), sum(domain.status == "active" for domain in domains)),
                },
            ),
            "time": datetime.datetime.now(datetime.UTC),
            "authenticated_user": user,
            "effective_user": user,
        },
        href=API,
    )


def _count(total: int, active: int) -> Entity:
    return Entity("count", {"active": active, "total": total})
