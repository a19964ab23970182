"""The steps of one import, one after the other, from wherever it was."""

import logging
import threading
import time
from concurrent import futures

import sqlalchemy as sa

from appliance import errors
from appliance.admin import models
from appliance.admin.import_tools import Tools
from appliance.admin.phases import Event, Phase
from appliance.admin.pipeline import installed, record
from appliance.admin.pipeline.arrival import Arrival
from appliance.admin.pipeline.outcome import Closed, Failed, Refused, Skipped
from appliance.admin.pipeline.work import source_of
from imaged import units

log = logging.getLogger(__name__)

#: Seconds between two looks whether a third party's step is to be left.
LOOK = 0.1
#: Characters of what a step says.
MOST_WORDS = 1000


class Line:
    """`run` is for one thread, `stop` and `progress` for any. All that must be remembered is in the database."""

    def __init__(self, tools: Tools, transfer_id: str):
        self._tools = tools
        self._id = transfer_id
        self._stopping = threading.Event()
        self._arrival: Arrival | None = None

    def stop(self) -> None:
        """`run` ends soon; a job of the host goes on, and is found again."""
        self._stopping.set()

    @property
    def progress(self) -> tuple[int, int | None]:
        """How far the step is that runs."""
        arrival = self._arrival
        return arrival.shown if arrival else (0, None)

    def run(self) -> None:
        """Until the image is there, or is refused. Raises errors.HostDown, errors.HostRefused: it goes on from here another time."""
        try:
            Arrival(self._tools, self._id, installed.INSPECT, self._stopping).trim()
            while step := record.following(self._steps()):
                self._do(step["name"])
        except Closed:
            pass

    def _do(self, name: str) -> None:
        self._mark(name, status=record.RUNNING)
        try:
            said = self._said(name)
        except Failed as failed:
            self._fail(name, failed)
            raise Closed from None
        status = record.SKIPPED if isinstance(said, Skipped) else record.DONE
        self._mark(name, status=status, message=_shown(said), jobs={})

    def _said(self, name: str) -> str:
        """What the step says at its end. Raises Failed, however else it ended; Closed; errors.HostDown, errors.HostRefused."""
        if name not in installed.found():
            raise Failed("step-missing", f"The step {name} of the storage domain's list is not installed any more.")
        try:
            said = self._ours(name) if name in installed.DEFAULT else self._theirs(name)
        except (Failed, errors.HostDown, errors.HostRefused, sa.exc.DBAPIError):
            # Of what a database that is away says nothing is the step's fault.
            raise
        except Refused as refused:
            raise Failed("step-refused", _shown(refused) or f"The step {name} refuses the image.") from None
        except BaseException as error:
            # Of theirs SystemExit and its like, too: a thread that died of them would be begun again, and again.
            ends = name in installed.DEFAULT and not isinstance(error, Exception)
            if ends or (isinstance(error, Closed) and self._over()):
                raise
            log.exception("Import %s: the step %s broke", self._id, name)
            raise Failed("step-failed", f"The step {name} broke ({type(error).__name__}): the log of the appliance says where.") from error
        if not isinstance(said, str | None):
            raise Failed("step-nonsense", f"The step {name} answered with {type(said).__name__}, which is no text: it must be mended.")
        return said or ""

    def _over(self) -> bool:
        """There is no use in going on."""
        try:
            self._load()
        except Closed:
            return True
        return self._stopping.is_set()

    def _ours(self, name: str) -> object:
        """Hosts have limits for all that it does."""
        self._arrival = Arrival(self._tools, self._id, name, self._stopping)
        return installed.load(name)(self._arrival)

    def _theirs(self, name: str) -> object:
        """In a thread of its own: nobody knows whether it ends. Raises Failed, Closed, and what it raises."""
        closing, limit = threading.Event(), self._tools.ground.config.import_step_timeout
        arrival = self._arrival = Arrival(self._tools, self._id, name, closing)
        future: futures.Future[object] = futures.Future()
        threading.Thread(target=_work, args=(future, name, arrival), name=f"step {name}", daemon=True).start()
        until = time.monotonic() + limit
        try:
            while not futures.wait([future], timeout=LOOK).done:
                if self._stopping.is_set():
                    raise Closed
                if time.monotonic() > until:
                    raise Failed("step-timeout", f"The step {name} was given up: it took longer than {units.duration(limit)}.")
        finally:
            closing.set()
        return future.result()

    def _fail(self, name: str, failed: Failed) -> None:
        with self._tools.live.holding(self._id):
            transfer = self._load()
            steps = record.with_step(source_of(transfer).steps, name, status=record.FAILED, message=failed.sentence, jobs={})
            # In one transaction: whoever goes on after a crash leaves out no step that has failed.
            with self._tools.ground.database.session() as session:
                session.add(transfer)
                source_of(transfer).steps = steps
                self._tools.moves.within(session, transfer, Event.FAIL, reason=(failed.code, failed.sentence))
            self._tools.finalizing.advance(transfer)

    def _mark(self, name: str, **columns) -> None:
        steps = record.with_step(self._steps(), name, **columns)
        with self._tools.ground.database.session() as session:
            session.execute(sa.update(models.Import).where(models.Import.transfer_id == self._id).values(steps=steps))

    def _steps(self) -> record.Steps:
        return source_of(self._load()).steps

    def _load(self) -> models.Transfer:
        """Raises Closed when it was cancelled, or deleted."""
        with self._tools.ground.database.reading() as session:
            transfer = session.get(models.Transfer, self._id)
        if transfer is None or transfer.phase not in (Phase.FINALIZING_SUCCESS, Phase.FINISHED_SUCCESS):
            raise Closed
        return transfer


def _work(future: "futures.Future[object]", name: str, arrival: Arrival) -> None:
    try:
        future.set_result(installed.load(name)(arrival))
    except BaseException as error:
        future.set_exception(error)


def _shown(said: object) -> str:
    """What somebody else's program says, as it can be shown."""
    return "".join(character for character in units.clipped(str(said), MOST_WORDS) if character.isprintable() or character == "\n").strip()
