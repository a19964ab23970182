"""Lists in pages, newest first. A page is found again by the last thing of the one before, whatever was added or removed meanwhile."""

import datetime
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from appliance import errors
from appliance.admin import views

LIMIT = 50
MAX_LIMIT = 500


def page(session: orm.Session, query: sa.Select, limit: int, view: Callable, cursor: Callable[[Any], str]) -> views.Page:
    """The first `limit` rows of `query` as a page; one more is read to know whether there are more."""
    limit = max(1, min(limit, MAX_LIMIT))
    rows = list(session.scalars(query.limit(limit + 1)))
    more = cursor(rows[limit - 1]) if len(rows) > limit else None
    return views.Page(tuple(view(row) for row in rows[:limit]), more)


def newest_first(query: sa.Select, model: Any, after: str | None) -> sa.Select:
    """Orders by creation; `after` is a `cursor`. Raises errors.Invalid for one that cannot be."""
    query = query.order_by(model.created_at.desc(), model.id.desc())
    if after is None:
        return query
    time, _, item = after.partition("_")
    microseconds = number(time)
    try:
        moment = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(microseconds=microseconds)
    except OverflowError:
        raise _bad_cursor() from None
    return query.where(sa.or_(model.created_at < moment, sa.and_(model.created_at == moment, model.id < item)))


def cursor(row: Any) -> str:
    """Where a list ordered by `newest_first` goes on after `row`."""
    return f"{(row.created_at - datetime.datetime.fromtimestamp(0, datetime.UTC)) // datetime.timedelta(microseconds=1)}_{row.id}"


def number(text: str) -> int:
    """The number in a cursor. Raises errors.Invalid."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _bad_cursor()
    return int(text)


def _bad_cursor() -> errors.Invalid:
    return errors.Invalid(field="after", reason="it is not the next of a page before")
