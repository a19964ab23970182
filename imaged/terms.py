"""What a ticket says: parsed from JSON, and refused where it is malformed."""

from dataclasses import dataclass
from typing import Any

from imaged import errors

#: Seconds without a byte after which a connection is given up, unless the ticket says otherwise.
INACTIVITY_TIMEOUT = 60
#: Upper limits of what a ticket may ask for: bytes, seconds (68 years), characters.
MAX_SIZE = 1 << 64
MAX_SECONDS = (1 << 31) - 1
MAX_TEXT = 1024

OPS = ("read", "write")


@dataclass(frozen=True)
class Terms:
    """What whoever issued the ticket said. Sizes in bytes, times in seconds."""

    uuid: str
    size: int
    ops: tuple[str, ...]
    timeout: int
    url: str
    inactivity_timeout: int
    transfer_id: str
    filename: str | None
    sparse: bool
    dirty: bool
    journal: bool

    @classmethod
    def parse(cls, body: dict[str, Any]) -> "Terms":
        """From a request's JSON object; what it does not know it ignores. Raises BadRequest, which names the parameter."""
        take = _Taker(body)
        uuid = take.text("uuid")
        if not uuid or "/" in uuid:
            raise invalid("uuid", "must be a non-empty string without '/'")
        ops = take("ops", list)
        # "write" alone lets read too: the contract has it so. Hence a list that is empty lets nothing at all.
        if not ops or not all(op in OPS for op in ops):
            raise invalid("ops", f"must be a list of {' and '.join(map(repr, OPS))}")
        return cls(
            uuid=uuid,
            size=take.number("size", 0, MAX_SIZE),
            ops=tuple(ops),
            timeout=take.number("timeout", 0, MAX_SECONDS),
            url=take.text("url"),
            inactivity_timeout=take.number("inactivity_timeout", 1, MAX_SECONDS, INACTIVITY_TIMEOUT),
            transfer_id=take.text("transfer_id", f"(ticket/{uuid[:18]})"),
            filename=take.text("filename", None),
            sparse=take("sparse", bool, False),
            dirty=take("dirty", bool, False),
            journal=take("journal", bool, False),
        )


_REQUIRED = object()


class _Taker:
    """Takes parameters out of a ticket's JSON object, and says which one is wrong."""

    def __init__(self, body: dict[str, Any]):
        self._body = body

    def __call__(self, name: str, kind: type, default: Any = _REQUIRED) -> Any:
        value = self._body.get(name, default)
        if value is _REQUIRED:
            raise errors.BadRequest(f"Required ticket parameter is missing: {name}")
        if value is default:
            return value
        # bool is an int to Python, and never to whoever wrote `"size": true`.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise invalid(name, f"must be of type {kind.__name__}")
        return value

    def number(self, name: str, least: int, most: int, default: Any = _REQUIRED) -> int:
        value = self(name, int, default)
        if not least <= value <= most:
            raise invalid(name, f"must be from {least} to {most}")
        return value

    def text(self, name: str, default: Any = _REQUIRED) -> Any:
        value = self(name, str, default)
        # Control characters would end a header or a line of the log.
        if value is not default and (len(value) > MAX_TEXT or not value.isprintable()):
            raise invalid(name, f"must be at most {MAX_TEXT} printable characters")
        return value


def invalid(name: str, reason: str) -> errors.BadRequest:
    return errors.BadRequest(f"Invalid value for {name!r}: {reason}")
