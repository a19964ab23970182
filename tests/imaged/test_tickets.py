"""Tickets: what a client may be given, how long it lasts, and what it tells."""

import json
import os

import pytest

from imaged import client
from imaged.client import control
from imaged.ticket import GRACE
from tests.imaged.conftest import ask, wait

GOOD = {"uuid": "id", "size": 10, "ops": ["write"], "timeout": 300}


def put(daemon, image, **terms):
    return daemon.command("PUT", "/tickets/id", json.dumps({**GOOD, "url": image.url, **terms}).encode())


def test_a_tickets_status_tells_its_terms_and_what_has_arrived(daemon, image):
    ticket = daemon.ticket(image, ops=["read", "write"], transfer_id="transfer", filename="a.iso", sparse=True)
    daemon.put(ticket, b"abc", {"Content-Range": "bytes 5-7/*"})
    wait(lambda: daemon.control.ticket(ticket)["connections"] == 0)

    status = daemon.control.ticket(ticket)

    assert status == {
        "active": False,
        "canceled": False,
        "connections": 0,
        "expires": int(daemon.clock.now) + 300,
        "idle_time": 0,
        "inactivity_timeout": 60,
        "ops": ["read", "write"],
        "size": 1000,
        "sparse": True,
        "dirty": False,
        "journal": False,
        "timeout": 300,
        "url": image.url,
        "uuid": ticket,
        "transfer_id": "transfer",
        "filename": "a.iso",
        "transferred": 3,
        "path": "buffer",
        "flushed": False,
        "durable": [[5, 8]],
    }


def test_a_ticket_tells_whether_its_clients_last_word_was_a_flush(daemon, image):
    ticket = daemon.ticket(image)
    told = [daemon.control.ticket(ticket)["flushed"]]

    for act in (
        lambda: daemon.put(ticket, b"abc"),
        lambda: daemon.patch(ticket, {"op": "flush"}),
        lambda: daemon.get(ticket),
        lambda: daemon.patch(ticket, {"op": "zero", "size": 5, "flush": True}),
        lambda: daemon.patch(ticket, {"op": "flush"}),
    ):
        assert act().status == 200
        told.append(daemon.control.ticket(ticket)["flushed"])

    assert told == [False, False, True, True, False, True]


def test_a_ticket_counts_the_open_connections_that_have_used_it(daemon, image):
    ticket = daemon.ticket(image)
    stranger, connections = daemon.connect(), [daemon.connect() for _ in range(3)]
    for connection in connections:
        assert ask(connection, "OPTIONS", f"/images/{ticket}").status == 200
    assert ask(connections[0], "PUT", f"/images/{ticket}", None, b"abc").status == 200

    status = daemon.control.ticket(ticket)
    assert (status["connections"], status["active"]) == (3, False)
    for connection in connections[1:]:
        connection.close()
    wait(lambda: daemon.control.ticket(ticket)["connections"] == 1)
    connections[0].close()
    stranger.close()


def test_what_a_ticket_leaves_out_has_a_default(daemon, image):
    status = daemon.control.ticket(daemon.ticket(image, uuid="0123456789abcdefghijkl"))

    assert status["transfer_id"] == "(ticket/0123456789abcdefgh)"
    assert "filename" not in status


@pytest.mark.parametrize("name", ["uuid", "size", "ops", "timeout", "url"])
def test_a_ticket_that_lacks_a_parameter_is_400_and_says_which(daemon, image, name):
    body = {**GOOD, "url": image.url}
    del body[name]

    answer = daemon.command("PUT", "/tickets/id", json.dumps(body).encode())

    assert answer.status == 400
    assert answer.text == f"Invalid ticket: Required ticket parameter is missing: {name}\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("uuid", value) for value in ("", 1, None, "a/b", "a\nb", "x" * 1025)],
        *[("size", value) for value in (-1, "1", 1.0, None, True, (1 << 64) + 1)],
        *[("ops", value) for value in ([], "write", ["eat"], [1], None, ["read", None])],
        *[("timeout", value) for value in (-1, "1", 1.5, None, 1 << 40)],
        *[("inactivity_timeout", value) for value in (0, -1, "1", 1.5, 1 << 40)],
        *[("transfer_id", value) for value in (1, "a\r\nb")],
        *[("filename", value) for value in (1, "a\r\nSet-Cookie: b")],
        *[(name, value) for name in ("sparse", "dirty", "journal") for value in (1, "yes", None)],
        *[("url", value) for value in (1, "", "/a", "ftp://a/b", "file://host/a", "file:a", "file:///a?b", "file:///a\0", "http://[")],
    ],
)
def test_a_parameter_that_is_wrong_is_400_and_named(daemon, image, name, value):
    answer = put(daemon, image, **{name: value})

    assert (answer.status, answer.code) == (400, "bad-request")
    assert name in answer.text


def test_unknown_parameters_are_ignored(daemon, image):
    assert put(daemon, image, color="green").status == 200


def test_a_size_beyond_64_bits_signed_is_fine(daemon, image):
    assert put(daemon, image, size=1 << 64).status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"3", b'"a"', b"[" * 60_000, b'{"a":' * 12_000, b"\0", b"\xff"])
def test_a_ticket_that_is_no_json_object_is_400(daemon, body):
    assert daemon.command("PUT", "/tickets/id", body).status == 400


def test_a_ticket_of_more_than_64_kib_is_413(daemon):
    assert daemon.command("PUT", "/tickets/id", b" " * ((64 << 10) + 1)).status == 413


def test_a_ticket_without_length_is_400(daemon):
    assert daemon.command("PUT", "/tickets/id").code == "length-required"
    assert daemon.command("PUT", "/tickets/id", None, {"Transfer-Encoding": "chunked"}).code == "length-required"


@pytest.mark.parametrize("method", ["PUT", "GET", "PATCH"])
def test_an_empty_id_is_400(daemon, method):
    assert daemon.command(method, "/tickets/", b"{}").status == 400


def test_an_unknown_ticket_is_404(daemon):
    assert daemon.command("GET", "/tickets/none").text == "No such ticket 'none'\n"
    assert daemon.command("PATCH", "/tickets/none", b'{"timeout": 1}').status == 404
    with pytest.raises(client.Refused) as refused:
        daemon.control.ticket("none")
    assert (refused.value.status, refused.value.code) == (404, "not-found")


def test_all_tickets_can_be_listed_and_revoked_at_once(daemon, image):
    ids = {daemon.ticket(image), daemon.ticket(image)}

    listed = json.loads(daemon.command("GET", "/tickets").body)["tickets"]
    assert ids <= {ticket["uuid"] for ticket in listed}

    assert daemon.command("DELETE", "/tickets/").status == 204
    assert json.loads(daemon.command("GET", "/tickets").body) == {"tickets": []}
    assert [daemon.get(ticket).code for ticket in ids] == ["no-ticket"] * 2


def test_tickets_are_listed_some_at_a_time(daemon, image, monkeypatch):
    ids = sorted(daemon.ticket(image) for _ in range(5))

    listed = json.loads(daemon.command("GET", f"/tickets?after={ids[0]}&limit=3").body)["tickets"]
    assert [ticket["uuid"] for ticket in listed if ticket["uuid"] in ids] == [one for one in ids[1:] if one <= listed[-1]["uuid"]]
    assert len(listed) == 3

    monkeypatch.setattr(control, "TICKETS", 2)
    every = [ticket["uuid"] for ticket in daemon.control.tickets()]
    assert every == sorted(set(every)) and set(ids) <= set(every)


def test_all_tickets_of_a_daemon_that_does_not_count_are_told_once(daemon, monkeypatch):
    monkeypatch.setattr(control, "TICKETS", 2)
    asked = []
    monkeypatch.setattr(daemon.control, "_call", lambda _, target: asked.append(target) or {"tickets": [{"uuid": "a"}, {"uuid": "b"}]})

    assert [ticket["uuid"] for ticket in daemon.control.tickets()] == ["a", "b"]
    assert len(asked) == 2


@pytest.mark.parametrize("limit", ["", "-1", "many", "1.5", "9" * 30])
def test_a_limit_that_is_no_number_is_refused(daemon, limit):
    assert daemon.command("GET", f"/tickets?limit={limit}").status == 400


def test_a_method_that_tickets_lack_is_405(daemon):
    answer = daemon.command("POST", "/tickets/id", b"")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET,PUT,PATCH,DELETE")


# Which files


def test_a_file_outside_the_roots_is_refused(daemon, image, tmp_path):
    outside = tmp_path / "outside"
    outside.touch()

    for path in (outside, f"{daemon.root}/../{outside}", daemon.root, "/etc/passwd"):
        answer = put(daemon, image, url=f"file://{path}")
        assert (answer.status, answer.code) in {(403, "forbidden-path"), (500, "no-file")}
        assert answer.code == "forbidden-path"


def test_a_link_that_leads_out_of_the_roots_is_refused(daemon, image, tmp_path):
    outside = tmp_path / "outside"
    outside.touch()
    link = daemon.root / "link"
    link.symlink_to(outside)

    answer = put(daemon, image, url=f"file://{link}")
    link.unlink()

    assert (answer.status, answer.code) == (403, "forbidden-path")


def test_a_pipe_or_a_directory_is_refused_at_once(daemon, image):
    pipe, directory = daemon.root / "pipe", daemon.root / "directory"
    os.mkfifo(pipe)
    directory.mkdir(exist_ok=True)

    for path in (pipe, directory):
        answer = put(daemon, image, url=f"file://{path}")
        assert (answer.status, answer.code) == (403, "forbidden-path")
    pipe.unlink()


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/random", "/dev/tty"])
def test_a_device_where_a_file_should_be_is_refused(daemon, image, device):
    link = daemon.root / "to-a-device"
    link.symlink_to(device)

    for path in (device, link):
        answer = put(daemon, image, url=f"file://{path}")
        assert (answer.status, answer.code) == (403, "forbidden-path")
    link.unlink()


def test_a_file_that_does_not_exist_is_a_clear_error_and_is_not_made(daemon, image):
    answer = put(daemon, image, url=f"file://{daemon.root}/nothing")

    assert (answer.status, answer.code) == (500, "no-file")
    assert not (daemon.root / "nothing").exists()


def test_a_path_may_have_escaped_characters(daemon):
    path = daemon.root / "a b%é"
    path.touch()

    daemon.control.put_ticket({**GOOD, "uuid": "escaped", "url": "file://" + str(path).replace("%", "%25").replace(" ", "%20")})

    assert daemon.put("escaped", b"abc").status == 200
    assert path.read_bytes() == b"abc"


# Time


def test_a_ticket_expires_and_says_so(daemon, image):
    ticket = daemon.ticket(image, timeout=100, transfer_id="transfer")
    daemon.clock.now += 101

    answer = daemon.get(ticket)

    assert (answer.status, answer.code, answer.closes) == (403, "ticket-expired", True)
    assert answer.text.endswith("Transfer=transfer expired\n")


def test_using_a_ticket_keeps_it_alive(daemon, image):
    ticket = daemon.ticket(image, timeout=100)
    for _ in range(3):
        daemon.clock.now += 99
        assert daemon.put(ticket, b"abc").status == 200


def test_an_expired_ticket_can_be_looked_at_and_revived(daemon, image):
    ticket = daemon.ticket(image, timeout=100)
    daemon.clock.now += 101

    assert daemon.control.ticket(ticket)["idle_time"] == 101
    daemon.control.renew_ticket(ticket, 50)

    assert daemon.put(ticket, b"abc").status == 200


def test_renewing_counts_once_the_next_use_returns_to_the_tickets_own_timeout(daemon, image):
    ticket = daemon.ticket(image, timeout=100)

    daemon.control.renew_ticket(ticket, 1000)
    assert daemon.control.ticket(ticket)["expires"] == int(daemon.clock.now) + 1000

    daemon.put(ticket, b"abc")
    assert daemon.control.ticket(ticket)["expires"] == int(daemon.clock.now) + 100


@pytest.mark.parametrize("value", [{}, {"timeout": -1}, {"timeout": "1"}, {"timeout": 1.5}, {"timeout": None}, {"timeout": 1 << 40}, [], 5])
def test_a_renewal_that_names_no_time_is_400(daemon, image, value):
    answer = daemon.command("PATCH", f"/tickets/{daemon.ticket(image)}", json.dumps(value).encode())

    assert answer.status == 400


def test_an_expired_ticket_is_forgotten_after_a_grace_period(daemon, image):
    ticket = daemon.ticket(image, timeout=100)
    daemon.clock.now += 100 + GRACE - 1
    assert daemon.command("GET", f"/tickets/{ticket}").status == 200

    daemon.clock.now += 2

    assert daemon.command("GET", f"/tickets/{ticket}").status == 404


# Again


def test_the_same_ticket_put_again_has_new_terms_and_keeps_what_arrived(daemon, image):
    ticket = daemon.ticket(image)
    daemon.put(ticket, b"abc")

    daemon.ticket(image, uuid=ticket, size=2, ops=["read"])

    assert daemon.durable(ticket) == [[0, 3]]
    assert daemon.get(ticket).body == b"ab"
    assert daemon.put(ticket, b"a").code == "forbidden-op"


def test_the_same_id_for_another_file_starts_from_nothing(daemon, image):
    ticket = daemon.ticket(image)
    daemon.put(ticket, b"abc")

    daemon.ticket(daemon.image(0), uuid=ticket)

    status = daemon.control.ticket(ticket)
    assert (status["durable"], status["transferred"]) == ([], 0)


def test_a_journal_tells_the_next_ticket_what_is_durable(daemon, image):
    first = daemon.ticket(image, journal=True)
    daemon.put(first, b"abc")
    daemon.control.delete_ticket(first)

    second = daemon.ticket(image, journal=True)

    assert daemon.durable(second) == [[0, 3]]
    assert os.path.exists(f"{image.path}.durable")


def test_two_tickets_with_a_journal_for_one_file_know_the_same(daemon, image):
    first, second = daemon.ticket(image, journal=True), daemon.ticket(image, journal=True)

    daemon.put(first, b"abc")

    assert daemon.durable(second) == [[0, 3]]


def test_without_a_journal_nothing_lies_beside_the_file(daemon, image):
    daemon.put(daemon.ticket(image), b"abc")

    assert not os.path.exists(f"{image.path}.durable")
