"""How far the steps of one import are, as the database keeps it: `[{"name", "status", "message", "jobs"}, …]`, in order.

`jobs` are the host's that a step has begun, by what they do: a restarted appliance asks for these before it begins new ones.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from appliance.admin import views
from appliance.admin.pipeline import installed

Steps = list[dict[str, Any]]

WAITING, RUNNING, DONE, SKIPPED, FAILED = "waiting", "running", "done", "skipped", "failed"


def planned(names: Iterable[str], *, checksum: bool, packed: bool) -> Steps:
    """Those of an import whose source has been looked at."""
    known = {
        installed.INSPECT: DONE,
        installed.CHECKSUM: WAITING if checksum else SKIPPED,
        installed.DECOMPRESS: WAITING if packed else SKIPPED,
    }
    return [{"name": name, "status": known.get(name, WAITING), "message": "", "jobs": {}} for name in names]


def streams(steps: Sequence[dict[str, Any]], before: str, after: str) -> Steps:
    """Of the steps that are done while the bytes come, whatever is `before` is `after` now."""
    return [{**step, "status": after} if step["name"] in installed.STREAMING and step["status"] == before else step for step in steps]


def with_step(steps: Sequence[dict[str, Any]], name: str, **columns: Any) -> Steps:
    """The step of that name has `columns` now."""
    return [{**step, **columns} if step["name"] == name else step for step in steps]


def has(steps: Sequence[dict[str, Any]], name: str) -> bool:
    return any(step["name"] == name for step in steps)


def broken_off(steps: Sequence[dict[str, Any]], message: str) -> Steps:
    """The step that runs will not come to its end: it has failed with `message`."""
    return [{**step, "status": FAILED, "message": message, "jobs": {}} if step["status"] == RUNNING else step for step in steps]


def failed(steps: Sequence[dict[str, Any]], code: str, message: str) -> Steps:
    """The streaming step that the error's `code` is about has failed with `message`, unless it was skipped; no other is at work now."""
    unpacking = code.startswith("archive-") or code == "source-empty"
    blamed = installed.CHECKSUM if code == "wrong-checksum" else installed.DECOMPRESS if unpacking else None
    return [
        {**step, "status": FAILED, "message": message} if step["name"] == blamed and step["status"] != SKIPPED else step
        for step in streams(steps, RUNNING, WAITING)
    ]


def following(steps: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The next step to be done, or the one that was begun; None after the last."""
    return next((step for step in steps if step["status"] in (WAITING, RUNNING)), None)


def view(step: dict[str, Any], done: int, total: int | None) -> views.Step:
    """`done` of `total` are behind the step that runs."""
    running = step["status"] == RUNNING
    return views.Step(step["name"], step["status"], done if running else 0, total if running else None, step["message"])
