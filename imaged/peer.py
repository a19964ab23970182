"""Another images service that moves the bytes in our place: ovirt-imageio's daemon, where a host has one.

It gets each ticket for a file in its own control socket, with the fields that every such daemon knows. Bytes still come to us, and go on
to it: it tells nobody which of them are durable, and so we count them here, as ever. What it has acknowledged is finished, what it has
flushed is durable, and that stands in our journal beside the file before anybody hears of it.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from imaged import client, errors
from imaged.backends import file, http

log = logging.getLogger(__name__)

#: Fields of a ticket that all daemons of this kind know.
FIELDS = ("uuid", "size", "ops", "timeout", "url", "inactivity_timeout", "transfer_id", "filename", "sparse", "dirty")


class Terms(Protocol):
    @property
    def uuid(self) -> str: ...


class Peer:
    """The daemon whose images service is at `address` (https://host:port, http://host:port), and its control service on a unix socket."""

    def __init__(self, address: str, control: Path, tls: Any = None):
        self._address = address
        self._tls = tls
        self.control = client.Control(f"unix:{control}")

    def place(self, terms: Terms, place: file.Place) -> "Place":
        """Where the ticket's bytes go: to the file, by way of the peer. Raises Internal where the peer does not take the ticket."""
        ticket = {name: value for name, value in vars(terms).items() if name in FIELDS and value is not None} | {
            "ops": list(vars(terms)["ops"])
        }
        url = f"{self._address}/images/{terms.uuid}"
        relayed = Place(url, client.Images(self._address, tls=self._tls), behind=place, peer=self, ticket=ticket)
        relayed.authorise()
        return relayed


@dataclass(frozen=True)
class Place(http.Place):
    """A file that the peer writes."""

    behind: file.Place = field(kw_only=True)
    peer: Peer = field(kw_only=True, compare=False, repr=False)
    ticket: dict[str, Any] = field(kw_only=True, compare=False, repr=False)

    @property
    def journaled(self) -> str:  # type: ignore[override]
        return self.behind.journaled

    def open(self, *, write: bool) -> http.Upstream:
        # It may have been restarted, and know nothing; and its clock for the ticket is not ours.
        self.authorise()
        return super().open(write=write)

    def upstream(self) -> "Relayed":
        return Relayed(self)

    def trim(self) -> None:
        """Cuts off what the peer has put behind the image: it writes whole blocks only, and fills up the last one with zeros.

        What is cut is never data, so that this may happen while others write.
        """
        with self.behind.open(write=True) as opened:
            opened.trim(self.ticket["size"])

    def authorise(self) -> None:
        """Has the peer know the ticket, for its whole lifetime from now on. Raises Internal."""
        try:
            try:
                self.peer.control.renew_ticket(self.ticket["uuid"], self.ticket["timeout"])
            except client.Refused as refused:
                if refused.status != 404:
                    raise
                self.peer.control.put_ticket(self.ticket)
        except (client.Unreachable, client.Refused) as error:
            log.error("The images service does not take tickets: %s", error)
            raise errors.Internal() from error

    def close(self) -> None:
        """Nothing of it runs any more: the peer forgets the ticket."""
        super().close()
        try:
            self.peer.control.delete_ticket(self.ticket["uuid"])
        except (client.Unreachable, client.Refused) as error:
            log.error("The images service still has a ticket that was revoked: %s", error)


class Relayed(http.Upstream):
    """The file by way of the peer. What is durable has the right size, too: nobody has to remember it."""

    def __init__(self, place: Place):
        super().__init__(place)
        self._relayed = place

    def flush(self) -> None:
        super().flush()
        self._relayed.trim()
