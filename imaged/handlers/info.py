"""What is known without a ticket: the version (images service), and which host this is (control service)."""

from typing import Any

from imaged import handlers
from imaged.message import Request, Response


def routes(context: Any) -> list[tuple[str, object]]:
    """The control service's."""
    about = {"version": context.version, "host_id": context.host_id, "started": context.started.isoformat()}
    return [("/info/?", Info(about))]


def public_routes(context: Any) -> list[tuple[str, object]]:
    """The images service's."""
    return [("/info/?", Info({"version": context.version}))]


class Info:
    cors = ("GET",)

    def __init__(self, about: dict[str, str]):
        self._about = about

    def get(self, request: Request) -> Response:
        return handlers.json_response(self._about)
