"""Waiting for what must come: for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_for(condition: Callable[[], Found], what: str, timeout: float = 60, interval: float = 0.02) -> Found:
    """The first true answer of `condition`; fails after `timeout` seconds, which only a machine that hangs takes."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {timeout} s for {what}"
        time.sleep(interval)
    return found
