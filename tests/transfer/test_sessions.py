"""Sessions: one for each transfer, the newest wins, a ticket is good for one."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from appliance import errors
from appliance.transfer import sessions, slots, tickets

KEY = ed25519.Ed25519PrivateKey.generate()


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def live(clock):
    return sessions.Sessions(tickets.Verifier(KEY.public_key(), "here", clock.now, 5, clock), limit=8)


@pytest.fixture
def issue(clock):
    signer = tickets.Signer(KEY, "here", 300, clock)

    def token(transfer="t", ops=("write",)):
        return signer.issue(user="u", transfer=transfer, host="h", ticket="k", ops=ops, size=9)[0]

    return token


def test_a_session_is_found_by_its_id(live, issue):
    session = live.open(issue())

    assert live.get(session.id) is session
    assert session.url == "/images/k"


def test_an_unknown_session_is_none(live):
    with pytest.raises(errors.NoSession):
        live.get("made-up")


def test_a_used_ticket_opens_no_second_session(live, issue):
    token = issue()
    live.open(token)

    with pytest.raises(errors.BadTicket) as refused:
        live.open(token)
    assert "used already" in refused.value.reason


@pytest.mark.parametrize("first, second", [("open", "bearer"), ("bearer", "open")])
def test_a_ticket_is_used_in_one_way(live, issue, first, second):
    token = issue()
    getattr(live, first)(token)

    with pytest.raises(errors.BadTicket):
        getattr(live, second)(token)


def test_a_ticket_as_bearer_goes_on_in_its_own_session(live, issue):
    token = issue()

    assert live.bearer(token) is live.bearer(token)


def test_a_bearer_whose_session_was_replaced_is_told(live, issue):
    token = issue()
    live.bearer(token)
    live.open(issue())

    with pytest.raises(errors.SessionReplaced):
        live.bearer(token)


def test_the_newest_session_wins(live, issue):
    older = live.open(issue())
    interrupted = []

    with older.holding(lambda: interrupted.append("older")):
        newer = live.open(issue())

    assert interrupted == ["older"]
    assert live.get(newer.id) is newer
    with pytest.raises(errors.SessionReplaced):
        live.get(older.id)


def test_sessions_of_other_transfers_are_left_alone(live, issue):
    other = live.open(issue("other"))
    live.open(issue())

    assert live.get(other.id) is other


def test_an_ended_session_is_gone(live, issue):
    session = live.open(issue())
    live.end(session.id)

    with pytest.raises(errors.NoSession):
        live.get(session.id)
    with pytest.raises(errors.NoSession):
        live.end(session.id)


def test_the_end_of_a_transfer_interrupts_its_session(live, issue):
    session = live.open(issue())
    interrupted = []

    with session.holding(lambda: interrupted.append(1)):
        live.end_transfer("t")

    assert interrupted == [1]
    assert live.last_activity("t") is None
    with pytest.raises(errors.NoSession):
        live.get(session.id)


def test_what_is_not_held_any_more_is_not_interrupted(live, issue):
    session = live.open(issue())
    interrupted = []
    with session.holding(lambda: interrupted.append(1)):
        pass

    live.end_transfer("t")

    assert interrupted == []


def test_nothing_starts_in_an_ended_session(live, issue):
    session = live.open(issue())
    live.end_transfer("t")

    with pytest.raises(errors.NoSession):
        session.holding(lambda: None).__enter__()


def test_ending_a_transfer_without_a_session_is_nothing(live, issue):
    session = live.open(issue())

    live.end_transfer("unknown")

    assert live.get(session.id) is session


def test_activity_moves_on(live, issue, monkeypatch):
    session = live.open(issue())
    before = live.last_activity("t")
    monkeypatch.setattr("time.monotonic", lambda: before + 7)

    session.touch()

    assert live.last_activity("t") == before + 7


def test_memory_is_bounded(live, issue):
    for number in range(8):
        live.open(issue(f"t{number}"))

    with pytest.raises(errors.Busy):
        live.open(issue("one more"))


def test_idle_sessions_and_expired_tickets_are_forgotten(live, issue, clock, monkeypatch):
    old = [live.open(issue(f"t{number}")) for number in range(8)]
    later = old[0].last_activity + 4000
    monkeypatch.setattr("time.monotonic", lambda: later)
    clock.now += 4000

    new = live.open(issue("new"))

    assert live.get(new.id) is new
    with pytest.raises(errors.NoSession):
        live.get(old[0].id)


def test_a_session_with_a_request_is_not_idle(live, issue, clock, monkeypatch):
    session = live.open(issue())
    later = session.last_activity + 4000
    with session.holding(lambda: None):
        monkeypatch.setattr("time.monotonic", lambda: later)
        clock.now += 4000
        live.open(issue("other"))

    assert live.get(session.id) is session


def test_a_read_ticket_does_not_write_but_a_write_ticket_reads(live, issue):
    reading, writing = live.open(issue("r", ("read",))), live.open(issue("w", ("write",)))

    writing.check("read")
    with pytest.raises(errors.ForbiddenOp):
        reading.check("write")


def test_who_listens_is_told_what_stopped_a_transfer(live, issue):
    told = []
    live.on_stopped = lambda *words: told.append(words)

    live.stopped(live.open(issue()), "no-space", "The disk is full.")

    assert told == [("t", "no-space", "The disk is full.")]


def test_a_listener_that_fails_does_not_fail_the_request(live, issue):
    live.on_stopped = lambda *words: 1 / 0

    session = live.open(issue())
    live.stopped(session, "no-space", "The disk is full.")

    assert not session.ended


def admit(live, ticket="k", transfer="t", ops=("read", "write")):
    live.admit(transfer=transfer, host="h", ticket=ticket, ops=ops, size=9)


def test_who_is_admitted_needs_the_tickets_id_alone(live):
    admit(live)

    session = live.admitted("k")
    assert (session.ticket.transfer, session.ticket.host, session.ticket.size, session.url) == ("t", "h", 9, "/images/k")


@pytest.mark.parametrize("ticket", ["", "K", "k ", "t", "made-up"])
def test_another_id_opens_nothing(live, ticket):
    admit(live)

    with pytest.raises(errors.NoSession):
        live.admitted(ticket)


def test_a_signed_tickets_image_is_not_open_to_who_knows_its_id(live, issue):
    live.open(issue())

    with pytest.raises(errors.NoSession):
        live.admitted("k")


def test_admitting_again_changes_nothing(live):
    admit(live)
    session = live.admitted("k")

    admit(live)

    assert live.admitted("k") is session


def test_the_end_of_a_transfer_interrupts_all_who_were_admitted(live):
    admit(live)
    hit = []
    with live.admitted("k").holding(lambda: hit.append(1)), live.admitted("k").holding(lambda: hit.append(2)):
        live.end_transfer("t")

    assert hit == [1, 2]
    with pytest.raises(errors.NoSession):
        live.admitted("k")


def test_a_transfers_new_ticket_ends_its_old_one(live):
    admit(live, "old")
    older = live.admitted("old")

    admit(live, "new")

    assert older.ended
    with pytest.raises(errors.NoSession):
        live.admitted("old")
    assert live.admitted("new").ticket.ticket == "new"


def test_the_end_of_the_process_ends_who_was_admitted(live):
    admit(live)
    session = live.admitted("k")

    live.end_all()

    assert session.ended
    with pytest.raises(errors.NoSession):
        live.admitted("k")


def test_who_is_admitted_to_read_does_not_write(live):
    admit(live, ops=("read",))

    with pytest.raises(errors.ForbiddenOp):
        live.admitted("k").check("write")


def test_activity_of_who_is_admitted_counts(live, monkeypatch):
    admit(live)
    before = live.last_activity("t")
    monkeypatch.setattr(sessions.time, "monotonic", lambda: before + 5)
    live.admitted("k").touch()

    assert live.last_activity("t") == before + 5


def test_bytes_leave_a_reserve_of_threads():
    room = slots.Slots(total=3, reserve=1)

    with room.take(), room.take():
        with pytest.raises(errors.Busy):
            room.take().__enter__()
    with room.take():
        pass


@pytest.mark.parametrize("total, reserve", [(4, 4), (4, 9), (4, -1)])
def test_a_reserve_that_leaves_nothing_is_a_mistake(total, reserve):
    with pytest.raises(ValueError):
        slots.Slots(total, reserve)
