"""The images service for clients without sessions: the ticket's id in the URL is the credential, while its transfer lasts."""

import json
import threading
import uuid

import pytest
from ovirt_imageio import client as ovirt

from tests.transfer import room as rooms
from tests.waiting import wait_for

SIZE = 1 << 20
DATA = bytes(range(256)) * (SIZE // 256)


class Admitted:
    """A file whose ticket is admitted; `url` is its path."""

    def __init__(self, room, path, ops):
        self.room, self.path, self.transfer = room, path, str(uuid.uuid4())
        ticket = room.ticket(path, SIZE, ops)
        room.sessions.admit(transfer=self.transfer, host=rooms.HOST, ticket=ticket, ops=ops, size=SIZE)
        self.url = f"/images/{ticket}"

    def ask(self, method, below="", body=None, **headers):
        connection = self.room.connect()
        try:
            connection.request(method, self.url + below, body, {name.replace("_", "-"): value for name, value in headers.items()})
            return rooms.Answer(connection.getresponse())
        finally:
            connection.close()

    @property
    def whole_url(self):
        return f"http://127.0.0.1:{self.room.port}{self.url}"


@pytest.fixture
def file(daemon, tmp_path):
    path = daemon[1] / f"{tmp_path.name}.img"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def writer(room, file):
    return Admitted(room, file, ("read", "write"))


@pytest.fixture
def reader(room, file):
    return Admitted(room, file, ("read",))


def test_the_id_alone_reads_and_writes(writer):
    assert writer.ask("PUT", body=b"new", Content_Range="bytes 5-7/*").status == 200
    assert writer.ask("PATCH", body=json.dumps({"op": "zero", "offset": 8, "size": 4, "flush": True})).status == 200

    assert writer.ask("GET").body == DATA[:5] + b"new" + bytes(4) + DATA[12:]


def test_options_tell_the_hosts_abilities_but_not_its_socket(writer):
    answer = writer.ask("OPTIONS")

    told = json.loads(answer.body)
    assert set(told["features"]) == {"checksum", "extents", "flush", "zero"}
    assert told["max_writers"] == told["max_readers"] == 8
    assert "unix_socket" not in told
    assert {"GET", "PUT", "PATCH"} <= set(answer.headers["Allow"].split(","))


def test_extents_are_the_hosts(reader):
    answer = reader.ask("GET", "/extents?context=zero&offset=0&length=4096")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert [(extent["start"], extent["length"]) for extent in json.loads(answer.body)] == [(0, 4096)]


def test_checksums_are_the_hosts(reader):
    told = json.loads(reader.ask("GET", "/checksum?algorithm=sha256&block_size=1048576").body)

    assert (told["algorithm"], told["block_size"], len(told["checksum"])) == ("sha256", 1 << 20, 64)
    assert "blake2b" in json.loads(reader.ask("GET", "/checksum/algorithms").body)["algorithms"]


@pytest.mark.parametrize(
    ("below", "status"),
    [
        ("/extents?context=colour", 400),
        ("/extents?offset=99999999999", 416),
        ("/checksum?algorithm=crc1", 400),
        ("/checksum?block_size=7", 400),
        ("/extents/more", 404),
        ("/checksum/", 404),
        ("/algorithms", 404),
    ],
)
def test_a_bad_question_gets_its_answer(reader, below, status):
    assert reader.ask("GET", below).status == status


@pytest.mark.parametrize("below", ["/extents", "/checksum", "/checksum/algorithms"])
def test_questions_are_asked_by_get_alone(reader, below):
    answer = reader.ask("PUT", below, body=b"x")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("below", ["", "/extents", "/checksum", "/checksum/algorithms"])
def test_an_unknown_id_is_told_nothing(room, below):
    connection = room.connect()
    connection.request("GET", f"/images/{uuid.uuid4()}{below}")
    answer = rooms.Answer(connection.getresponse())
    connection.close()

    assert (answer.status, answer.code) == (401, "no-session")


def test_a_ticket_of_the_host_that_was_not_admitted_opens_nothing_here(room, file):
    ticket = room.ticket(file, SIZE)
    connection = room.connect()
    connection.request("GET", f"/images/{ticket}")

    assert rooms.Answer(connection.getresponse()).status == 401
    connection.close()


def test_who_may_read_does_not_write(reader, file):
    answer = reader.ask("PUT", body=b"x")

    assert (answer.status, answer.code) == (403, "forbidden-op")
    assert file.read_bytes() == DATA


def test_a_wrong_session_is_not_made_good_by_the_id(reader):
    assert reader.ask("GET", Session_Id="made-up").status == 401
    assert reader.ask("GET", Authorization="Bearer made-up").status == 401


def test_nothing_lies_past_the_end(writer):
    assert writer.ask("PUT", body=b"xx", Content_Range=f"bytes {SIZE - 1}-{SIZE}/*").status == 416


def test_the_end_of_the_transfer_ends_it_at_once(writer):
    connection = writer.room.connect()
    connection.putrequest("PUT", writer.url)
    connection.putheader("Content-Length", str(SIZE))
    connection.endheaders(b"x" * 1000)
    session = writer.room.sessions.admitted(writer.url.removeprefix("/images/"))
    wait_for(lambda: session.busy, "the request to run")

    writer.room.sessions.end_transfer(writer.transfer)

    assert rooms.Answer(connection.getresponse()).status == 401
    connection.close()
    assert writer.ask("GET").status == 401


def test_eight_at_once_write_by_one_ticket(writer, file):
    part = SIZE // 8
    statuses = []

    def send(number):
        first = number * part
        answer = writer.ask("PUT", body=bytes([number]) * part, Content_Range=f"bytes {first}-{first + part - 1}/*")
        statuses.append(answer.status)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert statuses == [200] * 8
    assert file.read_bytes() == b"".join(bytes([number]) * part for number in range(8))


def test_ovirts_own_client_uploads_and_downloads(writer, file, tmp_path):
    source, target = tmp_path / "source.raw", tmp_path / "target.raw"
    with source.open("wb") as made:
        made.write(b"head" * 1000)
        made.seek(SIZE // 2)
        made.write(b"tail" * 1000)
        made.truncate(SIZE)

    ovirt.upload(str(source), writer.whole_url, None, max_workers=4)
    ovirt.download(writer.whole_url, str(target), None, fmt="raw", max_workers=4)

    assert file.read_bytes() == target.read_bytes() == source.read_bytes()
