"""What Glance's clients asked for that takes its time. A task moves with its transfer, in the same transaction."""

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from appliance import errors
from appliance.admin import advice, models, phases, rights, views
from appliance.admin.ground import Ground
from appliance.admin.phases import Phase

#: Types: one that clients ask for, and that of an image's own import.
IMPORT, IMPORT_OF_IMAGE = TYPES = ("import", "api_image_import")
PENDING, PROCESSING, SUCCESS, FAILURE = STATUSES = ("pending", "processing", "success", "failure")
OPEN = (PENDING, PROCESSING)


class Tasks:
    def __init__(self, ground: Ground):
        self._ground = ground

    def all(self, user: views.User, image_id: str | None = None) -> list[views.Task]:
        """Those that `user` may see, of one image if given, in no order."""
        query = sa.select(models.Task).where(self._alive())
        if user.role != rights.ADMIN:
            query = query.where(models.Task.owner_id == user.id)
        if image_id is not None:
            query = query.where(models.Task.image_id == image_id)
        with self._ground.database.reading() as session:
            return [_view(task) for task in session.scalars(query)]

    def get(self, user: views.User, task_id: str) -> views.Task:
        """Raises errors.NotFound, also for another user's."""
        with self._ground.database.reading() as session:
            task = session.scalar(sa.select(models.Task).where(models.Task.id == task_id, self._alive()))
            if task is None or (user.role != rights.ADMIN and task.owner_id != user.id):
                raise errors.NotFound(what="task")
            return _view(task)

    def add(self, user: views.User, type: str, asked: dict[str, Any], *, image_id: str, transfer_id: str) -> views.Task:
        """The task of a transfer that is there. `asked` is shown: it holds no secret."""
        now = self._ground.clock.now()
        task = models.Task(
            id=models.new_id(),
            type=type,
            status=PENDING,
            input=asked,
            message="",
            owner_id=user.id,
            image_id=image_id,
            transfer_id=transfer_id,
            created_at=now,
            updated_at=now,
        )
        with self._ground.database.session() as session:
            session.add(task)
            session.flush()
            # It may have been faster.
            follow(session, session.get_one(models.Transfer, transfer_id), now, self._ground.config.task_lifetime)
        return self.get(user, task.id)

    def fail(self, user: views.User, type: str, asked: dict[str, Any], message: str, *, image_id: str | None = None) -> views.Task:
        """The task of a transfer that could not begin, for a reason that is not its client's."""
        now = self._ground.clock.now()
        task = models.Task(
            id=models.new_id(),
            type=type,
            status=FAILURE,
            input=asked,
            message=message,
            owner_id=user.id,
            image_id=image_id,
            created_at=now,
            updated_at=now,
            expires_at=now + datetime.timedelta(seconds=self._ground.config.task_lifetime),
        )
        with self._ground.database.session() as session:
            session.add(task)
        return self.get(user, task.id)

    def forget(self) -> None:
        """Removes those whose time is over; their images stay."""
        with self._ground.database.session() as session:
            session.execute(sa.delete(models.Task).where(models.Task.expires_at <= self._ground.clock.now()))

    def _alive(self) -> sa.ColumnElement[bool]:
        return sa.or_(models.Task.expires_at.is_(None), models.Task.expires_at > self._ground.clock.now())


def coming(session: orm.Session) -> set[str]:
    """The ids of images that tasks are to bring, and which are no images yet."""
    return set(session.scalars(sa.select(models.Task.image_id).where(models.Task.type == IMPORT, models.Task.status.in_(OPEN))))


def followed(session: orm.Session, transfer_id: str) -> bool:
    """A task waits for the transfer's end: its client cannot resume it."""
    return session.scalar(sa.select(models.Task.id).where(*_of(transfer_id))) is not None


def follow(session: orm.Session, transfer: models.Transfer, now: datetime.datetime, lifetime: float) -> None:
    """The transfer's tasks stand as it stands; what has ended is kept `lifetime` seconds more."""
    phase = Phase(transfer.phase)
    for task in session.scalars(sa.select(models.Task).where(*_of(transfer.id))):
        task.updated_at = now
        task.status = PENDING if phase is Phase.INITIALIZING else PROCESSING
        if phase is Phase.FINISHED_SUCCESS:
            task.status, task.result = SUCCESS, {"image_id": task.image_id}
        elif phase in phases.FAILED:
            task.status, task.message = FAILURE, advice.told(transfer.reason, transfer.reason_code)
            if task.type == IMPORT:
                # Nobody was told of the image that it was to bring.
                session.execute(sa.delete(models.Entry).where(models.Entry.id == task.image_id))
        if task.status not in OPEN:
            task.expires_at = now + datetime.timedelta(seconds=lifetime)


def _of(transfer_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return models.Task.transfer_id == transfer_id, models.Task.status.in_(OPEN)


def _view(task: models.Task) -> views.Task:
    return views.Task(
        id=task.id,
        type=task.type,
        status=task.status,
        input=task.input,
        result=task.result,
        message=task.message,
        owner=task.owner.name,
        owner_id=task.owner_id,
        image_id=task.image_id,
        created_at=task.created_at,
        updated_at=task.updated_at,
        expires_at=task.expires_at,
    )
