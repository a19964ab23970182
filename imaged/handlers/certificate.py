"""/certificate: a new one for an enrolled host, while it runs. The key is made here, and stays here."""

from typing import TYPE_CHECKING, Any

from imaged import errors, handlers
from imaged.message import Request, Response

if TYPE_CHECKING:
    from imaged.identity import Identity


def routes(context: Any) -> list[tuple[str, object]]:
    return [("/certificate", Certificate(context.identity)), ("/certificate/request", CertificateRequest(context.identity))]


class Certificate:
    def __init__(self, identity: "Identity | None"):
        self._identity = identity

    def put(self, request: Request) -> Response:
        certificate = handlers.field(handlers.json_body(request), "certificate", str)
        _enrolled(self._identity).install(certificate)
        return handlers.empty_response(204)


class CertificateRequest:
    def __init__(self, identity: "Identity | None"):
        self._identity = identity

    def post(self, request: Request) -> Response:
        return handlers.json_response({"request": _enrolled(self._identity).request()})


def _enrolled(identity: "Identity | None") -> "Identity":
    if identity is None:
        raise errors.Conflict("This host was not enrolled: whoever gave it its certificate renews it")
    return identity
