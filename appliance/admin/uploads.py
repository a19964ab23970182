"""Uploads of new images, as browsers and scripts start them: the image is recorded and its volume made, and data may come."""

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from appliance import errors
from appliance.admin import admission, domains, events, kinds, live, models, moves, rights, views
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.admin.phases import Event, Phase
from imaged import units


class Uploads:
    def __init__(self, ground: Ground, fleet: Fleet, live: live.Live, moves: moves.Moves):
        self._ground = ground
        self._fleet = fleet
        self._live = live
        self._moves = moves

    def check(self, user: views.User, request: views.NewTransfer) -> views.Checked:
        """Would `create` work now? Raises the error that it would raise."""
        request, domain, available = self.admit(user, request)
        self._fleet.places.choose(domain, request.host)
        return views.Checked(ok=True, available=available)

    def create(self, user: views.User, request: views.NewTransfer, volume: str | None = None) -> str:
        """Starts an upload, and returns the transfer's id: the image is recorded and its volume made, and data may come when this returns.

        `volume` is what the bytes come into; None for that in which they stay.

        Raises errors.Forbidden, BadName, Invalid, NotFound (domain), WrongDomain, NameTaken, NoSpace, HostDown, HostRefused.
        Then nothing is left of it.
        """
        request, domain, _ = self.admit(user, request)
        transfer, image = self._new(user, request, domain)
        if volume is not None:
            transfer.volume = image.volume = volume
        with self._live.holding(transfer.id):
            message = f"An upload of {request.name} ({units.size(request.size)}) to {domain.name} was started"
            transfer = self._record(user, request, domain, transfer, image, message)
            try:
                self._live.connect(transfer)
            except errors.ApplianceError as error:
                self._undo(transfer, error)
                raise
            self._moves.move(transfer, Event.READY)
            self._live.beat(transfer.id)
        return transfer.id

    def wait(
        self, user: views.User, request: views.NewTransfer, domain: models.Domain, source: models.Import, image_id: str, volume: str
    ) -> str:
        """Records an import, which begins when its turn comes, and returns the transfer's id. `request` and `domain` as `admit` gave them.

        `volume` is what its bytes come into. Raises errors.NameTaken, errors.NoHost, errors.HostDown.
        """
        transfer, image = self._new(user, request, domain, image_id)
        transfer.client, transfer.imported = kinds.IMPORT, source
        transfer.volume = image.volume = volume
        message = f"An import of {request.name} from {source.url} to {domain.name} was asked for"
        return self._record(user, request, domain, transfer, image, message).id

    def admit(self, user: views.User, request: views.NewTransfer) -> tuple[views.NewTransfer, models.Domain, int]:
        """The request in its normal form, where it leads to, and how many bytes are available there. Raises as `create`."""
        rights.upload(user)
        request = admission.checked(request, self._ground.config.max_image_size)
        with self._ground.database.reading() as session:
            domain = domains.find(session, request.domain)
            admission.suits(domain, request.format)
            if request.image_id is None:
                admission.name_free(session, domain, request.name)
        numbers = self._fleet.domains.ask(domain)
        admission.fits(domain, numbers["available"], request)
        return request, domain, numbers["available"]

    def _new(
        self, user: views.User, request: views.NewTransfer, domain: models.Domain, image_id: str | None = None
    ) -> tuple[models.Transfer, models.Image]:
        now = self._ground.clock.now()
        image_id, transfer_id = request.image_id or image_id or models.new_id(), models.new_id()
        same = {
            "name": request.name,
            "size": request.size,
            "format": request.format,
            "content_type": "iso" if request.format == "iso" else "data",
            "domain_id": domain.id,
            "owner_id": user.id,
            # The file on the host is named after the id: a person's name for it is never a path.
            "volume": image_id + admission.FORMATS[request.format],
            "created_at": now,
        }
        claim = request.name if request.image_id is None else None
        own = {"claim": claim, "copy_of": request.copy_of, "allocation": request.allocation, "transfer_id": transfer_id}
        image = models.Image(id=image_id, status="locked", **own, **same)
        shown = request.fingerprint or views.Fingerprint()
        transfer = models.Transfer(
            id=transfer_id,
            image_id=image_id,
            direction="upload",
            phase=str(Phase.INITIALIZING),
            host_id=self._fleet.places.choose(domain, request.host).id,
            allocation=request.allocation,
            initial_size=request.initial_size,
            client=request.client,
            ticket=models.new_id(),
            expected_sha256=request.sha256,
            modified=shown.modified,
            fingerprint=[[piece.start, piece.end, piece.sha256] for piece in shown.pieces],
            updated_at=now,
            **same,
        )
        return transfer, image

    def _record(
        self,
        user: views.User,
        request: views.NewTransfer,
        domain: models.Domain,
        transfer: models.Transfer,
        image: models.Image,
        message: str,
    ) -> models.Transfer:
        """Image and transfer are in the database, with the event's `message`. Raises errors.NameTaken, errors.IdTaken."""
        try:
            with self._ground.database.session() as session:
                session.add(image)
                session.flush()
                session.add(transfer)
                session.flush()
                self._ground.events.record(session, "transfer-created", message, user=user, transfer=transfer, image=image)
        except IntegrityError:
            raise self._taken(request, domain) from None
        with self._ground.database.reading() as session:
            return session.get_one(models.Transfer, transfer.id)

    @staticmethod
    def _taken(request: views.NewTransfer, domain: models.Domain) -> errors.ApplianceError:
        if request.image_id is not None:
            return errors.IdTaken(id=request.image_id)
        return errors.NameTaken(domain=domain.name, name=request.name)

    def _undo(self, transfer: models.Transfer, error: errors.ApplianceError) -> None:
        """Nothing is left of an upload that could not be started. If the host cannot be asked now, the monitor sees to it."""
        try:
            with self._fleet.hosts.asking(transfer.host) as control:
                if transfer.ticket:
                    control.delete_ticket(transfer.ticket)
                control.delete_volume(transfer.domain_id, transfer.volume)
        except (errors.HostDown, errors.HostRefused):
            self._moves.move(transfer, Event.FAIL, reason=(error.code, error.sentence))
            return
        with self._ground.database.session() as session:
            message = f"The upload of {transfer.name} could not be started: {error.sentence}"
            self._ground.events.record(session, "transfer-refused", message, severity=events.WARNING, transfer=transfer)
            session.execute(sa.delete(models.Transfer).where(models.Transfer.id == transfer.id))
            session.execute(sa.delete(models.Image).where(models.Image.id == transfer.image_id))
        self._live.forget(transfer.id)
