"""/domains/ID/volumes…: create, look, shrink, complete, reset, compare, verify, export, delete."""

import functools
import os
import re
from collections.abc import Callable
from typing import Any

from imaged import errors, handlers
from imaged.message import Request, Response
from imaged.volumes import formats
from imaged.volumes.jobs import Job
from imaged.volumes.verify import DIGESTS, hashed, verify
from imaged.volumes.volume import disk_format

VOLUME = r"/domains/([^/]+)/volumes/([^/]+)"
SHA256 = re.compile(r"[0-9a-f]{64}")


def routes(context: Any) -> list[tuple[re.Pattern[str], object]]:
    return [
        (re.compile(r"/domains/([^/]+)/volumes\Z"), All(context.volumes)),
        (re.compile(rf"{VOLUME}\Z"), One(context.volumes, context.jobs, context.exports)),
        (re.compile(rf"{VOLUME}/complete\Z"), Complete(context.volumes)),
        (re.compile(rf"{VOLUME}/shrink\Z"), Shrink(context.volumes)),
        (re.compile(rf"{VOLUME}/reset\Z"), Reset(context.volumes, context.jobs, context.exports)),
        (re.compile(rf"{VOLUME}/digests\Z"), Digests(context.volumes)),
        (re.compile(rf"{VOLUME}/verify\Z"), Verify(context.volumes, context.jobs, context.exports)),
        (re.compile(rf"{VOLUME}/sha256\Z"), Sha256(context.volumes, context.jobs, context.exports)),
        (re.compile(rf"{VOLUME}/export\Z"), Export(context.exports)),
    ]


class All:
    def __init__(self, volumes):
        self._volumes = volumes

    def get(self, request: Request, domain: str) -> Response:
        return handlers.json_response({"volumes": [volume.as_json() for volume in self._volumes.all(domain)]})


class _Used:
    """A volume that jobs may read and exports may serve meanwhile."""

    def __init__(self, volumes, jobs, exports):
        self._volumes = volumes
        self._jobs = jobs
        self._exports = exports


class One(_Used):
    def get(self, request: Request, domain: str, name: str) -> Response:
        return handlers.json_response(self._volumes.get(domain, name).as_json())

    def put(self, request: Request, domain: str, name: str) -> Response:
        body = handlers.json_body(request)
        size, allocation = handlers.field(body, "size", int), handlers.field(body, "allocation", str, "sparse")
        initial_size = handlers.field(body, "initial_size", (int, type(None)), None)
        format = handlers.field(body, "format", str, disk_format(name))
        if handlers.field(body, "complete", bool, False):
            volume, new = self._volumes.create_disk(domain, name, size, allocation, initial_size, format)
        else:
            volume, new = self._volumes.create(domain, name, size, allocation, initial_size)
        return handlers.json_response(volume.as_json(), 201 if new else 200)

    def delete(self, request: Request, domain: str, name: str) -> Response:
        # Who still reads the file would keep its space.
        self._jobs.cancel_all(domain, name)
        self._exports.end(domain, name)
        self._volumes.delete(domain, name)
        return handlers.empty_response(204)


class Complete:
    def __init__(self, volumes):
        self._volumes = volumes

    def post(self, request: Request, domain: str, name: str) -> Response:
        return handlers.json_response(self._volumes.complete(domain, name).as_json())


class Shrink:
    def __init__(self, volumes):
        self._volumes = volumes

    def post(self, request: Request, domain: str, name: str) -> Response:
        size = handlers.field(handlers.json_body(request), "size", int)
        return handlers.json_response(self._volumes.shrink(domain, name, size).as_json())


class Reset(_Used):
    def post(self, request: Request, domain: str, name: str) -> Response:
        size = handlers.field(handlers.json_body(request), "size", int, 0)
        with self._exports.none(domain, name):
            self._jobs.cancel_all(domain, name)
            return handlers.json_response(self._volumes.reset(domain, name, size).as_json())


class Export:
    """The volume as the disk that its guest sees, on a socket for a ticket to lead to."""

    def __init__(self, exports):
        self._exports = exports

    def put(self, request: Request, domain: str, name: str) -> Response:
        body = handlers.json_body(request)
        export_id, read_only = handlers.field(body, "id", str), handlers.field(body, "read_only", bool)
        export, new = self._exports.open(domain, name, export_id, read_only=read_only)
        return handlers.json_response(export.as_json(), 201 if new else 200)

    def delete(self, request: Request, domain: str, name: str) -> Response:
        """Of `?id=`; without it all of the volume."""
        self._exports.end(domain, name, request.query.get("id"))
        return handlers.empty_response(204)


class Digests:
    def __init__(self, volumes):
        self._volumes = volumes

    def post(self, request: Request, domain: str, name: str) -> Response:
        ranges = handlers.field(handlers.json_body(request), "ranges", list)
        return handlers.json_response({"sha256": self._volumes.digests(domain, name, [_range(item) for item in ranges])})


class Reading(_Used):
    """What starts a job that reads a volume from end to end."""

    def _start(self, domain: str, name: str, key: tuple, work: Callable[[Job, int], dict], *, long: bool = False) -> Response:
        def read(job: Job) -> dict:
            with self._volumes.reading(domain, name) as file:
                job.total = os.fstat(file).st_size
                return work(job, file)

        # What is being written has no digest yet, and would pass for damaged.
        self._exports.require_unwritten(domain, name)
        job = self._jobs.start((domain, name, *key), self._volumes.get(domain, name).size, read, long=long)
        return handlers.json_response(job.as_json(), 202)


class Verify(Reading):
    def post(self, request: Request, domain: str, name: str) -> Response:
        wanted = _wanted(handlers.json_body(request))
        return self._start(domain, name, ("verify", *wanted.values()), functools.partial(verify, **wanted))


class Sha256(Reading):
    def post(self, request: Request, domain: str, name: str) -> Response:
        return self._start(domain, name, ("sha256",), hashed)


def _wanted(body: dict) -> dict:
    """The arguments of `verify`. Raises BadRequest."""
    format = handlers.field(body, "format", str)
    if format not in formats.FORMATS:
        raise errors.BadRequest(f"Invalid format {format[:64]!r}: must be one of {', '.join(formats.FORMATS)}")
    sha256 = handlers.field(body, "sha256", (str, type(None)), None)
    if sha256 is not None and not SHA256.fullmatch(sha256.lower()):
        raise errors.BadRequest("Invalid sha256: must be 64 hexadecimal digits, or null")
    digests = handlers.field(body, "digests", list, [])
    if unknown := [name for name in digests if name not in DIGESTS]:
        raise errors.BadRequest(f"Invalid digests: {str(unknown[0])[:64]!r} is none of {', '.join(DIGESTS)}")
    return {
        "format": format,
        "sha256": sha256 and sha256.lower(),
        "max_virtual_size": max_virtual_size(body),
        "digest": handlers.field(body, "digest", bool, True),
        "digests": tuple(sorted(set(digests))),
    }


def max_virtual_size(body: dict, *default: int) -> int:
    """Bytes that the disk may have. Raises BadRequest."""
    most = handlers.field(body, "max_virtual_size", int, *default)
    if most <= 0:
        raise errors.BadRequest("Invalid max_virtual_size: must be a number of bytes above 0")
    return most


def _range(item: object) -> tuple[int, int]:
    if isinstance(item, list) and len(item) == 2 and all(type(bound) is int for bound in item):
        return item[0], item[1]
    raise errors.BadRequest("Invalid ranges: each is [start, end], two numbers of bytes")
