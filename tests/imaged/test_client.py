"""The daemon's client: addresses, the pool, and what goes wrong on the way."""

import contextlib
import socket
import threading
import time

import pytest

from imaged import client, httpd
from imaged.httpd import tls


def application(environ, start_response):
    """/count answers the body's length, /close closes, /no refuses in JSON; everything else says its path."""
    body = httpd.Body(environ)
    buffer, total = memoryview(bytearray(1 << 16)), 0
    while environ["PATH_INFO"] != "/unread" and (count := body.readinto(buffer)):
        total += count
    data = str(total).encode() if environ["PATH_INFO"] == "/count" else environ["REQUEST_URI"].encode()
    headers = [("Content-Length", str(len(data)))]
    if environ["PATH_INFO"] == "/close":
        headers.append(("Connection", "close"))
    start_response("200 OK", headers)
    return [data]


@pytest.fixture(scope="module", params=["unix", "http", "https"])
def pool(request, certificate, tmp_path_factory):
    """A pool of each kind of address."""
    secure = request.param == "https"
    bind = str(tmp_path_factory.mktemp("s") / "s") if request.param == "unix" else ("127.0.0.1", 0)
    server = httpd.Server(bind, application, threads=4, timeout=10, tls=tls.server_context(*certificate) if secure else None)
    server.launch()
    address = f"unix:{bind}" if request.param == "unix" else "{}://{}:{}".format(request.param, *server.bind_addr)
    images = client.Images(address, timeout=5, tls=tls.client_context(certificate[0]) if secure else None)
    yield images
    images.close()
    server.stop()


@contextlib.contextmanager
def peer(answers: list[bytes]):
    """A server that reads something on each new connection, says the next of `answers`, and closes. Yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                sock, _ = listener.accept()
                with sock:
                    sock.recv(1 << 16)
                    sock.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def get(pool: client.Images, target: str = "/a") -> tuple[bytes, socket.socket]:
    with pool.connection() as connection:
        connection.start("GET", target, [])
        return connection.response().read(), connection.sock


def test_a_connection_is_used_again(pool):
    _, first = get(pool)
    _, second = get(pool)

    assert first is second


def test_a_body_goes_out_and_the_answer_comes_in(pool):
    with pool.connection() as connection:
        connection.start("PUT", "/count", [("Content-Length", "100000")])
        connection.send(b"x" * 100_000)
        response = connection.response()
        buffer = memoryview(bytearray(100))
        count = response.readinto(buffer)

        assert (response.status, response.reason, bytes(buffer[:count])) == (200, "OK", b"100000")
        assert response.headers["content-length"] == "6"


def test_a_connection_that_the_server_closes_is_not_used_again(pool):
    _, first = get(pool, "/close")
    _, second = get(pool)

    assert first is not second


def test_a_connection_that_was_closed_while_idle_is_noticed(pool):
    _, first = get(pool)
    # What a server's idle timeout does, seen from here.
    socket.socket.shutdown(first, socket.SHUT_RDWR)

    answer, second = get(pool)

    assert answer == b"/a"
    assert first is not second


def test_an_answer_that_was_not_read_is_not_left_for_the_next(pool):
    with pool.connection() as connection:
        connection.start("GET", "/first", [])
        connection.response()

    assert get(pool, "/second")[0] == b"/second"


def test_a_failure_within_discards_the_connection(pool):
    with pytest.raises(ZeroDivisionError), pool.connection() as connection:
        connection.start("GET", "/first", [])
        raise ZeroDivisionError

    assert get(pool, "/second")[0] == b"/second"


def test_a_discarded_connection_is_not_used_again(pool):
    with pool.connection() as connection:
        connection.start("GET", "/a", [])
        connection.response().read()
        connection.discard()

    assert get(pool)[1] is not connection.sock


def test_two_at_once_get_two_connections(pool):
    with pool.connection() as first, pool.connection() as second:
        assert first.sock is not second.sock


def test_an_early_answer_can_be_read_although_sending_failed(pool):
    with pool.connection() as connection:
        connection.start("PUT", "/unread", [("Content-Length", str(1 << 30))])
        with contextlib.suppress(client.Unreachable):
            for _ in range(1 << 10):
                connection.send(bytes(1 << 20))

        assert connection.reason().read() == b"/unread"
    assert not connection.reusable


@pytest.mark.parametrize("kind", ["unix", "http"])
def test_the_reason_of_a_host_that_takes_no_more_is_not_waited_for_as_long_as_for_bytes(monkeypatch, tmp_path, kind):
    monkeypatch.setattr("imaged.client.connection.REASON_TIMEOUT", 0.01)
    with socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET) as listener:
        listener.bind(str(tmp_path / "s") if kind == "unix" else ("127.0.0.1", 0))
        listener.listen()
        address = f"unix:{tmp_path}/s" if kind == "unix" else f"http://127.0.0.1:{listener.getsockname()[1]}"
        with client.Images(address, timeout=3600).connection() as connection:
            with pytest.raises(client.Unreachable, match="timed out"):
                connection.reason()


@pytest.mark.parametrize("address", ["", "unix:", "unix:relative", "https://", "ftp://a", "localhost:1", "http:"])
def test_an_address_that_makes_no_sense_is_refused_at_once(address):
    with pytest.raises(ValueError, match="Invalid address"):
        client.Control(address)


def test_a_host_that_is_not_there_is_unreachable(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for address in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}", f"unix:{tmp_path}/nothing"):
        with pytest.raises(client.Unreachable) as unreachable:
            client.Control(address).info()
        assert unreachable.value.address == address


def test_a_host_that_says_nothing_is_unreachable_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(client.Unreachable, match="timed out"):
            client.Control(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.1).info()


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n\r\nnot json"]
)
def test_a_host_that_talks_nonsense_is_unreachable(answer):
    with peer([answer]) as address, pytest.raises(client.Unreachable):
        client.Control(address, timeout=5).info()


def test_an_answer_that_breaks_off_is_unreachable_also_when_read_into_a_buffer():
    with peer([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"]) as address:
        with pytest.raises(client.Unreachable), client.Images(address, timeout=5).connection() as connection:
            connection.start("GET", "/", [])
            response = connection.response()
            while response.readinto(memoryview(bytearray(100))):
                pass


def test_a_certificate_that_is_not_trusted_is_unreachable(certificate):
    with contextlib.ExitStack() as stack:
        server = httpd.Server(("127.0.0.1", 0), application, threads=2, tls=tls.server_context(*certificate))
        server.launch()
        stack.callback(server.stop)

        with pytest.raises(client.Unreachable, match="certificate"):
            client.Control("https://{}:{}".format(*server.bind_addr)).info()


@contextlib.contextmanager
def silent(scheme: str):
    """What takes every connection, and never says a word. Yields its address, and a function that waits until somebody has asked it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asked: list[socket.socket] = []

        def wait() -> None:
            listener.settimeout(30)
            asked.append(listener.accept()[0])
            assert asked[-1].recv(1)

        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", wait
        for sock in asked:
            sock.close()


def test_the_handshake_with_a_host_that_hangs_takes_no_longer_than_the_call_may(monkeypatch):
    monkeypatch.setattr(client.connection, "CONNECT_TIMEOUT", 300)
    began = time.monotonic()

    with silent("https") as (address, _), pytest.raises(client.Unreachable):
        client.Control(address, timeout=300).info(timeout=0.1)

    assert time.monotonic() - began < 100


def test_who_waits_for_a_host_can_be_told_that_it_is_in_vain():
    told = threading.Event()

    def ask() -> None:
        with pytest.raises(client.Unreachable):
            control.domains()
        told.set()

    with silent("http") as (address, wait):
        control = client.Control(address, timeout=300)
        waiting = threading.Thread(target=ask, daemon=True)
        waiting.start()
        wait()

        control.break_off()

        assert told.wait(30)


def test_a_refusal_in_json_is_understood():
    body = b'{"code": "no-space", "message": "Full.", "details": {"needed": 5}}'
    with peer([b"HTTP/1.1 507 X\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)]) as address, pytest.raises(client.Refused) as refused:
        client.Control(address).domains()

    assert (refused.value.status, refused.value.code, refused.value.message) == (507, "no-space", "Full.")
    assert refused.value.details == {"needed": 5}


def test_a_refusal_in_a_line_of_text_is_understood():
    with peer([b"HTTP/1.1 404 X\r\nError-Code: not-found\r\nContent-Length: 8\r\n\r\nNothing\n"]) as address:
        with pytest.raises(client.Refused) as refused:
            client.Control(address).ticket("a")

    assert (refused.value.status, refused.value.code, refused.value.message) == (404, "not-found", "Nothing")


def test_names_cannot_leave_their_place_in_the_path(daemon):
    for name in ("../../info", "a/b", "?x", "a b", "é"):
        with pytest.raises(client.Refused):
            daemon.control.domain(name)


def test_a_header_cannot_smuggle_a_line(pool):
    with pool.connection() as connection:
        with pytest.raises(ValueError, match="line break"):
            connection.start("GET", "/", [("A", "b\r\nC: d")])
        with pytest.raises(ValueError, match="line break"):
            connection.start("GET", "/ HTTP/1.1\nA: b", [])
        connection.discard()


@contextlib.contextmanager
def full_house(tmp_path):
    """A unix socket that as many wait at as may, and nobody is let in. Yields its address and the listener."""
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as crowd:
        listener.bind(str(tmp_path / "full"))
        listener.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                one = crowd.enter_context(socket.socket(socket.AF_UNIX))
                one.setblocking(False)
                one.connect(str(tmp_path / "full"))
        yield f"unix:{tmp_path / 'full'}", listener


def test_who_comes_with_a_crowd_waits_in_line(tmp_path):
    with full_house(tmp_path) as (address, listener):
        let_in = threading.Timer(0.1, listener.accept)
        let_in.start()
        with client.Images(address, timeout=30).connection() as connection:
            assert connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 8) == (30).to_bytes(8, "little")
        let_in.join()


def test_who_waits_in_line_for_too_long_is_told_so(tmp_path):
    with full_house(tmp_path) as (address, _), pytest.raises(client.Unreachable, match="timed out"):
        with client.Images(address, timeout=0.1).connection():
            pass
