"""/domains/ID/volumes…: create, look, complete, compare, verify, delete."""

import functools
import os
import re
from typing import Any

import webob

from imaged import errors, handlers
from imaged.volumes import formats
from imaged.volumes.verify import verify

VOLUME = r"/domains/([^/]+)/volumes/([^/]+)"
SHA256 = re.compile(r"[0-9a-f]{64}")


def routes(context: Any) -> list[tuple[re.Pattern[str], object]]:
    return [
        (re.compile(r"/domains/([^/]+)/volumes\Z"), All(context.volumes)),
        (re.compile(rf"{VOLUME}\Z"), One(context.volumes, context.jobs)),
        (re.compile(rf"{VOLUME}/complete\Z"), Complete(context.volumes)),
        (re.compile(rf"{VOLUME}/digests\Z"), Digests(context.volumes)),
        (re.compile(rf"{VOLUME}/verify\Z"), Verify(context.volumes, context.jobs)),
    ]


class All:
    def __init__(self, volumes):
        self._volumes = volumes

    def get(self, request: webob.Request, domain: str) -> webob.Response:
        return handlers.json_response({"volumes": [volume.as_json() for volume in self._volumes.all(domain)]})


class One:
    def __init__(self, volumes, jobs):
        self._volumes = volumes
        self._jobs = jobs

    def get(self, request: webob.Request, domain: str, name: str) -> webob.Response:
        return handlers.json_response(self._volumes.get(domain, name).as_json())

    def put(self, request: webob.Request, domain: str, name: str) -> webob.Response:
        body = handlers.json_body(request)
        size, allocation = handlers.field(body, "size", int), handlers.field(body, "allocation", str, "sparse")
        initial_size = handlers.field(body, "initial_size", (int, type(None)), None)
        volume, new = self._volumes.create(domain, name, size, allocation, initial_size)
        return handlers.json_response(volume.as_json(), 201 if new else 200)

    def delete(self, request: webob.Request, domain: str, name: str) -> webob.Response:
        # A job that still reads the file would keep its space.
        self._jobs.cancel_all(domain, name)
        self._volumes.delete(domain, name)
        return handlers.empty_response(204)


class Complete:
    def __init__(self, volumes):
        self._volumes = volumes

    def post(self, request: webob.Request, domain: str, name: str) -> webob.Response:
        return handlers.json_response(self._volumes.complete(domain, name).as_json())


class Digests:
    def __init__(self, volumes):
        self._volumes = volumes

    def post(self, request: webob.Request, domain: str, name: str) -> webob.Response:
        ranges = handlers.field(handlers.json_body(request), "ranges", list)
        return handlers.json_response({"sha256": self._volumes.digests(domain, name, [_range(item) for item in ranges])})


class Verify:
    def __init__(self, volumes, jobs):
        self._volumes = volumes
        self._jobs = jobs

    def post(self, request: webob.Request, domain: str, name: str) -> webob.Response:
        wanted = _wanted(handlers.json_body(request))
        work = functools.partial(self._work, domain, name, wanted)
        size = self._volumes.get(domain, name).size
        job = self._jobs.start((domain, name, *wanted.values()), size, work)
        return handlers.json_response(job.as_json(), 202)

    def _work(self, domain: str, name: str, wanted: dict, job) -> dict:
        with self._volumes.reading(domain, name) as file:
            job.total = os.fstat(file).st_size
            return verify(job, file, **wanted)


def _wanted(body: dict) -> dict:
    """The arguments of `verify`. Raises BadRequest."""
    format = handlers.field(body, "format", str)
    if format not in formats.FORMATS:
        raise errors.BadRequest(f"Invalid format {format[:64]!r}: must be one of {', '.join(formats.FORMATS)}")
    sha256 = handlers.field(body, "sha256", (str, type(None)), None)
    if sha256 is not None and not SHA256.fullmatch(sha256.lower()):
        raise errors.BadRequest("Invalid sha256: must be 64 hexadecimal digits, or null")
    max_virtual_size = handlers.field(body, "max_virtual_size", int)
    if max_virtual_size <= 0:
        raise errors.BadRequest("Invalid max_virtual_size: must be a number of bytes above 0")
    return {"format": format, "sha256": sha256 and sha256.lower(), "max_virtual_size": max_virtual_size}


def _range(item: object) -> tuple[int, int]:
    if isinstance(item, list) and len(item) == 2 and all(type(bound) is int for bound in item):
        return item[0], item[1]
    raise errors.BadRequest("Invalid ranges: each is [start, end], two numbers of bytes")
