"""One import at work: from the look at its source to the last byte on the host, or at its steps there. What it cannot mend others do."""

import logging
from dataclasses import replace

import sqlalchemy as sa

from appliance import errors
from appliance.admin import admission, copying, imports, kinds, models, storing, tasks
from appliance.admin.import_tools import Tools
from appliance.admin.phases import Event, Phase
from appliance.admin.pipeline import line, record
from appliance.transfer import download, fetch, looking, sources

log = logging.getLogger(__name__)

#: Seconds for which what was found at a source is believed: an import that begins later looks again.
FRESH = 60.0
FAULT = "The appliance made a mistake, which is in its log."


class Run:
    """`run` is for a thread of its own, once; all else for any thread. `work` is the transfer's id."""

    def __init__(self, tools: Tools, work: str):
        self._tools = tools
        self._id = work
        self._fetching: fetch.Fetch | None = None
        self._looking: looking.Looking | None = None
        self._line = line.Line(tools, work)
        self._stopped = False
        #: The ticket that it fetches by: whoever finds another one has no say any more.
        self._ticket: str | None = None
        self._shown = fetch.Progress(0, None, 0, 0.0, 0, "")
        self.ended = False

    @property
    def progress(self) -> fetch.Progress:
        fetching = self._fetching
        if self.ended or fetching is None:
            return self._shown
        return fetching.progress

    @property
    def step(self) -> tuple[int, int | None]:
        """How far the step of the pipeline is that runs: how much is behind, and of how much."""
        return self._line.progress

    def wind_up(self, seconds: float) -> None:
        if fetching := self._fetching:
            fetching.wind_up(seconds)

    def stop(self) -> None:
        self._stopped = True
        self._line.stop()
        if look := self._looking:
            look.interrupt()
        if fetching := self._fetching:
            fetching.stop()

    def run(self) -> None:
        """Until nothing more can be done for now."""
        trouble = ""
        try:
            transfer = self._load()
            self._shown = fetch.Progress(_source(transfer).fetched, _source(transfer).source_size, 0, 0.0, 0, "")
            trouble = self._steps() if transfer.phase == Phase.FINALIZING_SUCCESS else self._outcome()
        except errors.ApplianceError as error:
            # Somebody else has moved it on, or it is not there any more; or the host went while it ended.
            log.info("Import %s: %s", self._id, error)
        except Exception:
            log.exception("Import %s could not be ended", self._id)
            trouble = FAULT
        finally:
            self._end(trouble)

    def _outcome(self) -> str:
        """Works, and does what follows from how that ended. Why it has to be tried again, as a sentence; "" if it has not."""
        try:
            self._work()
        except (fetch.Stopped, sources.Interrupted):
            pass
        except (errors.HostDown, errors.NoHost) as error:
            # The monitor judges whether it is back soon.
            return error.sentence
        except fetch.Lost as lost:
            if lost.code != "no-space":
                return lost.sentence
            self._lose(lost.code, lost.sentence)
        except errors.ApplianceError as error:
            self._give_up(error)
        except Exception:
            log.exception("Import %s ended by a fault of ours", self._id)
            self._lose("internal", FAULT)
        return ""

    def _steps(self) -> str:
        """Does on the host what is to be done there. Why it has to be tried again, as a sentence; "" if it has not."""
        try:
            self._line.run()
        except (errors.HostDown, errors.HostRefused) as error:
            return error.sentence
        return ""

    def _work(self) -> None:
        transfer = self._load()
        begun = self._begin() if kinds.waits(transfer) else self._go_on()
        if begun is not None:
            self._finish(begun.run())

    def _begin(self) -> fetch.Fetch | None:
        """The first time, or when nothing of it has arrived: a host takes it. None if it is not wanted any more."""
        again = self._look_again(self._load())
        with self._tools.live.holding(self._id):
            transfer = self._load()
            if not kinds.waits(transfer) or self._stopped:
                return None
            if again is not None:
                self._renew(transfer, again)
            self._place(transfer)
            try:
                self._tools.live.connect(transfer)
            except (errors.NoSpace, errors.HostRefused) as error:
                self._pause(transfer, error.code, error.sentence)
                return None
            self._tools.moves.move(transfer, Event.READY)
            return self._fetch(transfer)

    def _go_on(self) -> fetch.Fetch | None:
        """After a pause, a restart, or a host that was away for a moment."""
        with self._tools.live.holding(self._id):
            transfer = self._load()
            if transfer.phase != Phase.TRANSFERRING or self._stopped:
                return None
            self._tools.live.tend(transfer)
            return self._fetch(transfer)

    def _look_again(self, transfer: models.Transfer) -> imports.Plan | None:
        """What is at the source now, if the last look was long ago."""
        source, ground = _source(transfer), self._tools.ground
        if copying.copies(transfer) or (ground.clock.now() - source.looked_at).total_seconds() < FRESH:
            return None
        words = self._tools.seal.open(source.sealed)
        self._looking = looking.Looking(words["url"], self._tools.policy, _credentials(words))
        if self._stopped:
            raise sources.Interrupted
        sight = self._looking.look(find_checksum=source.find_checksum)
        checksum = sight.checksum if source.find_checksum else source.checksum
        stored = storing.Storing.of(sight.facts.name, sight.format, source.wanted_format, source.compressed)
        plan = imports.Plan.of(sight, stored, checksum, ground.config.max_image_size)
        available = self._tools.fleet.domains.ask(transfer.domain)["available"]
        return plan.within(available)

    def _renew(self, transfer: models.Transfer, plan: imports.Plan) -> None:
        """The file may be another one by now: nothing of the one before is on a host yet, or stays there."""
        source = _source(transfer)
        if plan.sized and not 1 <= plan.size <= self._tools.ground.config.max_image_size:
            raise errors.SourceLong(host="The source", name=transfer.name, expected=self._tools.ground.config.max_image_size)
        admission.suits(transfer.domain, plan.stored.format)
        columns = plan.columns(transfer.image_id or transfer.id, transfer.domain, [step["name"] for step in source.steps])
        with self._tools.fleet.hosts.asking(transfer.host) as control:
            if transfer.ticket:
                control.delete_ticket(transfer.ticket)
            control.delete_volume(transfer.domain_id, transfer.volume)
        same = {
            "size": plan.size,
            "format": plan.stored.format,
            "content_type": "iso" if plan.stored.format == "iso" else "data",
            "volume": plan.stored.volume(transfer.image_id or transfer.id),
        }
        sparse = transfer.allocation == "sparse"
        own = {"initial_size": plan.initial_size if sparse else None, "expected_sha256": plan.sha256, "ticket": models.new_id()}
        with self._tools.ground.database.session() as session:
            session.execute(sa.update(models.Image).where(models.Image.id == transfer.image_id).values(**same))
            session.execute(sa.update(models.Transfer).where(models.Transfer.id == transfer.id).values(**same, **own))
            looked = {"looked_at": self._tools.ground.clock.now(), **columns}
            session.execute(sa.update(models.Import).where(models.Import.transfer_id == source.transfer_id).values(**looked))
            session.add(transfer)
            session.refresh(transfer)

    def _place(self, transfer: models.Transfer) -> None:
        """The host that was chosen when it was asked for may be away by now. Raises errors.HostDown, errors.NoHost."""
        places = self._tools.fleet.places
        if transfer.host_id not in [host.id for host in places.active(transfer.domain)]:
            host = places.choose(transfer.domain)
            self._tools.live.keep(transfer, host_id=host.id, ticket=models.new_id())

    def _fetch(self, transfer: models.Transfer) -> fetch.Fetch:
        """The caller holds the transfer: whoever pauses it next stops what this returns."""
        source, settings = _source(transfer), self._tools.ground.config
        words = self._tools.seal.open(source.sealed)
        assert transfer.ticket
        self._ticket = transfer.ticket
        self._fetching = fetch.Fetch(
            self._open(transfer, words),
            self._tools.fleet.connections.images(transfer.host.id),
            transfer.ticket,
            host=transfer.host.name,
            limit=transfer.size,
            packed=source.compression,
            validator=source.validator,
            total=source.source_size,
            sha256=source.checksum,
            # What is converted becomes another file, which is hashed when it is verified.
            digests=() if source.target else source.digests,
            attempts=settings.import_attempts,
            bandwidth=settings.import_bandwidth,
        )
        self._mark(steps=record.streams(source.steps, record.WAITING, record.RUNNING))
        if self._stopped:
            # Before it was there to be stopped.
            self._fetching.stop()
        return self._fetching

    def _open(self, transfer: models.Transfer, words: dict[str, str]) -> sources.Source:
        if copying.copies(transfer):
            return self._tools.copying.source(transfer, words["url"])
        return sources.open(words["url"], self._tools.policy, _credentials(words))

    def _finish(self, result: fetch.Result) -> None:
        """All bytes are there: the steps on the host are another run's, which the worker begins at once."""
        with self._tools.live.holding(self._id):
            transfer = self._load()
            if not self._mine(transfer):
                return
            if result.digests:
                with self._tools.ground.database.session() as session:
                    session.execute(sa.update(models.Image).where(models.Image.id == transfer.image_id).values(digests=result.digests))
            self._mark(steps=record.streams(_source(transfer).steps, record.RUNNING, record.DONE))
            self._tools.finalizing.begin(transfer, size=result.size)

    def _lose(self, code: str, sentence: str) -> None:
        """Paused, for a person to look at and to resume; at its end, where a task waits for it and nobody else."""
        with self._tools.live.holding(self._id):
            transfer = self._load()
            if self._mine(transfer):
                self._pause(transfer, code, sentence)

    def _pause(self, transfer: models.Transfer, code: str, sentence: str) -> None:
        with self._tools.ground.database.reading() as session:
            alone = tasks.followed(session, transfer.id)
        if alone:
            self._fail(transfer, code, sentence)
            return
        self._tools.moves.move(transfer, Event.LOST, reason=(code, sentence))
        self._tools.live.revoke(transfer)

    def _fail(self, transfer: models.Transfer, code: str, sentence: str) -> None:
        steps = record.failed(_source(transfer).steps, code, sentence)
        # In one transaction: if it is not the end after all, because we die now, no step has failed.
        with self._tools.ground.database.session() as session:
            session.add(transfer)
            _source(transfer).steps = steps
            self._tools.moves.within(session, transfer, Event.FAIL, reason=(code, sentence))
        self._tools.finalizing.advance(transfer)

    def _give_up(self, error: errors.ApplianceError) -> None:
        """What may pass pauses it, all else is its end: it would happen again."""
        if download.passing(error) or isinstance(error, errors.NoSpace | errors.HostRefused | errors.Incomplete):
            self._lose(error.code, error.sentence)
            return
        with self._tools.live.holding(self._id):
            transfer = self._load()
            if self._mine(transfer):
                self._fail(transfer, error.code, error.sentence)

    def _mine(self, transfer: models.Transfer) -> bool:
        """Nobody has moved it on meanwhile: it fetches by the same ticket, or has not begun."""
        if self._ticket is None:
            return kinds.waits(transfer) or transfer.phase == Phase.TRANSFERRING
        return transfer.phase == Phase.TRANSFERRING and transfer.ticket == self._ticket

    def _end(self, trouble: str) -> None:
        if self._fetching:
            self._shown = replace(self._fetching.progress, rate=0.0)
        self._shown = replace(self._shown, trouble=trouble)
        self.ended = True
        if self._fetching:
            self._mark(fetched=self._shown.fetched)

    def _mark(self, **columns) -> None:
        with self._tools.ground.database.session() as session:
            session.execute(sa.update(models.Import).where(models.Import.transfer_id == self._id).values(**columns))

    def _load(self) -> models.Transfer:
        """Raises errors.NotFound: somebody has deleted it."""
        with self._tools.ground.database.reading() as session:
            transfer = session.get(models.Transfer, self._id)
        if transfer is None:
            raise errors.NotFound(what="transfer")
        return transfer


def _source(transfer: models.Transfer) -> models.Import:
    assert transfer.imported is not None
    return transfer.imported


def _credentials(words: dict[str, str]) -> sources.Credentials | None:
    given = {name: words[name] for name in ("user", "password", "bearer")}
    return sources.Credentials(**given) if any(given.values()) else None
