"""/domains: the storage domains."""

from appliance.admin import views
from appliance.web.api.calls import Call


def index(call: Call) -> dict:
    return {"items": call.admin.domains.all(), "next": None}


def show(call: Call) -> views.Domain:
    return call.admin.domains.get(call.id)


def add(call: Call) -> views.Domain:
    return call.admin.domains.add(views.NewDomain(**call.body.model_dump()), call.user)


def change(call: Call) -> views.Domain:
    return call.admin.domains.arrange(call.id, call.body.steps, call.user)


def remove(call: Call) -> None:
    call.admin.domains.remove(call.id, call.user)
