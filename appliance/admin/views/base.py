"""What all views have in common."""

from dataclasses import dataclass
from typing import Any

Range = tuple[int, int]


@dataclass(frozen=True)
class Ref:
    """Names another thing."""

    id: str
    name: str


@dataclass(frozen=True)
class Page:
    """Part of a list. `next` asks for what follows (`after=`), None at the end."""

    items: tuple[Any, ...]
    next: str | None
