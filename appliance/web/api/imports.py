"""/imports: images that the appliance fetches from elsewhere. What becomes of one is a transfer like others."""

from appliance.admin import views
from appliance.web.api.calls import Call


def methods(call: Call) -> views.Methods:
    return call.admin.imports.methods()


def query(call: Call) -> views.Found:
    return call.admin.imports.query(call.user, views.NewSource(**call.body.model_dump()))


def create(call: Call) -> views.Transfer:
    given = call.body.model_dump()
    return call.admin.imports.create(call.user, views.NewImport(**given | {"tags": tuple(given["tags"])}))
