"""The one function that changes a transfer's phase, and what every move brings with it."""

import datetime

import sqlalchemy as sa
from sqlalchemy import orm

from appliance import errors
from appliance.admin import events, kinds, models, phases, tasks, views
from appliance.admin.ground import Ground
from appliance.admin.phases import Event, Phase

#: What the list of events says of each move: severity and sentence.
SENTENCES: dict[Event, tuple[str, str]] = {
    Event.READY: (events.INFO, "The {direction} of {name} is ready for data"),
    Event.PAUSE: (events.INFO, "The {direction} of {name} was paused"),
    Event.LOST: (events.WARNING, "The {direction} of {name} was paused by the system: {reason}"),
    Event.RESUME: (events.INFO, "The {direction} of {name} was resumed"),
    Event.CANCEL: (events.INFO, "The {direction} of {name} was cancelled"),
    Event.FAIL: (events.ERROR, "The {direction} of {name} failed: {reason}"),
    Event.FINALIZE: (events.INFO, "All of {name} was sent, and is verified now"),
    Event.CLEANUP: (events.INFO, "What had arrived of {name} is removed"),
}
ENDS: dict[Phase, tuple[str, str]] = {
    Phase.FINISHED_SUCCESS: (events.INFO, "{name} is verified and ready for use"),
    Phase.FINISHED_FAILURE: (events.INFO, "The failed {direction} of {name} is cleaned up"),
    Phase.FINISHED_CLEANUP: (events.INFO, "The cancelled {direction} of {name} is cleaned up"),
}
#: Where a download's sentence is another one.
OF_DOWNLOADS: dict[Event | Phase, tuple[str, str]] = {
    Event.FINALIZE: (events.INFO, "The download of {name} is at its end"),
    Event.CLEANUP: (events.INFO, "The download of {name} is put away"),
    Phase.FINISHED_SUCCESS: (events.INFO, "{name} was downloaded"),
}

#: And where an import's is, which needs no client.
OF_IMPORTS: dict[Event | Phase, tuple[str, str]] = {
    Event.READY: (events.INFO, "{name} is fetched from its source now"),
    Event.FINALIZE: (events.INFO, "All of {name} was fetched, and is verified now"),
}

#: Moves that go on with the reason of the one before.
_SAME_STORY = (Event.CLEANUP, Event.DONE)
#: Moves after which nothing is fetched any more: nobody needs the source's credentials.
_FETCHED = (Event.FINALIZE, Event.CANCEL, Event.FAIL)


class Moves:
    def __init__(self, ground: Ground):
        self._ground = ground
        self._paused = datetime.timedelta(seconds=ground.config.paused_lifetime)
        self._finished = datetime.timedelta(seconds=ground.config.finished_lifetime)

    def move(self, transfer: models.Transfer, event: Event, **options) -> None:
        """As `within`, in a transaction of its own."""
        with self._ground.database.session() as session:
            session.add(transfer)
            self.within(session, transfer, event, **options)

    def within(
        self,
        session: orm.Session,
        transfer: models.Transfer,
        event: Event,
        *,
        user: views.User | None = None,
        reason: tuple[str, str] | None = None,
        **columns,
    ) -> None:
        """Moves the transfer, sets `columns`, and records the event, all in the session's transaction.

        `reason` is a code and a sentence. Raises errors.NotAllowed, which names the phase, also if somebody else has moved it meanwhile.
        """
        before = Phase(transfer.phase)
        target = phases.move(before, event)
        now = self._ground.clock.now()
        columns |= {"phase": str(target), "updated_at": now, "expires_at": self._expiry(target, now)}
        if event not in _SAME_STORY:
            columns["reason_code"], columns["reason"] = reason or (None, None)
        # Compare and set: of two requests that read the same phase, one finds no row any more.
        moved = session.scalar(
            sa.update(models.Transfer)
            .where(models.Transfer.id == transfer.id, models.Transfer.phase == str(before))
            .values(**columns)
            .returning(models.Transfer.id)
            .execution_options(synchronize_session=False)
        )
        session.refresh(transfer)
        if moved is None:
            raise errors.NotAllowed(phase=transfer.phase, event=str(event))
        tasks.follow(session, transfer, now, self._ground.config.task_lifetime)
        if kinds.imported(transfer) and event in _FETCHED:
            session.execute(sa.update(models.Import).where(models.Import.transfer_id == transfer.id).values(sealed=None))
        image = session.get(models.Image, transfer.image_id) if transfer.image_id else None
        if image is not None and event in (Event.FAIL, Event.CANCEL) and not kinds.download(transfer):
            # The name is free again at once, even if the bytes go later.
            image.claim = None
            # A disk that was there before, and to which nobody could send anything yet, is as good as it was.
            untouched = kinds.of_disk(transfer) and before is Phase.INITIALIZING and not kinds.replaces(transfer)
            if event is Event.FAIL and not untouched:
                image.status, image.reason = "illegal", transfer.reason
        severity, sentence = _sentence(transfer, event, target)
        self._ground.events.record(
            session,
            f"transfer-{target}".replace("_", "-"),
            sentence.format(direction=kinds.word(transfer), name=transfer.name, reason=transfer.reason),
            severity=severity,
            user=user,
            transfer=transfer,
            image=image,
        )

    def _expiry(self, phase: Phase, now: datetime.datetime) -> datetime.datetime | None:
        """Paused transfers are given up, work that cannot be ended is dropped, and finished ones are forgotten, in time."""
        if phase in phases.LIVE:
            return None
        return now + (self._finished if phase in phases.FINISHED else self._paused)


def _sentence(transfer: models.Transfer, event: Event, target: Phase) -> tuple[str, str]:
    """What the list of events says: severity and sentence."""
    key = target if event is Event.DONE else event
    if kinds.download(transfer) and key in OF_DOWNLOADS:
        return OF_DOWNLOADS[key]
    if kinds.imported(transfer) and key in OF_IMPORTS:
        return OF_IMPORTS[key]
    return ENDS[target] if event is Event.DONE else SENTENCES[event]
