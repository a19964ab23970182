"""What is done with an image on its arrival, step by step: `[{"name", "status", "message"}, …]`, in order, as the database keeps it."""

from collections.abc import Sequence

from appliance.admin import views

#: What is done while the bytes come.
INSPECT, CHECKSUM, DECOMPRESS = "inspect", "verify-checksum", "decompress"

Steps = list[dict[str, str]]


def planned(*, checksum: bool, packed: bool) -> Steps:
    """Those of an import whose source has been looked at."""
    return [
        {"name": INSPECT, "status": "done", "message": ""},
        {"name": CHECKSUM, "status": "waiting" if checksum else "skipped", "message": ""},
        {"name": DECOMPRESS, "status": "waiting" if packed else "skipped", "message": ""},
    ]


def moved(steps: Sequence[dict[str, str]], before: str, after: str) -> Steps:
    """Whatever is `before` is `after` now."""
    return [{**step, "status": after} if step["status"] == before else step for step in steps]


def failed(steps: Sequence[dict[str, str]], code: str, message: str) -> Steps:
    """The step that the error's `code` is about has failed with `message`; where it is about none, they are as they were."""
    blamed = CHECKSUM if code == "wrong-checksum" else DECOMPRESS if code.startswith("archive-") else None
    return [{**step, "status": "failed", "message": message} if step["name"] == blamed else step for step in steps]


def view(step: dict[str, str], fetched: int, total: int | None) -> views.Step:
    """`fetched` of the `total` bytes are behind those that run."""
    running = step["status"] == "running"
    return views.Step(step["name"], step["status"], fetched if running else 0, total if running else None, step["message"])
