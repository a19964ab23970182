"""Several hosts: enrolled by two commands, watched, taken out of service, killed. Whatever happens, the image is the file."""

import contextlib
import datetime
import hashlib
import http.client
import random
import socket
import sqlite3
import ssl
import time

import pytest

from imaged import enrolment
from imaged.httpd import tls
from tests.e2e.fleet import Fleet
from tests.e2e.product import wait_for
from tests.e2e.proxies import Proxy, known
from tests.e2e.script import CHUNK, MIB, Upload
from tests.imaged.command import Authority

SIZE = 24 * MIB
#: Bytes of a small chunk.
PIECE = MIB // 4

#: Seconds within which a dead host's transfers are paused.
NOTICED = 15


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """The one that the appliance names; it does not run but where a test starts it."""
    return Proxy(tmp_path_factory.mktemp("proxies") / "proxy")


@pytest.fixture(scope="module")
def running(tmp_path_factory, proxy):
    with Fleet(tmp_path_factory.mktemp("fleet"), proxies=proxy.url) as fleet:
        yield fleet


@pytest.fixture
def fleet(running):
    """Whatever becomes of a test, the next one finds all hosts in service."""
    yield running
    running.restore()


@pytest.fixture
def data():
    return random.Random(1).randbytes(SIZE)


def told_at(event):
    """Seconds since 1970."""
    return datetime.datetime.fromisoformat(event["time"]).timestamp()


def volume(directory, image):
    return (directory / image["path"].rpartition("/")[2]).read_bytes()


def test_hosts_are_enrolled_by_two_commands(fleet):
    shown = {host["name"]: host for host in fleet.product.ok("GET", "/hosts")["items"]}

    assert set(shown) == {"local", "one", "two", "three"}
    for name in ("one", "two", "three"):
        assert (shown[name]["status"], shown[name]["enrolled"]) == ("up", True)
        assert shown[name]["domains"] == [f"own-{name}", "shared"]
        assert shown[name]["certificate_expires_at"]
    for path in (fleet.host("one").directory / "state").iterdir():
        assert path.is_dir() or path.stat().st_mode & 0o777 == 0o600


def test_uploads_are_spread_over_the_hosts(fleet, data):
    uploads = [Upload(fleet.product, f"spread{number}", data, domain="shared") for number in range(3)]

    assert {upload.host for upload in uploads} == {"one", "two", "three"}
    for upload in uploads:
        fleet.product.ok("POST", f"/transfers/{upload.id}/cancel")


def test_the_clients_choice_of_a_host_wins(fleet, data):
    for name in ("three", fleet.host("three").shown["id"]):
        upload = Upload(fleet.product, "chosen", data, domain="shared", host=name)
        assert upload.host == "three"
        fleet.product.ok("POST", f"/transfers/{upload.id}/cancel")
        wait_for(lambda: upload.shown["phase"].startswith("finished"), "the end")  # noqa: B023


@pytest.mark.parametrize(("host", "code"), [("nobody", "not-found"), ("two", "no-host")])
def test_a_host_that_cannot_do_it_is_refused(fleet, host, code):
    body = {"name": "nowhere", "size": 512, "format": "raw", "domain": "own-one", "host": host}

    status, problem = fleet.product.call("POST", "/transfers", body)

    assert (status, problem["code"]) == ({"not-found": 404, "no-host": 503}[code], code)


def test_an_upload_to_a_host_of_its_own_arrives(fleet, data):
    upload = Upload(fleet.product, "alone", data, domain="own-two")

    image = upload.finish()

    assert upload.host == "two"
    assert volume(fleet.host("two").own / "images", image) == data


def test_maintenance_moves_an_upload_to_another_host(fleet, data):
    upload = Upload(fleet.product, "moved", data, domain="shared", host="two")
    upload.send(until=SIZE // 2)

    with upload.dribbling(SIZE // 2) as answers:
        fleet.product.command("host", "maintenance", "two")
        wait_for(lambda: upload.host != "two", "the upload to move")
    upload.wait("transferring")

    assert answers in ([], [401])
    assert upload.phases[-3:] == ["paused-system", "resuming", "transferring"]
    assert upload.shown["durable_bytes"] >= SIZE // 2
    assert fleet.host("two").shown["status"] == "maintenance"
    assert volume(fleet.shared / "pool", upload.finish()) == data
    fleet.product.command("host", "activate", "two")
    fleet.host("two").wait("up")


def test_an_upload_through_a_proxy_follows_its_transfer_to_another_host(fleet, proxy):
    """The proxy reaches the hosts at their own addresses; the one that writes is taken out of service in mid-upload."""
    data = random.Random(2).randbytes(4 * PIECE)
    proxy.invite(fleet.product)
    proxy.start()
    try:
        known(fleet.product, proxy)
        upload = Upload(fleet.product, "followed", data, domain="shared")
        first = upload.host
        with fleet.product.open_session(upload.id) as session:
            assert session.place == proxy.url
            for start in (0, PIECE):
                assert session.put(data[start : start + PIECE], start, len(data))[0] == 200
            fleet.host(first).ask("maintenance")
            wait_for(lambda: upload.host != first, "another host")
            assert session.put(data[:PIECE], 0, len(data))[0] == 403
        upload.wait("transferring")
        with fleet.product.open_session(upload.id) as session:
            assert session.durable == [[0, 2 * PIECE]]
            for start in range(2 * PIECE, len(data), PIECE):
                assert session.put(data[start : start + PIECE], start, len(data))[0] == 200
        fleet.product.ok("POST", f"/transfers/{upload.id}/finalize")
        finished = fleet.product.finished(upload.id)

        assert (finished["phase"], finished["sha256"]) == ("finished_success", hashlib.sha256(data).hexdigest())
        assert proxy.puts == 4
    finally:
        proxy.kill()
        known(fleet.product)


def test_maintenance_keeps_an_upload_that_no_other_host_can_take_until_it_is_over(fleet, data):
    upload = Upload(fleet.product, "kept", data, domain="own-two")
    upload.send(until=SIZE // 2)

    fleet.host("two").ask("maintenance")
    paused = upload.wait("paused_system")
    assert (paused["reason_code"], paused["reason"]) == ("maintenance", "Host two is in maintenance.")
    assert fleet.product.call("POST", "/transfers", {"name": "new", "size": 512, "format": "raw", "domain": "own-two"})[0] == 503

    fleet.host("two").ask("activate")
    upload.wait("transferring")
    assert volume(fleet.host("two").own / "images", upload.finish()) == data


def test_a_host_that_is_killed_pauses_its_uploads_in_time_and_each_goes_on_as_soon_as_it_can(fleet, data):
    kept = Upload(fleet.product, "back", data, domain="own-three")
    moved = Upload(fleet.product, "orphan", data, domain="shared", host="three")
    moved.send(until=SIZE // 2)
    kept.send(until=SIZE // 2)

    with kept.dribbling(SIZE // 2):
        began = time.time()
        fleet.host("three").kill()
        paused = kept.wait("paused_system")
    assert (paused["reason_code"], paused["reason"]) == ("host-down", "Host three does not answer.")
    [event] = [event for event in kept.events if event["code"] == "transfer-paused-system"]
    assert told_at(event) - began < NOTICED
    assert fleet.host("three").shown["status"] == "down"

    # Its storage is shared: another host goes on at once.
    wait_for(lambda: moved.host != "three", "another host to take what it can")
    assert volume(fleet.shared / "pool", moved.finish()) == data

    # Nobody else sees this one's.
    assert kept.shown["phase"] == "paused_system"
    fleet.host("three").start()
    kept.wait("transferring")
    assert volume(fleet.host("three").own / "images", kept.finish()) == data


def test_a_host_that_hangs_holds_up_nobody_else_and_writes_nothing_when_it_wakes(fleet, data):
    hanging = Upload(fleet.product, "hanging", data, domain="shared", host="three")
    other = Upload(fleet.product, "other", data, domain="shared", host="two")
    hanging.send(until=SIZE // 2)
    old = hanging.product.ok("POST", f"/transfers/{hanging.id}/ticket")["url"].rpartition("/")[2]
    began = time.time()
    fleet.host("three").freeze()

    # While one hangs, what is asked of another happens.
    fleet.host("two").ask("maintenance")
    wait_for(lambda: other.host == "one", "the upload of another host to move")
    fleet.host("two").ask("activate")
    wait_for(lambda: hanging.host != "three", "the upload of the hanging host to move", interval=0.3)
    paused = [event for event in hanging.events if event["code"] == "transfer-paused-system"]
    assert "three does not answer" in paused[0]["message"]
    assert told_at(paused[0]) - began < NOTICED

    image = hanging.finish()
    fleet.host("three").thaw()
    fleet.host("three").wait("up")
    wait_for(lambda: put(fleet.host("three"), old, b"x" * 512, fleet) == 403, "the ticket of before to be revoked")
    assert volume(fleet.shared / "pool", image) == data
    assert volume(fleet.shared / "pool", other.finish()) == data


def put(host, ticket, data, fleet):
    """A PUT straight to the host's images service; its status."""
    connection = http.client.HTTPSConnection(host.address, host.images_port, timeout=30, context=fleet.product.tls)
    try:
        connection.request("PUT", f"/images/{ticket}", data, {"Content-Range": f"bytes 0-{len(data) - 1}/*"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_certificate_is_renewed_before_it_expires_and_what_moves_goes_on(fleet, data):
    host = fleet.host("two")
    before = ssl.get_server_certificate((host.address, host.images_port))
    upload = Upload(fleet.product, "renewed", data, domain="own-two")
    with upload.product.open_session(upload.id) as session:
        assert session.put(data[:CHUNK], 0, SIZE)[0] == 200
        # As if it had been enrolled long ago.
        with contextlib.closing(sqlite3.connect(fleet.product.state_dir / "database.sqlite", timeout=30)) as books, books:
            books.execute("UPDATE hosts SET certificate_expires_at = datetime('now', '+1 day') WHERE name = 'two'")
        wait_for(lambda: ssl.get_server_certificate((host.address, host.images_port)) != before, "another certificate")

        for start in range(CHUNK, SIZE, CHUNK):
            assert session.put(data[start : start + CHUNK], start, SIZE)[0] == 200

    assert upload.phases == ["created", "transferring"]
    assert host.shown["certificate_expires_at"] > time.strftime("%Y-%m-%d", time.gmtime(time.time() + 80 * 86400))
    host.kill()
    host.start()
    host.wait("up")
    assert volume(host.own / "images", upload.finish()) == data


def refused(host, context):
    """Does its control service refuse who shows what `context` has?"""
    with contextlib.suppress(OSError), socket.create_connection((host.address, host.control_port), 10) as plain:
        with context.wrap_socket(plain, server_hostname=host.address) as secure:
            secure.sendall(b"GET /info HTTP/1.1\r\nHost: host\r\n\r\n")
            return not secure.recv(1)
    return True


def test_only_the_appliance_controls_a_host(fleet, tmp_path):
    ca = str(fleet.product.state_dir / "ca" / "ca.pem")
    own = fleet.product.state_dir / "tls"
    another_host = str(fleet.host("one").directory / "state" / "host.pem")
    strangers = [str(path) for path in Authority(tmp_path).certify("appliance")]
    host = fleet.host("two")

    assert not refused(host, tls.client_context(ca, str(own / "client.pem"), str(own / "client.key")))
    assert refused(host, tls.client_context(ca)), "nobody"
    assert refused(host, tls.client_context(ca, another_host, another_host)), "another host"
    assert refused(host, tls.client_context(ca, str(own / "server.pem"), str(own / "server.key"))), "the appliance's server"
    assert refused(host, tls.client_context(ca, *strangers)), "another authority's"


def test_a_token_is_good_once_and_for_the_right_appliance_only(fleet, tmp_path):
    host = fleet.host("one")
    words = fleet.product.command("host", "token", "one").split()
    address, token, fingerprint = words[2], words[words.index("--token") + 1], words[words.index("--fingerprint") + 1]
    bad = [
        ((address, token, "AB" * 32), "is not the appliance that this token is from"),
        ((address, token, "AB"), "no SHA-256 fingerprint"),
        (("https://127.0.0.1:1", token, fingerprint), "does not answer"),
        (("http://127.0.0.1", token, fingerprint), "no address of an appliance"),
        ((address.replace("127.0.0.1", "127.0.0.9"), token, fingerprint), "does not answer|use a name that"),
        ((address, "iae_guessed", fingerprint), "its token is not known"),
    ]
    for given, says in bad:
        with pytest.raises(enrolment.CannotEnrol, match=says):
            enrolment.enrol(*given, state_dir=tmp_path / "state")
    assert not (tmp_path / "state" / "imaged.toml").exists()

    assert "holds an enrolment already" in host.enrol(words).stderr
    assert host.enrol(words, "--force").returncode == 0
    again = host.enrol(words, "--force")
    assert again.returncode == 1
    assert "its token has been used already" in " ".join(again.stderr.split())
    assert again.stderr.endswith("for an hour.\n")
    # What it is by now shows at once.
    host.wait("up")


def test_a_host_that_is_needed_is_not_removed(fleet):
    ids = {host["name"]: host["id"] for host in fleet.product.ok("GET", "/hosts")["items"]}
    for name, says in [("local", "appliance's own"), ("two", "no other host sees storage domain own-two")]:
        status, problem = fleet.product.call("DELETE", f"/hosts/{ids[name]}")
        assert (status, problem["code"]) == (409, "host-in-use")
        assert says in problem["detail"]


def test_a_host_and_its_empty_domain_come_and_go(fleet):
    listed = fleet.product.command("domain", "list")
    assert all(name in listed for name in ("data", "iso", "own-one", "own-two", "own-three", "shared"))
    name = "passing"
    path = str(fleet.host("one").own / name)
    assert fleet.product.try_command("domain", "add", name, "--host", "one", "--path", "/elsewhere").returncode == 1
    fleet.product.command("domain", "add", name, "--kind", "iso", "--host", "one", "--path", path)
    before = fleet.product.ok("GET", f"/domains/{name}")

    fleet.product.command("domain", "remove", name)
    assert fleet.product.call("GET", f"/domains/{name}")[0] == 404
    again = fleet.product.ok("POST", "/domains", {"name": "back", "kind": "iso", "host": "one", "path": path})
    assert again["id"] == before["id"]
    assert fleet.product.call("DELETE", "/domains/shared")[1]["code"] == "domain-in-use"
    fleet.product.ok("DELETE", "/domains/back")


def test_a_host_is_added_listed_and_forgotten(fleet):
    command = fleet.product.command("host", "add", "four", "192.0.2.4")
    assert command.startswith(f"imaged enrol {fleet.product.address} --token iae_")
    refused = fleet.product.try_command("host", "add", "four", "192.0.2.5")
    assert (refused.returncode, "already is a host" in refused.stderr) == (1, True)
    four = fleet.product.ok("GET", "/hosts")["items"][0]
    assert (four["name"], four["status"], four["enrolled"], four["reason"]) == ("four", "down", False, "It has not been enrolled yet.")

    fleet.product.command("host", "remove", "four")

    assert "four" not in fleet.product.command("host", "list")
