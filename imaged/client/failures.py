"""How a host can fail whoever calls it: it does not answer, or it answers no."""

from types import TracebackType
from typing import Any

from imaged import response as responses


class Unreachable(Exception):
    """The host did not answer: connection refused, reset, timed out, or not HTTP."""

    def __init__(self, address: str, reason: object):
        super().__init__(f"{address} does not answer: {reason}")
        self.address = address
        self.reason = reason


class Refused(Exception):
    """The host answered no. `status` is HTTP's, `code` the daemon's stable word, `message` one line, `details` a dict."""

    def __init__(self, status: int, code: str, message: str, details: dict[str, Any] | None = None):
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details or {}


class unreachable:
    """Turns everything that a connection can fail with into Unreachable. To be used any number of times."""

    # Not contextlib's: it is entered several times for each chunk.
    def __init__(self, address: str):
        self._address = address

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, BlockingIOError):
            raise Unreachable(self._address, "timed out") from error
        if isinstance(error, (OSError, responses.Malformed, responses.BrokenOff, ValueError)):
            raise Unreachable(self._address, str(error) or type(error).__name__) from error
