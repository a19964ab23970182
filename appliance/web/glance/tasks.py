"""/tasks: what takes its time. Tasks end and expire by themselves; nobody deletes one."""

from appliance import errors
from appliance.admin import tasks as ours
from appliance.web import answers
from appliance.web.glance import documents, importing, listing
from appliance.web.glance.calls import Call


def index(call: Call) -> dict:
    wanted = listing.Wanted.of(call.query, listing.TASKS)
    found = wanted.page(documents.TASKS, "tasks", call.admin.tasks.all(call.user), documents.task_stub)
    return found | {"schema": f"{documents.SCHEMAS}/tasks"}


def show(call: Call) -> dict:
    return documents.task(call.admin.tasks.get(call.user, call.id))


def of_image(call: Call) -> dict:
    entry = call.admin.entries.get(call.user, call.id)
    found = sorted(call.admin.tasks.all(call.user, entry.id), key=lambda task: (task.created_at, task.id), reverse=True)
    return {"tasks": [documents.task(task) for task in found]}


def add(call: Call) -> answers.Answer:
    said = call.object
    for field in ("type", "input"):
        if field not in said:
            raise errors.Invalid(field=field, reason="it is required")
    for field in said:
        if field not in ("type", "input"):
            raise errors.Invalid(field=field[:64], reason="a task has type and input alone")
    if said["type"] != ours.IMPORT:
        raise errors.Invalid(field="type", reason=f"it must be {ours.IMPORT}")
    task = importing.task(call, said["input"])
    return answers.of_json(documents.task(task), 201, Location=f"{documents.TASKS}/{task.id}")
