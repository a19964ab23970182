"""One round on a host: what there is to see to on it, and each of its transfers."""

import logging

import sqlalchemy as sa

from appliance import errors
from appliance.admin import digesting, enrolment, images, live, models, survey, tending
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground

log = logging.getLogger(__name__)

#: Hosts are asked which storage domains they see this often, in seconds, and whenever they are back.
LEARN = 30.0


class Rounds:
    def __init__(
        self,
        ground: Ground,
        fleet: Fleet,
        live: live.Live,
        survey: survey.Survey,
        tending: tending.Tending,
        enrolment: enrolment.Enrolment,
        images: images.Images,
        digesting: digesting.Digesting,
    ):
        self._ground = ground
        self._fleet = fleet
        self._live = live
        self._survey = survey
        self._tending = tending
        self._enrolment = enrolment
        self._images = images
        self._digesting = digesting
        #: Hosts that answered at their last rounds, and when they were asked which domains they see.
        self._known: set[str] = set()
        self._learned: dict[str, tuple[float, set[str] | None]] = {}

    def make(self, host: models.Host, up: bool) -> bool:
        """A round on the host, which has just answered or not. True if there is something that will be done soon: make another one soon."""
        if up:
            self._acquaint(host)
        else:
            self._known.discard(host.id)
        soon = False
        for transfer_id in self._survey.make(host, up):
            # One that has stopped answering meanwhile would be waited for with each of its transfers.
            soon |= self._tending.tend(transfer_id, up and not self._fleet.hosts.silent(host.id))
        if up:
            self._images.tend(host)
            self._digesting.tend(host)
        return soon

    def _acquaint(self, host: models.Host) -> None:
        """What there is to see to on a host that answers: its certificate, what it still has of before, the domains that it sees."""
        try:
            self._enrolment.renew(host)
            if host.id not in self._known:
                self._live.weed(host)
            self._learn(host)
            self._known.add(host.id)
        except errors.ApplianceError as error:
            log.warning("Host %s: %s", host.name, error)

    def _learn(self, host: models.Host) -> None:
        """Asks the host which domains it sees: once in a while, when it is back, and when there is another one to be seen."""
        with self._ground.database.reading() as session:
            domains = set(session.scalars(sa.select(models.Domain.id)))
        time, known = self._learned.get(host.id, (0.0, None))
        if host.id not in self._known or domains != known or self._ground.clock.steady() - time >= LEARN:
            self._fleet.domains.learn(host)
            self._learned[host.id] = self._ground.clock.steady(), domains
