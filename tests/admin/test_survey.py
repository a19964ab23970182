"""One question for all uploads that simply go on, and a look at each of the others."""

import sqlalchemy as sa

from appliance.admin import live
from tests.admin.house import MIB


def uploads(house, count):
    return [house.create(name=f"disk-{number}") for number in range(count)]


def look(house, seconds=live.KEEP):
    house.clock.turn(seconds)
    house.admin.monitor.tick()


def kept(house, transfer):
    return house.transfers._load(transfer.id).durable


def asked_alone(house):
    """The tickets that the host is asked for one by one, from now on."""
    asked, ask = [], house.control.ticket
    house.control.ticket = lambda ticket_id: asked.append(ticket_id) or ask(ticket_id)
    return asked


def test_what_many_uploads_bring_is_one_question_and_one_statement(house):
    transfers = uploads(house, 3)
    for number, transfer in enumerate(transfers):
        house.send(transfer, b"x" * number * MIB)
    asked, updates = asked_alone(house), []

    @sa.event.listens_for(house.database.engine, "before_cursor_execute")
    def note(_connection, _cursor, statement, rows, _context, many):
        if statement.startswith("UPDATE transfers"):
            updates.append((many, len(rows)))

    look(house)
    sa.event.remove(house.database.engine, "before_cursor_execute", note)

    beats = [house.transfers.heartbeat(house.ann, transfer.id) for transfer in transfers]
    assert [beat.durable_bytes for beat in beats] == [0, MIB, 2 * MIB]
    assert [kept(house, transfer) for transfer in transfers] == [[], [[0, MIB]], [[0, 2 * MIB]]]
    assert (asked, updates) == ([], [(True, 2)])


def test_one_of_many_whose_client_is_gone_is_paused_alone(house):
    gone, there = uploads(house, 2)
    look(house, 40)
    house.transfers.heartbeat(house.ann, there.id)

    look(house, 40)

    assert (house.phase(gone), house.phase(there)) == ("paused_system", "transferring")


def test_one_of_many_whose_ticket_the_host_has_lost_gets_it_back(house):
    lost, other = uploads(house, 2)
    url = house.transfers.ticket(house.ann, lost.id).url
    house.control.delete_ticket(house.transfers._load(lost.id).ticket)
    assert house.put(url, b"x") == 403

    look(house)

    assert house.put(url, b"x") == 200
    assert house.phase(other) == "transferring"


def test_the_tickets_of_many_are_renewed_in_time(house):
    transfers = uploads(house, 2)
    renewed, renew = [], house.control.renew_ticket
    house.control.renew_ticket = lambda ticket_id, timeout: renewed.append(ticket_id) or renew(ticket_id, timeout)
    for _ in range(2):
        look(house, house.config.ticket_lifetime / 8)
        for transfer in transfers:
            house.transfers.heartbeat(house.ann, transfer.id)

    look(house, 0)

    assert sorted(renewed) == sorted(house.transfers._load(transfer.id).ticket for transfer in transfers)


def test_an_answer_that_is_older_than_what_is_known_changes_nothing(house):
    transfer = house.create()
    before = house.clock.steady()
    house.clock.turn(1)
    house.send(transfer, b"x" * MIB)
    house.transfers.pause(house.ann, transfer.id)
    house.transfers.resume(house.ann, transfer.id)

    assert house.transfers._live.hear(transfer.id, {"durable": [], "transferred": 0, "active": False}, before)

    assert house.transfers.heartbeat(house.ann, transfer.id).durable_bytes == MIB


def test_what_was_to_be_kept_before_a_pause_is_not_written_after_it(house):
    transfer = house.create()
    house.send(transfer, b"x" * MIB)
    house.transfers.pause(house.ann, transfer.id)
    house.clock.turn(live.KEEP)
    house.transfers._live._progress[transfer.id] = live.Progress((), 0)

    house.transfers._live.keep_due([transfer.id])

    assert kept(house, transfer) == [[0, MIB]]
