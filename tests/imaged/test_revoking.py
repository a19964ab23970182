"""DELETE of a ticket: what runs ends at once, and when the answer is there nobody writes another byte."""

import threading
import time

import pytest

from imaged import client, httpd, journal, ops, services
from imaged.httpd import tls
from tests.imaged.conftest import ask, wait


def start_upload(daemon, ticket: str, length: int, sent: bytes) -> client.Connection:
    """An upload of which `sent` has been written, and whose peer then falls silent."""
    connection = daemon.connect()
    connection.start("PUT", f"/images/{ticket}", [("Content-Length", str(length))])
    connection.send(sent)
    wait(lambda: daemon.control.ticket(ticket)["active"])
    return connection


def test_a_revoked_ticket_is_gone(daemon, image):
    ticket = daemon.ticket(image)

    daemon.control.delete_ticket(ticket)

    assert daemon.get(ticket).code == "no-ticket"
    assert daemon.command("GET", f"/tickets/{ticket}").status == 404


def test_revoking_what_is_not_there_is_fine(daemon):
    answer = daemon.command("DELETE", "/tickets/none")

    assert (answer.status, answer.headers["Content-Length"]) == (204, "0")


def test_a_silent_peer_is_interrupted_at_once_and_told_why(daemon, image):
    ticket = daemon.ticket(image, inactivity_timeout=60, transfer_id="transfer")
    connection = start_upload(daemon, ticket, 1000, b"x" * 10)

    began = time.monotonic()
    daemon.control.delete_ticket(ticket)

    assert time.monotonic() - began < 5
    response = connection.response()
    assert (response.status, response.headers["Error-Code"]) == (403, "ticket-canceled")
    assert response.read().endswith(b"Transfer=transfer was canceled\n")
    connection.close()


def test_no_byte_is_written_after_revoking_was_answered(daemon, image):
    size = 512 << 20
    ticket = daemon.ticket(image, size=size)
    connection = daemon.connect()
    connection.start("PUT", f"/images/{ticket}", [("Content-Length", str(size))])
    stop = threading.Event()

    def keep_sending() -> None:
        block = b"\xff" * (1 << 20)
        while not stop.is_set():
            try:
                connection.send(block)
            except client.Unreachable:
                return

    sender = threading.Thread(target=keep_sending)
    sender.start()
    wait(lambda: image.path.stat().st_size > 8 << 20)

    daemon.control.delete_ticket(ticket)
    written = image.path.stat()
    image.path.write_bytes(b"")
    stop.set()
    sender.join()
    connection.close()

    assert written.st_size < size
    assert image.path.stat().st_size == 0


def test_a_download_to_a_silent_peer_is_interrupted(daemon, image):
    size = 256 << 20
    with open(image.path, "wb") as file:
        file.truncate(size)
    ticket = daemon.ticket(image, size=size)
    connection = daemon.connect()
    connection.start("GET", f"/images/{ticket}", [])
    assert connection.response().status == 200
    wait(lambda: daemon.control.ticket(ticket)["active"])

    daemon.control.delete_ticket(ticket)

    assert daemon.command("GET", f"/tickets/{ticket}").status == 404
    connection.close()


def test_every_running_operation_is_ended(daemon, image):
    ticket = daemon.ticket(image)
    connections = [start_upload(daemon, ticket, 100, b"x") for _ in range(4)]
    wait(lambda: daemon.control.ticket(ticket)["connections"] == 4)

    daemon.control.delete_ticket(ticket)

    assert [connection.response().status for connection in connections] == [403] * 4
    for connection in connections:
        connection.close()


def test_operations_of_a_ticket_that_was_put_again_are_ended_too(daemon, image):
    ticket = daemon.ticket(image)
    connection = start_upload(daemon, ticket, 100, b"x")
    daemon.ticket(image, uuid=ticket)

    daemon.control.delete_ticket(ticket)

    assert connection.response().status == 403
    connection.close()


def test_another_tickets_operations_go_on(daemon, image):
    mine, other = daemon.ticket(image), daemon.ticket(image)
    connection = start_upload(daemon, other, 10, b"x" * 5)

    daemon.control.delete_ticket(mine)
    connection.send(b"y" * 5)

    assert connection.response().status == 200
    connection.close()


def test_the_connection_of_a_finished_upload_survives_revoking(daemon, image):
    first, second = daemon.ticket(image), daemon.ticket(image)
    connection = daemon.connect()
    assert ask(connection, "PUT", f"/images/{first}", None, b"abc").status == 200

    daemon.control.delete_ticket(first)

    assert ask(connection, "PUT", f"/images/{second}", None, b"abc").status == 200
    connection.close()


def test_what_was_written_before_revoking_still_counts_as_transferred_only(daemon, image):
    ticket = daemon.ticket(image, journal=True)
    daemon.put(ticket, b"abc")
    connection = start_upload(daemon, ticket, 100, b"x")

    daemon.control.delete_ticket(ticket)
    connection.close()

    # The write had begun over [0, 100): none of it may be believed any more.
    assert journal.read(str(image.path), 1000).as_lists() == []


def test_an_operation_that_does_not_end_in_time_is_409_and_the_ticket_stays_canceled(daemon, image, monkeypatch):
    ticket = daemon.ticket(image, transfer_id="tid")
    release, entered = threading.Event(), threading.Event()
    real = ops.Flush.run

    def slow(self) -> None:
        entered.set()
        release.wait(10)
        real(self)

    monkeypatch.setattr(ops.Flush, "run", slow)
    monkeypatch.setattr(daemon.tickets, "_remove_timeout", 0.05)
    uploading = threading.Thread(target=daemon.put, args=(ticket, b"abc"))
    uploading.start()
    entered.wait(10)

    with pytest.raises(client.Refused) as refused:
        daemon.control.delete_ticket(ticket)
    status = daemon.control.ticket(ticket)

    assert (refused.value.status, refused.value.code, refused.value.message) == (
        409,
        "still-active",
        "Timeout cancelling transfer tid",
    )
    assert (status["canceled"], status["active"]) == (True, True)
    assert daemon.put(ticket, b"abc").code == "ticket-canceled"
    release.set()
    uploading.join()
    daemon.control.delete_ticket(ticket)
    assert daemon.command("GET", f"/tickets/{ticket}").status == 404


def test_deleting_them_all_revokes_each(daemon, image):
    ticket = daemon.ticket(image)
    connection = start_upload(daemon, ticket, 100, b"x")

    assert daemon.command("DELETE", "/tickets/").status == 204

    assert connection.response().status == 403
    assert daemon.get(ticket).code == "no-ticket"
    connection.close()


def test_deleting_them_all_ends_each_at_once_and_removes_those_that_ended(daemon, image, monkeypatch):
    monkeypatch.setattr(daemon.tickets, "_remove_timeout", 0.05)
    busy, idle = daemon.ticket(image, uuid="a-busy"), daemon.ticket(image, uuid="b-idle")
    connection = start_upload(daemon, idle, 100, b"x")
    hanging = ops.Operation(daemon.tickets.get(busy).place.open(write=True))
    daemon.tickets.get(busy).start(hanging)

    answer = daemon.command("DELETE", "/tickets/")

    assert (answer.status, answer.code) == (409, "still-active")
    assert connection.response().status == 403
    assert daemon.command("GET", f"/tickets/{idle}").status == 404
    assert daemon.control.ticket(busy)["canceled"]
    daemon.tickets.get(busy).finish(hanging)
    assert daemon.command("DELETE", "/tickets/").status == 204
    connection.close()


def test_a_silent_peer_is_interrupted_over_tls_too(daemon, image, certificate):
    server = httpd.Server(("127.0.0.1", 0), services.images_app(daemon.context), threads=2, tls=tls.server_context(*certificate))
    server.launch()
    ticket = daemon.ticket(image)
    connection = client.Connection("https://{}:{}".format(*server.bind_addr), 10, tls.client_context(certificate[0]))
    connection.start("PUT", f"/images/{ticket}", [("Content-Length", "1000")])
    connection.send(b"x" * 10)
    wait(lambda: daemon.control.ticket(ticket)["active"])

    began = time.monotonic()
    daemon.control.delete_ticket(ticket)

    assert time.monotonic() - began < 5
    assert connection.response().status == 403
    connection.close()
    server.stop()
