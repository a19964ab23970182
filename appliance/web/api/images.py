"""/images: what was uploaded."""

from appliance.admin import views
from appliance.web import answers
from appliance.web.api.calls import Call


def index(call: Call) -> views.Page:
    return call.admin.images.page(domain=call.query.domain, limit=call.query.limit, after=call.query.after)


def show(call: Call) -> views.Image:
    return call.admin.images.get(call.id)


def delete(call: Call) -> None:
    call.admin.images.delete(call.user, call.id)


def ticket(call: Call) -> views.Ticket:
    return call.admin.images.ticket(call.user, call.id, direct=call.body is not None and call.body.direct)


def data(call: Call) -> answers.Answer:
    return call.download(call.admin.images.open(call.user, call.id), call.request)
