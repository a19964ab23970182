"""What happened: who, what, when, to which image."""

import datetime

import sqlalchemy as sa
from sqlalchemy import orm

from appliance.admin import lists, models, views
from appliance.admin.clock import Clock
from appliance.admin.database import Database

INFO, WARNING, ERROR = "info", "warning", "error"


class Events:
    """The list of events. They are recorded in the transaction of what they tell of: both happen, or neither."""

    def __init__(self, database: Database, clock: Clock):
        self._database = database
        self._clock = clock

    def record(
        self,
        session: orm.Session,
        code: str,
        message: str,
        *,
        severity: str = INFO,
        user: views.User | None = None,
        transfer: models.Transfer | None = None,
        image: models.Image | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """Adds an event. `message` is a sentence for people; without a user it was the system. A transfer brings its correlation id."""
        about = image or transfer
        session.add(
            models.Event(
                time=self._clock.now(),
                severity=severity,
                code=code,
                message=message,
                user=user.name if user else None,
                transfer_id=transfer.id if transfer else None,
                image_id=image.id if image else transfer.image_id if transfer else None,
                image_name=about.name if about else None,
                correlation_id=correlation_id or (transfer.correlation_id if transfer else None),
            )
        )

    def page(
        self,
        *,
        after: str | None = None,
        limit: int = lists.LIMIT,
        transfer: str | None = None,
        image: str | None = None,
        correlation_id: str | None = None,
    ) -> views.Page:
        """A page of events, newest first, of one transfer, image or correlation id if given.

        Raises errors.Invalid for an `after` that no page gave.
        """
        query = sa.select(models.Event).order_by(models.Event.id.desc())
        if after is not None:
            query = query.where(models.Event.id < lists.number(after))
        if transfer is not None:
            query = query.where(models.Event.transfer_id == transfer)
        if image is not None:
            query = query.where(models.Event.image_id == image)
        if correlation_id is not None:
            query = query.where(models.Event.correlation_id == correlation_id)
        with self._database.reading() as session:
            return lists.page(session, query, limit, _view, lambda event: str(event.id))

    def forget(self, before: datetime.datetime) -> None:
        """Removes the events of earlier times."""
        with self._database.session() as session:
            session.execute(sa.delete(models.Event).where(models.Event.time < before))


def _view(event: models.Event) -> views.Event:
    return views.Event(
        id=event.id,
        time=event.time,
        severity=event.severity,
        code=event.code,
        message=event.message,
        user=event.user,
        transfer_id=event.transfer_id,
        image_id=event.image_id,
        image_name=event.image_name,
        correlation_id=event.correlation_id,
    )
