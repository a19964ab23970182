"""What bad input gets: the rows of docs/bad-input.md, against the product as it runs."""

import contextlib
import http.client
import secrets
import socket
import time

import pytest

from tests.e2e import images
from tests.e2e.product import Product, content_digest, slowly, wait_for

SIZE = 1 << 20


@pytest.fixture
def transfer(product):
    """A running upload of 1 MiB, cancelled afterwards."""
    transfer = product.create(f"{secrets.token_hex(4)}.raw", SIZE)
    yield transfer
    product.call("POST", f"/transfers/{transfer['id']}/cancel")


@pytest.fixture
def session(product, transfer):
    with product.open_session(transfer["id"]) as session:
        yield session


def raw_request(product: Product, head: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """A request that http.client would not send; reads the answer and the end of the connection."""
    with product.tls.wrap_socket(socket.create_connection(("127.0.0.1", product.port), 30), server_hostname="127.0.0.1") as peer:
        peer.sendall(head.replace("\n", "\r\n").encode() + b"\r\n" + body)
        response = http.client.HTTPResponse(peer)
        response.begin()
        text = response.read()
        return response.status, {key.lower(): value for key, value in response.headers.items()}, text


def test_unknown_image_is_404(product):
    status, problem = product.call("GET", "/images/6b0a2b1e-0000-4000-8000-000000000000")

    assert (status, problem["code"]) == (404, "not-found")


def test_chunk_outside_the_image_is_416_and_writes_nothing(product, transfer, session):
    status, headers, text = session.put(b"x" * 10, SIZE - 5, "*")

    assert status == 416, text
    assert headers["Content-Range"] == f"bytes */{SIZE}"
    assert product.durable(transfer) == []


def test_overlapping_and_duplicate_chunks_are_fine(product, transfer, session):
    first, second = secrets.token_bytes(6000), secrets.token_bytes(6000)

    assert session.put(first, 0, SIZE)[0] == 200
    assert session.put(first, 0, SIZE)[0] == 200
    assert session.put(second, 3000, SIZE)[0] == 200
    assert product.durable(transfer) == [[0, 9000]]


def test_content_range_that_disagrees_with_content_length_is_400(product, transfer, session):
    headers = {"Content-Range": f"bytes 0-99/{SIZE}", "Content-Length": "50"}
    status, headers, text = session.request("PUT", b"x" * 50, headers)

    assert status == 400
    assert "Content-Range" in text and "Content-Length" in text
    assert product.durable(transfer) == []


def test_body_shorter_than_announced_does_not_count(product, transfer, session):
    head = (
        f"PUT {session.url} HTTP/1.1\nHost: localhost\nSession-Id: {session.id}\nContent-Length: 1000\n"
        f"Content-Digest: {content_digest(b'x' * 1000)}\nContent-Range: bytes 0-999/{SIZE}\n"
    )
    with product.tls.wrap_socket(socket.create_connection(("127.0.0.1", product.port), 30), server_hostname="127.0.0.1") as peer:
        peer.sendall(head.replace("\n", "\r\n").encode() + b"\r\n" + b"x" * 400)
        # The client dies in the middle of its chunk.

    assert session.put(b"y" * 10, 5000, SIZE)[0] == 200
    assert product.durable(transfer) == [[5000, 5010]]


def test_body_longer_than_announced_writes_only_what_was_announced(product, transfer, session):
    head = f"PUT {session.url} HTTP/1.1\nHost: localhost\nSession-Id: {session.id}\nContent-Length: 10\nContent-Range: bytes 0-9/{SIZE}\n"
    status, _, _ = raw_request(product, head, b"x" * 500)

    assert status == 200
    assert product.durable(transfer) == [[0, 10]]


def test_no_content_length_is_411(product, session):
    status, _, text = raw_request(product, f"PUT {session.url} HTTP/1.1\nHost: localhost\nSession-Id: {session.id}\n")

    assert status == 411, text
    assert b"Content-Length" in text


def test_chunked_encoding_is_refused_and_never_taken_for_another_request(product, transfer, session):
    head = f"PUT {session.url} HTTP/1.1\nHost: localhost\nSession-Id: {session.id}\nTransfer-Encoding: chunked\n"
    status, headers, text = raw_request(product, head, b"5\r\nhello\r\n0\r\n\r\n")

    assert status == 411, text
    assert headers.get("connection") == "close"
    assert product.durable(transfer) == []


def test_digest_mismatch_is_refused_and_does_not_count(product, transfer, session):
    headers = {"Content-Range": f"bytes 0-999/{SIZE}", "Content-Digest": content_digest(b"something else")}
    status, answer, text = session.request("PUT", b"x" * 1000, headers)

    assert (status, answer["Error-Code"]) == (400, "digest-mismatch"), text
    assert product.durable(transfer) == []


def test_writing_with_a_read_ticket_is_403(product):
    image = product.upload(f"{secrets.token_hex(4)}.raw", secrets.token_bytes(5000))["image_id"]
    ticket = product.ok("POST", f"/images/{image}/ticket")
    connection = product.connect()
    connection.request("PUT", ticket["url"], b"x" * 10, {"Authorization": f"Bearer {ticket['ticket']}"})
    response = connection.getresponse()

    assert response.status == 403, response.read()
    assert response.headers["Error-Code"] == "forbidden-op"
    connection.close()


@pytest.mark.parametrize("token", ["", "not-a-ticket", "eyJhbGciOiJub25lIn0.e30."], ids=["empty", "garbage", "alg none"])
def test_a_bad_signed_ticket_opens_no_session(product, token):
    connection = product.connect()
    connection.request("POST", "/sessions", b"", {"Authorization": f"Bearer {token}"})
    response = connection.getresponse()

    assert response.status == 401, response.read()
    connection.close()


def test_a_signed_ticket_opens_one_session_only(product, transfer):
    ticket = product.ok("POST", f"/transfers/{transfer['id']}/ticket")["ticket"]
    statuses = []
    for _ in range(2):
        connection = product.connect()
        connection.request("POST", "/sessions", b"", {"Authorization": f"Bearer {ticket}"})
        statuses.append(connection.getresponse().status)
        connection.close()

    assert statuses == [201, 401]


def test_empty_file_is_422(product):
    status, problem = product.call("POST", "/transfers", {"name": "empty.iso", "size": 0, "format": "iso", "domain": "iso"})

    assert status == 422
    assert "empty" in problem["detail"].lower()


def test_a_text_file_named_iso_becomes_illegal_with_the_reason(product):
    transfer = product.upload(f"{secrets.token_hex(4)}.iso", b"just some words\n" * 5000, format="iso", domain="iso")

    assert transfer["phase"] == "finished_failure"
    image = product.ok("GET", f"/images/{transfer['image_id']}")
    assert image["status"] == "illegal"
    assert "ISO" in image["reason"]
    assert not list((product.state_dir / "domains" / "iso").glob(f"*{image['id']}*"))


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (images.qcow2_with_backing_file, "backing"),
        (images.qcow2_with_data_file, "another file"),
        (images.truncated_qcow2, "incomplete"),
        (images.huge_qcow2, "8.00 eib virtual size"),
    ],
    ids=["backing file", "data file", "truncated", "8 EiB"],
)
def test_a_hostile_or_broken_qcow2_becomes_illegal_with_the_reason(product, tmp_path, make, word):
    transfer = product.upload(f"{secrets.token_hex(4)}.qcow2", make(tmp_path / "bad.qcow2"), format="qcow2")

    assert transfer["phase"] == "finished_failure"
    image = product.ok("GET", f"/images/{transfer['image_id']}")
    assert image["status"] == "illegal"
    assert word in image["reason"].lower()


def test_a_sound_qcow2_is_ok(product, tmp_path):
    transfer = product.upload(f"{secrets.token_hex(4)}.qcow2", images.qcow2(tmp_path / "good.qcow2"), format="qcow2")

    assert transfer["phase"] == "finished_success", transfer
    assert product.ok("GET", f"/images/{transfer['image_id']}")["virtual_size"] == 64 << 20


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a\\b.iso", "a\x00b", "a\nb", "evil\u202egpj.iso", "x" * 300, "", " ", "."],
    ids=["slash", "backslash", "NUL", "newline", "right-to-left", "300 characters", "nothing", "blank", "dot"],
)
def test_a_bad_name_is_422_and_says_why(product, name):
    status, problem = product.call("POST", "/transfers", {"name": name, "size": 10, "format": "raw", "domain": "data"})

    assert status == 422, problem
    assert problem["detail"] and problem["hint"]


def test_a_domain_without_room_refuses_before_anything_is_sent(product):
    free = next(domain for domain in product.ok("GET", "/domains")["items"] if domain["name"] == "data")["available"]
    status, problem = product.call("POST", "/transfers", {"name": "vast.raw", "size": free + (1 << 40), "format": "raw", "domain": "data"})

    assert (status, problem["code"]) == (409, "no-space")
    assert "GiB" in problem["detail"] or "TiB" in problem["detail"]


def test_a_second_session_ends_the_first(product, transfer, session):
    assert session.put(b"x" * 100, 0, SIZE)[0] == 200

    with product.open_session(transfer["id"]) as second:
        assert second.put(b"y" * 100, 100, SIZE)[0] == 200
        status, headers, text = session.put(b"z" * 100, 200, SIZE)

    assert (status, headers["Error-Code"]) == (409, "session-replaced"), text
    assert product.durable(transfer) == [[0, 200]]


def test_actions_that_the_phase_does_not_allow_are_409_and_name_it(product, transfer):
    status, problem = product.call("POST", f"/transfers/{transfer['id']}/resume")

    assert (status, problem["code"]) == (409, "not-allowed")
    assert "transferring" in problem["detail"]


def test_finalize_with_missing_bytes_is_409_and_changes_nothing(product, transfer, session):
    session.put(b"x" * 100, 0, SIZE)
    status, problem = product.call("POST", f"/transfers/{transfer['id']}/finalize")

    assert (status, problem["code"]) == (409, "incomplete")
    assert problem["details"]["missing"] == [[100, SIZE]]
    assert product.transfer(transfer["id"])["phase"] == "transferring"


def test_pause_stops_a_running_chunk_at_once(product, transfer, session):
    with contextlib.suppress(OSError, http.client.HTTPException):
        head = f"PUT {session.url} HTTP/1.1\nHost: localhost\nSession-Id: {session.id}\nContent-Length: {SIZE}\n"
        with product.tls.wrap_socket(socket.create_connection(("127.0.0.1", product.port), 30), server_hostname="127.0.0.1") as peer:
            peer.sendall(head.replace("\n", "\r\n").encode() + b"\r\n" + b"x" * 1000)
            wait_for(lambda: product.transfer(transfer["id"])["transferred_bytes"] or True, "the chunk to begin")
            started = time.monotonic()
            product.ok("POST", f"/transfers/{transfer['id']}/pause")
            peer.settimeout(30)
            peer.recv(1 << 16)  # an answer or the end, but not a wait for the rest of the body

    assert time.monotonic() - started < 30
    assert product.transfer(transfer["id"])["phase"] == "paused_user"


def test_slow_uploads_leave_pages_and_api_alive(product, transfer):
    with product.open_session(transfer["id"]) as session:
        status, _, text = session.put(b"x" * 80000, 0, SIZE, slowly(b"x" * 80000, 8000, 0.05))
        assert status == 200, text
