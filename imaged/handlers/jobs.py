"""/jobs/ID: how far a verification is, and how it ended."""

import re
from typing import Any

from imaged import handlers
from imaged.message import Request, Response


def routes(context: Any) -> list[tuple[re.Pattern[str], object]]:
    return [(re.compile(r"/jobs/([^/]+)\Z"), One(context.jobs))]


class One:
    def __init__(self, jobs):
        self._jobs = jobs

    def get(self, request: Request, job_id: str) -> Response:
        return handlers.json_response(self._jobs.get(job_id).as_json())

    def delete(self, request: Request, job_id: str) -> Response:
        self._jobs.cancel(job_id)
        return handlers.empty_response(204)
