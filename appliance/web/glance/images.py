"""/images: what there is, what is said of it, and its end."""

import dataclasses

from appliance import errors
from appliance.admin import views
from appliance.web import answers
from appliance.web.glance import documents, given, importing, listing, patches
from appliance.web.glance.calls import Call


def index(call: Call) -> dict:
    wanted = listing.Wanted.of(call.query, listing.IMAGES)
    found = [entry for entry in call.admin.entries.all(call.user) if _listed(call, entry, wanted)]
    return wanted.page(documents.IMAGES, "images", found, documents.image) | {"schema": f"{documents.SCHEMAS}/images"}


def show(call: Call) -> dict:
    return documents.image(call.admin.entries.get(call.user, call.id))


def add(call: Call) -> answers.Answer:
    said = dict(call.object)
    chosen = said.pop("id", None)
    if chosen is not None and not isinstance(chosen, str):
        raise errors.Invalid(field="id", reason="it must be a UUID")
    entry = call.admin.entries.create(call.user, views.NewEntry(given.facts(said, views.Facts()), chosen))
    stores = ",".join(domain.name for domain in call.admin.stores.all())
    headers = {"OpenStack-image-import-methods": ",".join(importing.METHODS), "OpenStack-image-store-ids": stores}
    return answers.of_json(documents.image(entry), 201, Location=f"{documents.IMAGES}/{entry.id}", **headers)


def update(call: Call) -> dict:
    return documents.image(call.admin.entries.change(call.user, call.id, patches.edit(call.body)))


def delete(call: Call) -> None:
    call.admin.entries.delete(call.user, call.id)


def add_tag(call: Call) -> None:
    tag = _tag(call)
    call.admin.entries.change(call.user, call.id, lambda entry: dataclasses.replace(entry.facts, tags=(*entry.facts.tags, tag)))


def remove_tag(call: Call) -> None:
    tag = _tag(call)

    def without(entry: views.Entry) -> views.Facts:
        if tag not in entry.facts.tags:
            raise errors.NotFound(what="tag of this image")
        return dataclasses.replace(entry.facts, tags=tuple(other for other in entry.facts.tags if other != tag))

    call.admin.entries.change(call.user, call.id, without)


def _tag(call: Call) -> str:
    """The server leaves slashes in a part of an address as they were written."""
    return call.params["tag"].replace("%2F", "/")


def _listed(call: Call, entry: views.Entry, wanted: listing.Wanted) -> bool:
    """What nobody asked for by name is left out: hidden images, and those that others have put into the community."""
    if entry.facts.hidden != (wanted.one("os_hidden") == "true"):
        return False
    visibility = wanted.one("visibility")
    if visibility is None:
        return entry.facts.visibility != "community" or entry.owner_id == call.user.id
    return visibility in ("all", entry.facts.visibility)
