"""How a paused transfer goes on: on its host, or, where that one cannot, on another that sees the same storage.

What has arrived lies with its journal beside the volume, on the storage: every host that sees it goes on where another one ended. Two must
not write at once. So the ticket of the host before is revoked first. One that does not answer cannot be asked: it is cut off from us, so
that no session of ours leads there; whatever it would still write it writes without its journal, which is the new host's from then on
(`imaged.journal`), and refuses; and its old ticket is revoked as soon as it answers again.
"""

from appliance import errors
from appliance.admin import kinds, live, models, moves, views
from appliance.admin.fleet import Fleet
from appliance.admin.phases import Event

#: Reasons of a pause that pass by themselves, and that nobody has to be asked about.
PASSING = ("host-down", "maintenance")


class Resuming:
    def __init__(self, fleet: Fleet, live: live.Live, moves: moves.Moves):
        self._fleet = fleet
        self._live = live
        self._moves = moves

    def place(self, transfer: models.Transfer) -> models.Host:
        """The host that the transfer goes on with: its own, if it can. Raises errors.HostDown, errors.NoHost."""
        active = self._fleet.places.active(transfer.domain)
        own = [host for host in active if host.id == transfer.host_id]
        return own[0] if own else self._fleet.places.choose(transfer.domain)

    def resume(self, transfer: models.Transfer, user: views.User | None = None) -> None:
        """Data may come again when this returns, of an import when its turn has come. The caller holds the transfer, and knows that it may.

        Raises errors.NotAllowed, HostDown, NoHost, NoSpace, HostRefused.
        """
        self.begin(transfer, user)
        self.finish(transfer)

    def begin(self, transfer: models.Transfer, user: views.User | None = None) -> None:
        """Takes it from its host, and gives it to the one that it goes on with, which is not asked yet. Raises as `resume`."""
        host = self.place(transfer)
        if not self._live.revoke(transfer) and (host.id == transfer.host_id or not self._may_leave(transfer)):
            raise errors.HostDown(host=transfer.host.name)
        self._moves.move(transfer, Event.RESUME, user=user, ticket=models.new_id(), asked=None, host_id=host.id)
        self._live.beat(transfer.id)

    def finish(self, transfer: models.Transfer) -> None:
        """Has its host take it. Raises as `resume`; then it is paused again."""
        if kinds.waits(transfer):
            return
        try:
            self._live.connect(transfer)
        except errors.ApplianceError as error:
            self._moves.move(transfer, Event.LOST, reason=(error.code, error.sentence))
            self._live.revoke(transfer)
            raise
        self._moves.move(transfer, Event.READY)
        self._live.keep(transfer)
        self._live.beat(transfer.id)

    def _may_leave(self, transfer: models.Transfer) -> bool:
        """Its host is dead as far as anybody can tell. An export has no journal that could be taken from it: such a transfer waits."""
        return not transfer.export and self._fleet.hosts.gone(transfer.host.id)
