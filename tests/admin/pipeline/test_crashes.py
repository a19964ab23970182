"""The appliance dies when an image has just been refused: whoever goes on does not take it for good."""

import contextlib

import pytest

from appliance.admin import import_run, importing, moves, phases, pipeline
from tests.admin.importer import assert_refused, begin, now, states, until


class Killed(BaseException):
    """The process dies here."""


def by_another(house, transfer):
    """The import when the next process has brought it to its end."""

    def ended():
        # What waits for the host waits no longer.
        house.clock.turn(importing.AGAIN)
        return now(house, transfer).phase.startswith("finished")

    until(house, ended, lambda: f"the end of {now(house, transfer)}")
    return now(house, transfer)


@pytest.mark.parametrize("most", [1, 2])
def test_what_was_refused_is_refused_by_the_next_process_too(house, server, install, monkeypatch, most):
    session, written = house.database.session, []

    @contextlib.contextmanager
    def writing():
        with session() as opened:
            yield opened
        written.append(True)
        if len(written) == most:
            raise Killed

    def never(arrival):
        monkeypatch.setattr(house.database, "session", writing)
        raise pipeline.Refused("It is not for us.")

    install(never=never)
    house.admin.domains.arrange(house.data.id, ["inspect", "validate", "never", "register"])
    transfer = begin(house, server)
    with contextlib.suppress(Killed):
        # As the worker does it: one run fetches, another one goes through the steps.
        for _ in range(2):
            import_run.Run(house.admin.importing._tools, transfer.id).run()
    assert len(written) == most
    house.crash()

    assert_refused(house, by_another(house, transfer), "never", "step-refused")


def test_a_step_failed_while_the_bytes_came_when_the_import_did(house, server, monkeypatch):
    within = moves.Moves.within

    def dying(self, session, transfer, event, **columns):
        if event == phases.Event.FAIL:
            raise Killed
        within(self, session, transfer, event, **columns)

    transfer = begin(house, server, checksum="0" * 64)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(moves.Moves, "within", dying)
        import_run.Run(house.admin.importing._tools, transfer.id).run()
    house.crash()

    assert states(now(house, transfer))["verify-checksum"] == "running"
    assert_refused(house, by_another(house, transfer), "verify-checksum", "wrong-checksum")
