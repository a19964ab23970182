"""/info/stores: the storage domains, as Glance calls them."""

from appliance.web.glance.calls import Call


def index(call: Call) -> dict:
    domains = call.admin.stores.all()
    found = [{"id": domain.name, "description": f"The storage domain {domain.name}, for {KINDS[domain.kind]}"} for domain in domains]
    return {"stores": [store | ({"default": "true"} if place == 0 else {}) for place, store in enumerate(found)]}


KINDS = {"data": "disks and ISO images", "iso": "ISO images"}
