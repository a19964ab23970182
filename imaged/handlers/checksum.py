"""/images/TICKET/checksum: one value for all bytes of an image, without sending them."""

import hashlib
from typing import Any

from imaged import errors, handlers, headers, httpd, ops
from imaged.message import Request, Response
from imaged.tickets import Tickets

DEFAULT_ALGORITHM = "blake2b"
DEFAULT_BLOCK, LEAST_BLOCK, MOST_BLOCK, BLOCK_STEP = 4 << 20, 1 << 20, 16 << 20, 4096


def _works(name: str) -> bool:
    """Some that are listed cannot be had (OpenSSL's policy), and some have no length of their own (SHAKE)."""
    try:
        return hashlib.new(name, usedforsecurity=False).digest_size > 0
    except ValueError:
        return False


ALGORITHMS = sorted(filter(_works, hashlib.algorithms_available))


def routes(context: Any) -> list[tuple[str, object]]:
    return [(r"/images/([^/]*)/checksum", Checksum(context.tickets)), (r"/images/[^/]*/checksum/algorithms", Algorithms())]


class Algorithms:
    cors = ("GET",)

    def get(self, request: Request) -> Response:
        return handlers.json_response({"algorithms": ALGORITHMS})


class Checksum:
    cors = ("GET",)

    def __init__(self, tickets: Tickets):
        self._tickets = tickets

    def get(self, request: Request, ticket_id: str) -> Response:
        """The digest of the digests of the image's blocks; the last block may be short."""
        handlers.require_ticket(ticket_id)
        algorithm = request.query.get("algorithm", DEFAULT_ALGORITHM)
        if algorithm not in ALGORITHMS:
            raise errors.BadRequest(f"Invalid value for 'algorithm' {algorithm[:100]!r}: must be one of {', '.join(ALGORITHMS)}")
        block = headers.number(request, "block_size", DEFAULT_BLOCK)
        if not LEAST_BLOCK <= block <= MOST_BLOCK or block % BLOCK_STEP:
            raise errors.BadRequest(
                f"Invalid value for 'block_size': must be from {LEAST_BLOCK} to {MOST_BLOCK}, and a multiple of {BLOCK_STEP}"
            )
        ticket = handlers.authorize(self._tickets, request, ticket_id, "read")
        with ticket.place.open(write=False) as backend:
            size = min(ticket.terms.size, backend.size())
            checksum = ops.Checksum(backend, size, block, algorithm, httpd.Body(request.environ).break_off)
            with ticket.running(checksum):
                value = checksum.run()
        return handlers.json_response({"algorithm": algorithm, "block_size": block, "checksum": value})
