"""/events: what happened."""

from appliance.admin import views
from appliance.web.api.calls import Call


def index(call: Call) -> views.Page:
    asked = call.query
    return call.admin.events.page(limit=asked.limit, after=asked.after, transfer=asked.transfer, image=asked.image)
