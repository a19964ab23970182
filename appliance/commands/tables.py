"""Lists on the console."""

import datetime
from collections.abc import Iterable, Sequence

import rich.console
import rich.table


def minute(time: datetime.datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else ""


def show(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table, as wide as it needs: a name that was cut in two is not one that can be typed."""
    table = rich.table.Table(*columns, box=None)
    for row in rows:
        table.add_row(*row)
    rich.console.Console(highlight=False, markup=False, width=200).print(table)
