"""What bad input gets from the daemon: each status of the contract once, and files, names, numbers and JSON that want to do harm."""

import contextlib
import json
import os
import socket

import pytest

from imaged import errors, httpd, ops, services
from imaged.backends.file import File
from tests.imaged.conftest import raw, wait

DEEP = [b"[" * 60_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"[" * 30_000 + b"]" * 30_000]


def put_ticket(daemon, image, **terms):
    body = {"uuid": "bad", "size": 1000, "ops": ["write"], "timeout": 300, "url": image.url, **terms}
    return daemon.command("PUT", "/tickets/bad", json.dumps(body).encode())


def exchange(path: str, head: str, body: bytes = b"") -> tuple[int, str | None]:
    """Status and code of the answer to these very words, after which the client ends its side."""
    answer = raw(path, f"{head}\r\n\r\n".encode() + body)
    lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    codes = [line.partition(": ")[2] for line in lines if line.lower().startswith("error-code:")]
    return int(lines[0].split()[1]), codes[0] if codes else None


# Each status of the contract


def stalled(daemon, image):
    ticket = daemon.ticket(image, inactivity_timeout=1)
    connection = daemon.connect()
    with contextlib.closing(connection):
        connection.start("PUT", f"/images/{ticket}", [("Content-Length", "10")])
        response = connection.response()
        return response.status, response.headers["Error-Code"]


def cut_short(daemon, image):
    ticket = daemon.ticket(image)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(daemon.images_path)
        sock.sendall(f"PUT /images/{ticket} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc".encode())
        sock.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: sock.recv(1 << 16), b""))
    return int(answer[9:12]), "short-body" if b"short-body" in answer else None


def expired(daemon, image):
    ticket = daemon.ticket(image, timeout=1)
    daemon.clock.now += 2
    return daemon.get(ticket)


def canceled(daemon, image):
    ticket = daemon.ticket(image)
    daemon.tickets.get(ticket).cancel(0)
    return daemon.get(ticket)


def swapped(daemon, image):
    ticket = daemon.ticket(image)
    image.path.unlink()
    image.path.symlink_to("/etc/passwd")
    answer = daemon.get(ticket)
    image.path.unlink()
    return answer


def gone(daemon, image):
    ticket = daemon.ticket(image)
    image.path.unlink()
    return daemon.get(ticket)


def still_active(daemon, image):
    ticket = daemon.ticket(image)
    found = daemon.tickets.get(ticket)
    running = _Endless()
    found.start(running)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(daemon.tickets, "_remove_timeout", 0.01)
        answer = daemon.command("DELETE", f"/tickets/{ticket}")
    found.finish(running)
    return answer


class _Endless(ops.Operation):
    """Hears that it is to end, and does not heed."""

    def __init__(self):
        super().__init__(None)

    def cancel(self) -> None:
        self.canceled = True


def full(daemon, image):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(File, "write", _full)
        return daemon.put(daemon.ticket(image), b"abc")


def _full(*_):
    raise errors.NoSpace("The storage cannot take the data: No space left on device")


def failed(daemon, image):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(File, "write", _failed)
        return daemon.put(daemon.ticket(image), b"abc")


def _failed(*_):
    raise errors.storage(OSError(5, "Input/output error"))


CASES = {
    (400, "bad-request"): lambda daemon, image: daemon.patch(daemon.ticket(image), {"op": "eat"}),
    (400, "bad-range"): lambda daemon, image: daemon.put(daemon.ticket(image), b"abc", {"Content-Range": "bytes 5-1/*"}),
    (400, "length-required"): lambda daemon, image: exchange(daemon.images_path, "PUT /images/x HTTP/1.1\r\nHost: a"),
    (400, "short-body"): cut_short,
    (400, "digest-mismatch"): lambda daemon, image: daemon.put(
        daemon.ticket(image), b"abc", {"Content-Digest": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"}
    ),
    (403, "no-ticket"): lambda daemon, image: daemon.get("nobody"),
    (403, "ticket-expired"): expired,
    (403, "ticket-canceled"): canceled,
    (403, "forbidden-op"): lambda daemon, image: daemon.put(daemon.ticket(image, ops=["read"]), b"abc"),
    (403, "forbidden-path"): swapped,
    (404, "not-found"): lambda daemon, image: daemon.send("GET", "/images/x/y/z"),
    (405, "method-not-allowed"): lambda daemon, image: daemon.send("DELETE", "/images/x"),
    (409, "still-active"): still_active,
    (413, "too-large"): lambda daemon, image: daemon.send("PATCH", f"/images/{daemon.ticket(image)}", None, b" " * 65537),
    (414, "too-long"): lambda daemon, image: daemon.send("GET", f"/images/{'x' * 5000}"),
    (416, "bad-range"): lambda daemon, image: daemon.get(daemon.ticket(image), "bytes=5-1"),
    (416, "out-of-range"): lambda daemon, image: daemon.put(daemon.ticket(image), b"abc", {"Content-Range": "bytes 998-1000/*"}),
    (500, "stalled"): stalled,
    (500, "no-file"): gone,
    (500, "internal"): failed,
    (507, "no-space"): full,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[1]}")
def test_each_status_has_its_case(daemon, image, case):
    answer = CASES[case](daemon, image)

    assert (answer if isinstance(answer, tuple) else (answer.status, answer.code)) == case


def test_every_code_of_the_daemon_has_a_case():
    def all_of(kind):
        return [kind] + [deeper for below in kind.__subclasses__() for deeper in all_of(below)]

    codes = {kind.code for kind in all_of(errors.DaemonError) if kind.__module__ == errors.__name__}

    # A conflict is always one of storage: tests/imaged/handlers has them.
    assert codes - {code for _, code in CASES} == {"conflict"}


# Files that are not what they were


@pytest.mark.parametrize("what", ["link", "device", "pipe", "socket", "directory"])
def test_what_took_the_files_place_is_not_opened_and_not_waited_for(daemon, image, what):
    ticket = daemon.ticket(image)
    image.path.unlink()
    with contextlib.ExitStack() as stack:
        if what == "link":
            image.path.symlink_to(daemon.image(10).path)
        elif what == "device":
            image.path.symlink_to("/dev/zero")
        elif what == "pipe":
            os.mkfifo(image.path)
        elif what == "socket":
            stack.enter_context(socket.socket(socket.AF_UNIX)).bind(str(image.path))
        else:
            image.path.mkdir()

        answers = [daemon.put(ticket, b"abc"), daemon.get(ticket), daemon.patch(ticket, {"op": "flush"})]

    assert [(answer.status, answer.code) for answer in answers] == [(403, "forbidden-path")] * 3


def test_a_directory_on_the_way_that_became_a_link_is_not_followed(daemon, image, tmp_path):
    inside = daemon.root / f"inside-{image.path.name}"
    inside.mkdir()
    (inside / "image").touch()
    ticket = daemon.ticket(image, url=f"file://{inside}/image")
    (tmp_path / "image").write_bytes(b"precious")
    (inside / "image").unlink()
    inside.rmdir()
    inside.symlink_to(tmp_path)

    answer = daemon.put(ticket, b"abc")

    inside.unlink()
    assert (answer.status, answer.code) == (403, "forbidden-path")
    assert (tmp_path / "image").read_bytes() == b"precious"


@pytest.mark.parametrize("way", ["link/image", "last"])
def test_a_link_that_stays_under_the_root_is_its_target(daemon, image, way):
    place = daemon.root / f"links-{image.path.name}-{way[:4]}"
    (place / "real").mkdir(parents=True)
    (place / "real" / "image").touch()
    (place / "link").symlink_to("real")
    (place / "last").symlink_to("real/image")
    ticket = daemon.ticket(image, url=f"file://{place}/{way}")

    assert daemon.put(ticket, b"abc").status == 200
    assert (place / "real" / "image").read_bytes() == b"abc"


@pytest.mark.parametrize("way", ["link/passwd", "last", "link/../passwd", "%2e%2e/%2e%2e/etc/passwd", "link"])
def test_a_link_or_a_path_that_leaves_the_root_is_refused(daemon, image, way):
    place = daemon.root / f"leaving-{image.path.name}"
    place.mkdir()
    (place / "link").symlink_to("/etc")
    (place / "last").symlink_to("/etc/passwd")

    answer = put_ticket(daemon, image, url=f"file://{place}/{way}")

    assert (answer.status, answer.code) == (403, "forbidden-path")


def test_a_loop_of_links_is_refused(daemon, image):
    loop = daemon.root / f"loop-{image.path.name}"
    loop.symlink_to(loop.name)

    answer = put_ticket(daemon, image, url=f"file://{loop}")

    assert (answer.status, answer.code) == (403, "forbidden-path")


@pytest.mark.parametrize("path", ["a%00b", "a%0ab" * 200, "x" * 300, "%ff%fe", "a/" * 3000])
def test_a_name_that_no_file_has_is_refused_in_words(daemon, image, path):
    answer = put_ticket(daemon, image, url=f"file://{daemon.root}/{path}")

    assert answer.code in {"bad-request", "no-file", "forbidden-path"}
    assert "Traceback" not in answer.text


# Numbers


@pytest.mark.parametrize(
    "size", ["-1", "-18446744073709551616", "18446744073709551617", "1e400", "1e3", "9" * 5000, "NaN", "Infinity", "null", "[1]"]
)
def test_a_size_that_no_image_has_is_400(daemon, image, size):
    body = f'{{"uuid": "bad", "size": {size}, "ops": ["write"], "timeout": 300, "url": "{image.url}"}}'

    answer = daemon.command("PUT", "/tickets/bad", body.encode())

    assert (answer.status, answer.code) == (400, "bad-request")


@pytest.mark.parametrize("offset", [1000, 1 << 62, 1 << 63, (1 << 64) - 1, 1 << 64, 99999999999999999999])
def test_a_write_beyond_the_image_is_416_wherever_it_is(daemon, image, offset):
    ticket = daemon.ticket(image)

    written = daemon.put(ticket, b"abc", {"Content-Range": f"bytes {offset}-{offset + 2}/*"})
    zeroed = daemon.patch(ticket, {"op": "zero", "offset": offset, "size": 3})

    # (20 digits and 2 more may be 21, which is no offset at all.)
    assert {(written.status, zeroed.status)} <= {(416, 416), (400, 416)}
    assert image.read() == b""


@pytest.mark.parametrize("size", [1 << 64, 1 << 70, 10**300])
def test_a_zero_of_more_than_there_is_is_416(daemon, image, size):
    answer = daemon.patch(daemon.ticket(image), {"op": "zero", "size": size})

    assert (answer.status, answer.code) == (416, "out-of-range")


def test_a_write_where_no_file_can_reach_is_507(daemon, image):
    ticket = daemon.ticket(image, size=1 << 64)

    answers = [daemon.put(ticket, b"abc", {"Content-Range": f"bytes {offset}-*/*"}) for offset in (1 << 63, (1 << 64) - 3)]
    answers.append(daemon.patch(ticket, {"op": "zero", "offset": (1 << 64) - 8, "size": 8}))

    assert [(answer.status, answer.code) for answer in answers] == [(507, "no-space")] * 3


# JSON


@pytest.mark.parametrize("target", ["/tickets/bad", "/domains/bad", "/domains/bad/volumes/bad"])
@pytest.mark.parametrize("body", DEEP, ids=["open", "objects", "lists"])
def test_a_depth_bomb_is_400(daemon, target, body):
    answer = daemon.command("PUT", target, body)

    assert (answer.status, answer.code) == (400, "bad-request")


@pytest.mark.parametrize("target", ["/tickets/bad", "/domains/bad", "/domains/bad/volumes/bad"])
def test_more_json_than_anybody_needs_is_413_before_it_is_read(daemon, target):
    assert exchange(daemon.control_path, f"PUT {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {1 << 40}") == (413, "too-large")


@pytest.mark.parametrize("name", ["%00", "a%00b", "a%0d%0ab", "..%2fa", "%2e%2e", "a" * 129, "%ff"])
def test_names_that_would_leave_their_place_are_refused(daemon, name):
    answers = [daemon.command("PUT", f"/domains/{name}", b"{}"), daemon.command("PUT", f"/domains/a/volumes/{name}", b"{}")]

    assert {answer.status for answer in answers} <= {400, 404}


@pytest.mark.parametrize("field", ["uuid", "url", "transfer_id", "filename"])
@pytest.mark.parametrize("character", ["\0", "\x1f", "\x7f", "\ud800", "\u2028", "\u202e"])
def test_a_character_that_is_no_text_is_refused(daemon, image, field, character):
    answer = put_ticket(daemon, image, **{field: (image.url if field == "url" else "a") + character})

    assert (answer.status, answer.code) == (400, "bad-request")


@pytest.mark.parametrize("service", ["images", "control"])
def test_json_that_stops_or_dribbles_is_given_up(daemon, image, service, tmp_path):
    app = {"images": services.images_app, "control": services.control_app}[service](daemon.context)
    target = f"PATCH /images/{daemon.ticket(image)}" if service == "images" else "PUT /tickets/bad"
    path = os.path.relpath(tmp_path / "s")
    server = httpd.Server(path, app, threads=2, timeout=0.5)
    server.launch()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(0.1)
        sock.connect(path)
        sock.sendall(f"{target} HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n".encode())
        answer = b""

        def over():
            nonlocal answer
            with contextlib.suppress(TimeoutError):
                with contextlib.suppress(BrokenPipeError):
                    sock.sendall(b" ")
                answer += sock.recv(1 << 16)
            return b"\r\n\r\n" in answer

        wait(over)
    server.stop()
    assert answer.startswith(b"HTTP/1.1 500") and b"\r\nError-Code: stalled\r\n" in answer
