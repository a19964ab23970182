"""What is answered: images and tasks as JSON objects, and what may be said of them."""

import datetime

from appliance.admin import views

IMAGES, TASKS, SCHEMAS = "/v2/images", "/v2/tasks", "/v2/schemas"

#: What an image has beside its owner's own properties: those that a client may set, and those that follow from what it is.
SETTABLE = (
    "name",
    "visibility",
    "protected",
    "os_hidden",
    "tags",
    "disk_format",
    "container_format",
    "min_disk",
    "min_ram",
)
FOLLOWING = (
    "id",
    "status",
    "size",
    "virtual_size",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "owner",
    "created_at",
    "updated_at",
    "stores",
    "locations",
    "direct_url",
    "self",
    "file",
    "schema",
    "first",
    "next",
)


def image(entry: views.Entry) -> dict:
    facts, path = entry.facts, f"{IMAGES}/{entry.id}"
    found = {
        **facts.properties,
        "id": entry.id,
        "name": facts.name,
        "status": entry.status,
        "visibility": facts.visibility,
        "protected": facts.protected,
        "os_hidden": facts.hidden,
        "tags": list(facts.tags),
        "disk_format": facts.disk_format,
        "container_format": facts.container_format,
        "min_disk": facts.min_disk,
        "min_ram": facts.min_ram,
        "size": entry.size,
        "virtual_size": entry.virtual_size,
        "checksum": entry.md5,
        "os_hash_algo": "sha512" if entry.sha512 else None,
        "os_hash_value": entry.sha512,
        "owner": entry.owner,
        "created_at": moment(entry.created_at),
        "updated_at": moment(entry.updated_at),
        "self": path,
        "file": f"{path}/file",
        "schema": f"{SCHEMAS}/image",
    }
    return found | ({"stores": ",".join(entry.stores)} if entry.stores else {})


def task(found: views.Task) -> dict:
    return {
        **task_stub(found),
        "input": found.input,
        "result": found.result,
        "message": found.message,
        **({"image_id": found.image_id} if found.image_id else {}),
        "user_id": found.owner_id,
    }


def task_stub(found: views.Task) -> dict:
    """As lists have it."""
    stub = {
        "id": found.id,
        "type": found.type,
        "status": found.status,
        "owner": found.owner,
        "created_at": moment(found.created_at),
        "updated_at": moment(found.updated_at),
        "self": f"{TASKS}/{found.id}",
        "schema": f"{SCHEMAS}/task",
    }
    return stub | ({"expires_at": moment(found.expires_at)} if found.expires_at else {})


def moment(time: datetime.datetime) -> str:
    """In UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
