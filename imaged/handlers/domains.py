"""/domains, /domains/ID: the storage domains of this host."""

import contextlib
import re
from typing import Any

from imaged import handlers
from imaged.message import Request, Response
from imaged.volumes import errors
from imaged.volumes.domains import Domain
from imaged.volumes.volumes import Volumes


def routes(context: Any) -> list[tuple[re.Pattern[str], object]]:
    return [
        (re.compile(r"/domains\Z"), All(context.domains, context.volumes)),
        (re.compile(r"/domains/([^/]+)\Z"), One(context.domains, context.volumes)),
    ]


class All:
    def __init__(self, domains, volumes):
        self._domains = domains
        self._volumes = volumes

    def get(self, request: Request) -> Response:
        found = []
        for domain in self._domains.all():
            # One that goes while we look is no reason not to show the others.
            with contextlib.suppress(errors.NoDomain):
                found.append(describe(domain, self._volumes))
        return handlers.json_response({"domains": found})


class One:
    def __init__(self, domains, volumes):
        self._domains = domains
        self._volumes = volumes

    def get(self, request: Request, domain_id: str) -> Response:
        return handlers.json_response(describe(self._domains.get(domain_id), self._volumes))

    def put(self, request: Request, domain_id: str) -> Response:
        body = handlers.json_body(request)
        domain, new = self._domains.add(domain_id, handlers.field(body, "name", str), handlers.field(body, "path", str))
        return handlers.json_response(describe(domain, self._volumes), 201 if new else 200)


def describe(domain: Domain, volumes: Volumes) -> dict:
    space = volumes.space(domain)
    return {
        "id": domain.id,
        "name": domain.name,
        "path": str(domain.path),
        "capacity": space.capacity,
        "free": space.free,
        "reserved": space.reserved,
        "available": space.available,
    }
