"""/domains/ID/volumes/NAME/inspect, …/convert, …/scan: what is done with an image that has arrived from elsewhere."""

import functools
import re
from typing import Any

from imaged import handlers
from imaged.handlers.volumes import VOLUME, Reading, max_virtual_size
from imaged.message import Request, Response
from imaged.volumes import inspection
from imaged.volumes.conversions import Conversions, Wanted
from imaged.volumes.scan import NoScanner, scan


def routes(context: Any) -> list[tuple[re.Pattern[str], object]]:
    used = (context.volumes, context.jobs, context.exports)
    return [
        (re.compile(rf"{VOLUME}/inspect\Z"), Inspect(*used)),
        (re.compile(rf"{VOLUME}/convert\Z"), Convert(*used)),
        (re.compile(rf"{VOLUME}/scan\Z"), Scan(*used, context.scan_command)),
    ]


class Inspect(Reading):
    def post(self, request: Request, domain: str, name: str) -> Response:
        most = max_virtual_size(handlers.json_body(request), inspection.MAX_VIRTUAL_SIZE)
        return self._start(domain, name, ("inspect", most), functools.partial(inspection.inspect, max_virtual_size=most))


class Convert:
    def __init__(self, volumes, jobs, exports):
        self._jobs = jobs
        self._exports = exports
        self._conversions = Conversions(volumes)

    def post(self, request: Request, domain: str, name: str) -> Response:
        wanted = _wanted(handlers.json_body(request))
        self._conversions.check(domain, name, wanted)
        self._exports.require_unwritten(domain, name)
        job = self._jobs.start(
            (domain, name, "convert", wanted),
            0,
            lambda job: self._conversions.run(job, domain, name, wanted),
            # Who deletes the target ends this, too.
            also=(domain, wanted.target),
            long=True,
        )
        return handlers.json_response(job.as_json(), 202)


class Scan(Reading):
    def __init__(self, volumes, jobs, exports, command):
        super().__init__(volumes, jobs, exports)
        self._command = command

    def post(self, request: Request, domain: str, name: str) -> Response:
        if not self._command:
            raise NoScanner
        return self._start(domain, name, ("scan",), functools.partial(scan, command=self._command), long=True)


def _wanted(body: dict) -> Wanted:
    """Raises BadRequest."""
    return Wanted(
        handlers.field(body, "target", str),
        handlers.field(body, "format", str),
        handlers.field(body, "compressed", bool, False),
        handlers.field(body, "source_format", (str, type(None)), None),
        max_virtual_size(body, inspection.MAX_VIRTUAL_SIZE),
    )
