"""/hosts: the machines that storage domains lie on."""

from appliance.web.api.calls import Call


def index(call: Call) -> dict:
    return {"items": call.admin.hosts.all(), "next": None}
