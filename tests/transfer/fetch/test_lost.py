"""Hosts that are lost meanwhile: they refuse, forget or die, and what was durable before stays so."""

import psutil
import pytest

from appliance import errors
from appliance.transfer import fetch, sources
from imaged import client
from tests.transfer import room as rooms
from tests.transfer.fetch.fetched import DATA, MIB, Volume, fetching
from tests.waiting import wait_for


def test_a_ticket_that_is_not_there_is_told_as_the_relay_tells_it(server, volume):
    volume.revoke()

    with pytest.raises(fetch.Lost) as lost:
        fetching(server, volume).run()
    assert lost.value.code == "no-ticket"
    # The sentence is shown to whoever sees the import.
    assert volume.ticket not in lost.value.sentence


def test_a_ticket_that_is_revoked_meanwhile_ends_the_fetch(server, volume):
    def script(handler) -> None:
        handler.give(5 * MIB)
        volume.revoke()

    server.scripts = [script]

    with pytest.raises(fetch.Lost) as lost:
        fetching(server, volume).run()
    assert lost.value.code in ("no-ticket", "ticket-canceled")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 507 No space\r\nError-Code: no-space\r\nContent-Length: 8\r\n\r\nNo space", "no-space"),
        (b"HTTP/1.1 403 Forbidden\r\nError-Code: ticket-expired\r\nContent-Length: 7\r\n\r\nExpired", "ticket-expired"),
        (b"", "host-down"),
        (b"SSH-2.0\r\n\r\n", "host-down"),
    ],
)
def test_a_host_that_takes_no_more_is_told_as_the_relay_tells_it(server, tmp_path, answer, code):
    def script(connection) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with rooms.scripted_host(tmp_path / "host", script) as address:
        coming = fetch.Fetch(sources.open(server.url("/disk.img"), server.policy()), client.Images(address), "t", host="h", limit=len(DATA))
        with pytest.raises(fetch.Lost) as lost:
            coming.run()

    assert lost.value.code == code


def test_a_host_that_says_no_for_another_reason_is_quoted(server, tmp_path):
    def script(connection) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 500 Internal\r\nError-Code: internal\r\nContent-Length: 9\r\n\r\nI/O error")

    with rooms.scripted_host(tmp_path / "host", script) as address:
        coming = fetch.Fetch(sources.open(server.url("/disk.img"), server.policy()), client.Images(address), "t", host="h", limit=len(DATA))
        with pytest.raises(errors.HostRefused, match="I/O error"):
            coming.run()


def test_what_the_host_forgot_is_noticed(server, volume, monkeypatch):
    monkeypatch.setattr(fetch.filling.Volume, "flush", lambda self: None)

    with pytest.raises(fetch.Lost, match="restarted"):
        fetching(server, volume).run()


def test_a_daemon_that_is_killed_in_the_middle_leaves_what_is_durable(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch.filling, "FLUSH_BYTES", 1)
    with rooms.daemon(tmp_path) as own:
        volume = Volume(own, len(DATA))

        def script(handler) -> None:
            handler.give(6 * MIB)
            handler.wfile.flush()
            wait_for(lambda: volume.durable, "a piece to be durable")
            psutil.Process(own[0].pid).kill()

        server.scripts = [script]
        with pytest.raises(fetch.Lost) as lost:
            fetching(server, volume).run()
        assert lost.value.code in ("host-down", "no-ticket")

        wait_for(lambda: back(volume), "the daemon to be back")
        ((start, end),) = volume.durable
        assert start == 0 and end >= fetch.PIECE
        server.requests.clear()
        assert fetching(server, volume).run().size == len(DATA)

        assert server.asked("Range") == [f"bytes={end}-"]
        assert volume.path.read_bytes() == DATA


def back(volume: Volume) -> bool:
    """Does the daemon take a ticket again?"""
    try:
        volume.again()
    except client.Unreachable:
        return False
    return True
