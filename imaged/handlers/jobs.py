"""/jobs/ID: how far a verification is, and how it ended."""

import re
from typing import Any

import webob

from imaged import handlers


def routes(context: Any) -> list[tuple[re.Pattern[str], object]]:
    return [(re.compile(r"/jobs/([^/]+)\Z"), One(context.jobs))]


class One:
    def __init__(self, jobs):
        self._jobs = jobs

    def get(self, request: webob.Request, job_id: str) -> webob.Response:
        return handlers.json_response(self._jobs.get(job_id).as_json())

    def delete(self, request: webob.Request, job_id: str) -> webob.Response:
        self._jobs.cancel(job_id)
        return handlers.empty_response(204)
