"""The relay between a client that may stall and a host that may die: nobody waits for ever, and each side's failure is told as its own."""

import datetime
import http.client
import pathlib
import socket

import psutil
import pytest

from appliance import certificates
from appliance.transfer import courtesy
from imaged import client as imaged_client
from imaged.httpd import tls
from tests.transfer import room as rooms
from tests.waiting import wait_for

SIZE = 8 << 20


@pytest.fixture
def disk(daemon, request) -> pathlib.Path:
    return daemon[1] / f"{request.node.name[:60]}.img"


def read_head(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            break
        data += piece
    return data


def test_bytes_arrive_as_they_were_sent(room, disk):
    data = bytes(range(256)) * (SIZE // 256)
    client = room.open(disk, SIZE)

    answer = client.put(data)

    assert (answer.status, answer.body) == (200, b"")
    assert disk.read_bytes() == data


def test_chunks_at_any_offset_in_any_order_on_one_connection(room, disk):
    client = room.open(disk, 3000)

    for start in (2000, 0, 1000, 1000):
        assert client.put(bytes([start // 1000 + 1]) * 1000, start).status == 200

    assert disk.read_bytes() == b"\1" * 1000 + b"\2" * 1000 + b"\3" * 1000


def test_an_offset_beyond_200_gib_takes_no_space(room, disk):
    size = 200 << 30
    client = room.open(disk, size)

    assert client.put(b"end", size - 3).status == 200

    assert disk.stat().st_size == size
    assert disk.stat().st_blocks * 512 < 1 << 20


def test_memory_does_not_grow_with_the_body(room, disk):
    size = 256 << 20
    client = room.open(disk, size)
    piece = b"x" * (1 << 20)
    client.begin(SIZE, b"x" * SIZE).answer()
    before = psutil.Process().memory_info().rss

    client.begin(size, b"")
    for _ in range(size >> 20):
        client.connection.sock.sendall(piece)

    assert client.answer().status == 200
    assert psutil.Process().memory_info().rss - before < 16 << 20


def test_many_bytes_give_way_to_answers_and_few_do_not(room, disk, monkeypatch):
    asked = []
    monkeypatch.setattr(room.relay.courtesy, "give_way", lambda: asked.append(True))
    client = room.open(disk, SIZE)

    assert client.put(b"x" * courtesy.MANY).status == 200
    assert not asked

    assert client.put(b"x" * SIZE).status == 200
    assert asked


def test_a_newer_session_ends_the_older_ones_running_request(room, disk):
    older = room.open(disk, SIZE).begin(SIZE, b"x" * 1000).running()
    wait_for(older.active, "the host to begin")

    newer = room.open(disk, SIZE)
    answer = older.answer()

    assert (answer.status, answer.code) == (409, "session-replaced")
    wait_for(lambda: not older.active(), "the host to end")
    assert newer.put(b"y" * SIZE).status == 200
    assert disk.read_bytes() == b"y" * SIZE


def test_the_older_sessions_next_request_is_told(room, disk):
    older = room.open(disk, 10)
    room.open(disk, 10)

    answer = older.put(b"0123456789")

    assert (answer.status, answer.code) == (409, "session-replaced")
    assert disk.read_bytes() == bytes(10)


def test_the_end_of_a_transfer_stops_its_bytes_at_once(room, disk):
    client = room.open(disk, SIZE).begin(SIZE, b"x" * 1000).running()

    room.sessions.end_transfer("t")

    assert (answer := client.answer()).status == 401
    assert answer.code == "no-session"


def test_a_stalled_client_is_given_up(daemon, disk):
    running, _ = daemon
    with rooms.Room(running.images, imaged_client.Control(running.control), timeout=0.3).serving() as room:
        answer = room.open(disk, SIZE).begin(SIZE, b"x").answer()

    assert (answer.status, answer.code) == (408, "stalled")


def test_a_client_that_ends_early_is_told(room, disk):
    client = room.open(disk, SIZE).begin(SIZE, b"x" * 1000)
    client.connection.sock.shutdown(socket.SHUT_WR)

    answer = client.answer()

    assert (answer.status, answer.code) == (400, "short-body")
    assert room.stops == []


def test_a_client_that_vanishes_gives_its_thread_back(room, disk):
    for _ in range(20):
        room.open(disk, SIZE).begin(SIZE, b"x" * 1000).close()

    wait_for(lambda: room.slots.free == 12, "all slots to be free")


def test_the_hosts_no_before_the_end_of_the_body_is_passed_on(tmp_path):
    def refuse(sock):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 507 Insufficient Storage\r\nError-Code: no-space\r\nContent-Length: 5\r\nConnection: close\r\n\r\nfull\n")

    with rooms.scripted_host(tmp_path / "h", refuse) as address, rooms.Room(address).serving() as room:
        client = rooms.Client(room, "k", room.token("k", size=1 << 40))
        client.begin(1 << 40, b"x" * (1 << 20))

        answer = client.answer()

        assert (answer.status, answer.code, answer.body) == (507, "no-space", b"full\n")
        assert answer.headers["Connection"] == "close"
        assert room.stops == [("t", "no-space", "full")]


@pytest.mark.parametrize("reads", [True, False])
def test_the_hosts_no_to_a_small_chunk_is_passed_on(tmp_path, reads):
    def refuse(sock):
        came = b"" if reads else b"x" * 1000
        while not came.endswith(b"x" * 1000):
            came += sock.recv(65536)
        sock.sendall(b"HTTP/1.1 403 Forbidden\r\nError-Code: no-ticket\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n")

    with rooms.scripted_host(tmp_path / "h", refuse) as address, rooms.Room(address).serving() as room:
        client = rooms.Client(room, "k", room.token("k", size=1000))

        answer = client.put(b"x" * 1000)

        assert (answer.status, answer.code, answer.body) == (403, "no-ticket", b"no\n")


@pytest.mark.parametrize("size", [1, 64 << 10, 200 << 10])
def test_small_chunks_arrive_whole_however_they_come(room, disk, size):
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    client = room.open(disk, SIZE)

    assert client.put(data, SIZE - size).status == 200
    client.begin(size, b"").running().connection.sock.sendall(data)
    assert client.answer().status == 200

    image = disk.read_bytes()
    assert image[:size] == image[-size:] == data


def test_a_host_that_dies_in_mid_chunk_is_a_host_that_is_down(tmp_path):
    def die(sock):
        read_head(sock)
        sock.recv(1000)

    with rooms.scripted_host(tmp_path / "h", die) as address, rooms.Room(address).serving() as room:
        client = rooms.Client(room, "k", room.token("k", size=1 << 40))
        client.begin(1 << 30, b"x" * (4 << 20))

        answer = client.answer()

        assert (answer.status, answer.code) == (503, "host-down")
        assert int(answer.headers["Retry-After"]) > 0
        assert room.stops[0][:2] == ("t", "host-down")


def test_a_host_that_is_not_there_is_down(tmp_path):
    with rooms.Room(f"unix:{tmp_path / 'nobody'}").serving() as room:
        client = rooms.Client(room, "k", room.token("k", size=10))

        answer = client.put(b"x" * 10)

        assert (answer.status, answer.code) == (503, "host-down")


def test_an_unknown_host_is_down(room):
    client = rooms.Client(room, "k", room.token("k", size=10, host="nobody"))

    assert client.put(b"x" * 10).code == "host-down"


def test_a_killed_daemon_is_back_and_takes_the_chunk_again(room, daemon, disk):
    running, _ = daemon
    client = room.open(disk, SIZE).begin(SIZE, b"x" * 1000).running()
    old = running.pid

    psutil.Process(old).kill()
    # A process that is being killed still takes what its socket has room for.
    wait_for(lambda: running.pid != old, "it to have died")
    client.connection.sock.sendall(b"x" * (1 << 20))
    answer = client.answer()

    assert (answer.status, answer.code) == (503, "host-down")
    wait_for(lambda: running.pid not in (None, old), "another daemon")
    wait_for(lambda: answers(room), "it to answer")
    assert room.open(disk, SIZE).put(b"y" * SIZE).status == 200


def answers(room) -> bool:
    try:
        return bool(room.control.info())
    except imaged_client.Unreachable:
        return False


def test_a_ticket_that_the_host_forgot_is_told(room, disk):
    client = room.open(disk, 10)
    room.control.delete_ticket(client.url.rpartition("/")[2])

    answer = client.put(b"x" * 10)

    assert (answer.status, answer.code) == (403, "no-ticket")
    assert room.stops[0][:2] == ("t", "no-ticket")


def test_a_host_that_breaks_off_a_download_ends_the_clients_connection(tmp_path):
    def half(sock):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)

    with rooms.scripted_host(tmp_path / "h", half) as address, rooms.Room(address).serving() as room:
        client = rooms.Client(room, "k", room.token("k", size=1000, ops=["read"]))

        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            client.request("GET", client.url)


def test_connections_to_the_host_are_used_again(tmp_path):
    connections = []

    def keep(sock):
        connections.append(sock)
        while read_head(sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with rooms.scripted_host(tmp_path / "h", keep) as address, rooms.Room(address).serving() as room:
        client = rooms.Client(room, "k", room.token("k", size=1000))
        for _ in range(3):
            assert client.request("PUT", client.url).status == 200

    assert len(connections) == 1


def test_bytes_travel_over_tls(daemon, disk, tmp_path):
    running, _ = daemon
    ca, key = certificates.authority(tmp_path)
    certificates.server(tmp_path, ca, key, ["127.0.0.1"], datetime.datetime.now(datetime.UTC))
    context = tls.server_context(str(tmp_path / "server.pem"), str(tmp_path / "server.key"))
    trusting = tls.client_context(str(tmp_path / "ca.pem"))
    data = bytes(range(256)) * (SIZE // 256)
    disk.write_bytes(bytes(SIZE))

    with rooms.Room(running.images, imaged_client.Control(running.control)).serving(tls=context) as room:
        asked = []
        room.relay.courtesy.give_way = lambda: asked.append(True)
        ticket = room.ticket(disk, SIZE, ["read", "write"])
        client = rooms.Client(room, ticket, room.token(ticket, size=SIZE, ops=["read", "write"]), trusting)
        assert client.put(data).status == 200
        assert client.request("GET", client.url).body == data

    assert disk.read_bytes() == data
    assert len(asked) >= 3, "it gives way in the midst of a piece, too"
