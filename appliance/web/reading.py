"""An image's bytes from its host to a client, in pieces, as they come."""

import logging
from collections.abc import Generator

from appliance import errors
from appliance.transfer import relay, sessions, slots
from imaged import client, httpd

log = logging.getLogger(__name__)

#: The bytes of an answer. Whoever has it must close it: that gives back the slot and the host's connection.
Pieces = Generator[memoryview, None, None]


def begin(
    passing: relay.Relay, room: slots.Slots, session: sessions.Session, headers: relay.Headers, body: httpd.Body, below: str = ""
) -> tuple[client.Response, Pieces]:
    """Asks the session's host for the image: its answer, and the bytes of it still to come. `body` is the request's (empty) one.

    With `below` (a path and a query) it is asked for what lies there: `/extents`.

    Raises errors.Busy, HostDown, and what a session that has ended raises. Once the answer has begun, a failure can only be told by
    ending the client's connection before the announced length.
    """
    pieces = _stream(passing, room, session, session.url + below, headers, body)
    return next(pieces), pieces


def _stream(passing, room, session, target, headers, body) -> Generator:
    """First the host's answer, then the pieces: one generator, so that closing it leaves every context in the right order."""
    begun = False
    try:
        with room.take(), passing.receive(session, target, headers, body.break_off) as (response, buffer):
            yield response
            begun = True
            moved = relay.TRAFFIC.begin("read", body.path)
            while count := response.readinto(buffer):
                session.touch()
                # Before the client has it: who asks afterwards finds it counted.
                moved(count)
                yield buffer[:count]
    except errors.ApplianceError as error:
        if not begun:
            raise
        log.warning("A download broke off: %s", error)
        body.break_off()
