"""Standalone proxies: clients' bytes go through them, by turns; any of them may die."""

import hashlib
import json
import os
import pathlib
import re
import secrets
import subprocess
import threading
import time

import pytest

from appliance import bootstrap, config
from tests.e2e.product import Product, Session, slowly, wait_for
from tests.e2e.proxies import House, Proxy, alive, known

CHUNK = 256 << 10
SIZE = 8 << 20
#: Seconds.
HEARTBEAT = 10
API = pathlib.Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with House(tmp_path_factory.mktemp("proxies"), heartbeat_timeout=HEARTBEAT) as house:
        yield house


@pytest.fixture
def house(running):
    running.restore()
    yield running
    running.product.cancel_unfinished()


def stored(product: Product, transfer: dict) -> bytes:
    return pathlib.Path(product.ok("GET", f"/images/{transfer['image_id']}")["path"]).read_bytes()


def passed(product: Product) -> int:
    """Chunks that the appliance itself has answered with 200."""
    return (product.state_dir / "log" / "appliance.log").read_text().count(" PUT '/images/…' 200")


def fill(session: Session, data: bytes) -> None:
    for start in range(0, len(data), CHUNK):
        status, _, text = session.put(data[start : start + CHUNK], start, len(data))
        assert status == 200, (status, text)


def test_tickets_name_one_proxy_after_the_other(house):
    transfer = house.create(SIZE)

    places = [house.ticket(transfer)["url"].partition("/images/")[0] for _ in range(4)]

    assert set(places[:2]) == {proxy.url for proxy in house.proxies}
    assert places[:2] == places[2:]


def test_an_api_client_whose_proxy_is_killed_goes_on_by_the_other_one(house):
    data = secrets.token_bytes(SIZE)
    transfer = house.create(SIZE)
    session = house.session(transfer)
    dying = house.proxy(session)
    fill(session, data[: SIZE // 2])
    # In the middle of a chunk.
    killer = threading.Timer(0.3, dying.kill)
    killer.start()
    with pytest.raises(OSError):
        session.put(data[SIZE // 2 :], SIZE // 2, SIZE, slowly(data[SIZE // 2 :], CHUNK, 0.2))
    killer.join()

    # Whoever asks at once may be sent to the dead one once more: it is asked again.
    def reopened():
        try:
            return house.session(transfer)
        except OSError:
            return None

    session = wait_for(reopened, "another proxy")
    assert session.place != dying.url
    assert session.durable[0][1] >= SIZE // 2, "what was confirmed counts"
    for start in range(session.durable[0][1], SIZE, CHUNK):
        assert session.put(data[start : start + CHUNK], start, SIZE)[0] == 200
    house.product.ok("POST", f"/transfers/{transfer['id']}/finalize")
    finished = house.product.finished(transfer["id"])

    assert finished["phase"] == "finished_success"
    assert finished["sha256"] == hashlib.sha256(data).hexdigest()
    assert stored(house.product, finished) == data


def test_the_bytes_do_not_go_through_the_appliance(house):
    before, before_here = [proxy.puts for proxy in house.proxies], passed(house.product)
    data = secrets.token_bytes(2 * CHUNK)
    transfer = house.create(len(data))
    with house.session(transfer) as session:
        fill(session, data)
        place = house.proxies.index(house.proxy(session))

    assert house.proxies[place].puts - before[place] == 2
    assert passed(house.product) == before_here


def test_an_image_is_read_through_a_proxy(house):
    data = secrets.token_bytes(3 * CHUNK)
    image = house.product.upload(f"{secrets.token_hex(6)}.raw", data)["image_id"]
    ticket = house.product.ok("POST", f"/images/{image}/ticket")
    place, _, path = ticket["url"].partition("/images/")
    path, bearer = f"/images/{path}", f"Bearer {ticket['ticket']}"

    assert place in {proxy.url for proxy in house.proxies}
    assert house.ask(place, "GET", path, Authorization=bearer)[2] == data
    assert house.ask(place, "GET", path, Authorization=bearer, Range="bytes=10-19")[2] == data[10:20]
    assert int(house.ask(place, "HEAD", path, Authorization=bearer)[1]["Content-Length"]) == len(data)
    assert json.loads(house.ask(place, "GET", f"{path}/extents", Authorization=bearer)[2])[0]["start"] == 0
    assert json.loads(house.ask(place, "GET", f"{path}/checksum", Authorization=bearer)[2])["checksum"]
    assert house.ask(place, "PUT", path, Authorization=bearer, Content_Length="0")[0] == 403


def test_the_ticket_itself_authorises_every_chunk(house):
    data = secrets.token_bytes(CHUNK)
    transfer = house.create(CHUNK)
    ticket = house.ticket(transfer)
    place, _, path = ticket["url"].partition("/images/")
    connection = house.product.connect(url=place)
    connection.request("PUT", f"/images/{path}", data, {"Authorization": f"Bearer {ticket['ticket']}"})

    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_what_a_person_stops_moves_not_one_byte_more_through_a_proxy(house, action):
    transfer = house.create(SIZE)
    session = house.session(transfer)
    data = secrets.token_bytes(SIZE)
    results: list = []

    def send():
        try:
            results.append(session.put(data, 0, SIZE, slowly(data, 64 << 10, 0.05))[0])
        except OSError as error:
            results.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    wait_for(lambda: house.product.transfer(transfer["id"])["transferred_bytes"], "bytes to move")
    house.product.ok("POST", f"/transfers/{transfer['id']}/{action}")
    held = house.product.transfer(transfer["id"])["durable_bytes"]
    sender.join(60)

    assert not sender.is_alive(), "the client is told at once"
    assert results != [200]
    if action == "pause":
        assert house.product.transfer(transfer["id"])["durable_bytes"] == held < SIZE
    else:
        assert house.product.finished(transfer["id"])["phase"] == "finished_cleanup"


def test_after_finalizing_nothing_can_be_sent_through_a_proxy(house):
    data = secrets.token_bytes(CHUNK)
    transfer = house.create(CHUNK)
    with house.session(transfer) as session:
        fill(session, data)
        house.product.ok("POST", f"/transfers/{transfer['id']}/finalize")

        assert session.put(bytes(CHUNK), 0, CHUNK)[0] == 403
    assert stored(house.product, house.product.finished(transfer["id"])) == data


def test_bytes_through_a_proxy_are_a_sign_of_life(house):
    """For longer than a missing heartbeat is waited for, nothing but bytes comes."""
    data = secrets.token_bytes(SIZE)
    transfer = house.create(SIZE)
    with house.session(transfer) as session:
        began = time.monotonic()
        status, _, text = session.put(data, 0, SIZE, slowly(data, SIZE // 40, 0.04 * HEARTBEAT))

    assert time.monotonic() - began > 1.5 * HEARTBEAT
    assert (status, text) == (200, "")
    assert house.product.transfer(transfer["id"])["phase"] == "transferring"
    house.product.ok("POST", f"/transfers/{transfer['id']}/cancel")


def open_with(house: House, url: str, token: str) -> tuple[int, str]:
    status, headers, _ = house.ask(url, "POST", "/sessions", Authorization=f"Bearer {token}", Content_Length="0")
    return status, headers["Error-Code"]


def test_a_ticket_is_good_once_and_at_one_place(house):
    ticket = house.ticket(house.create(SIZE))
    place = ticket["url"].partition("/images/")[0]
    [other] = [proxy.url for proxy in house.proxies if proxy.url != place]

    assert open_with(house, other, ticket["ticket"]) == (401, "bad-ticket")
    assert open_with(house, house.product.address, ticket["ticket"]) == (401, "bad-ticket")
    assert open_with(house, place, ticket["ticket"])[0] == 201
    assert open_with(house, place, ticket["ticket"]) == (401, "bad-ticket")


def test_a_ticket_from_before_a_proxys_start_is_refused(house):
    transfer = house.create(SIZE)
    ticket = house.ticket(transfer)
    proxy = next(proxy for proxy in house.proxies if ticket["url"].startswith(proxy.url))
    proxy.kill()
    proxy.start()

    assert open_with(house, proxy.url, ticket["ticket"]) == (401, "bad-ticket")


def test_without_a_proxy_the_appliance_takes_the_bytes(house):
    for proxy in house.proxies:
        proxy.kill()
    known(house.product)
    data = secrets.token_bytes(CHUNK)
    transfer = house.create(CHUNK)

    assert house.ticket(transfer)["url"].startswith("/images/")
    with house.product.open_session(transfer["id"]) as session:
        fill(session, data)


def test_a_client_may_want_the_appliance_itself(house):
    data = secrets.token_bytes(CHUNK)
    transfer = house.create(CHUNK)
    with house.product.open_session(transfer["id"], direct=True) as session:
        before = passed(house.product)
        assert session.place == ""
        fill(session, data)

        assert passed(house.product) == before + 1


def test_a_proxy_that_is_asked_to_stop_lets_a_chunk_end(house):
    data = secrets.token_bytes(2 << 20)
    transfer = house.create(len(data))
    session = house.session(transfer)
    proxy = house.proxy(session)
    answers: list = []
    sender = threading.Thread(target=lambda: answers.append(session.put(data, 0, len(data), slowly(data, 64 << 10, 0.1))[0]))
    sender.start()
    wait_for(lambda: house.product.transfer(transfer["id"])["transferred_bytes"], "bytes to move")

    assert proxy.stop() == 0
    sender.join(60)
    assert answers == [200]
    assert "Traceback" not in proxy.output


def test_pages_of_the_appliance_may_talk_to_proxies_and_to_nobody_else(house):
    _, headers, _ = house.ask(house.product.address, "GET", "/login")
    [connect] = [part for part in headers["Content-Security-Policy"].split("; ") if part.startswith("connect-src")]

    assert connect.split() == ["connect-src", "'self'", *(proxy.url for proxy in house.proxies)]


def test_a_browser_is_told_what_it_may_do_before_it_shows_a_ticket(house):
    wish = {"Origin": house.product.address, "Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "session-id"}
    for path in ("/sessions", "/images/x"):
        status, headers, _ = house.ask(house.proxies[0].url, "OPTIONS", path, **wish)

        assert (status, headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert "Session-Id" in headers["Access-Control-Allow-Headers"] and "PUT" in headers["Access-Control-Allow-Methods"]


def test_a_page_may_read_a_refusal(house):
    status, headers, body = house.ask(house.proxies[0].url, "GET", "/images/x", Origin=house.product.address)

    assert (status, headers["Error-Code"], headers["Access-Control-Allow-Origin"]) == (401, "no-session", "*")
    assert "Error-Code" in headers["Access-Control-Expose-Headers"]
    assert body.endswith(b"\n") and body.count(b"\n") == 1


@pytest.mark.parametrize("path", ["/", "/api/v1/me", "/login", "/metrics", "/ovirt-engine/api", "/static/js/app.js"])
def test_a_proxy_has_nothing_but_the_data_path(house, path):
    assert house.ask(house.proxies[0].url, "GET", path)[0] == 404


def test_logs_of_proxies_have_no_secrets(house):
    data = secrets.token_bytes(CHUNK)
    transfer = house.create(CHUNK)
    ticket = house.ticket(transfer)
    with Session(house.product, ticket) as session:
        fill(session, data)

    log = house.proxy(session).output
    assert " PUT '/images/…' 200" in log
    for secret in (ticket["ticket"], ticket["url"].rpartition("/")[2], session.id, house.product.token):
        assert secret not in log


@pytest.fixture
def stranger(tmp_path):
    """Another appliance's proxy key for the same URL: `stranger(proxy)`."""

    def make(proxy: Proxy) -> str:
        product = Product(tmp_path / "stranger")
        bootstrap.prepare(config.Config(state_dir=product.state_dir))
        return product.command("proxy-key", proxy.url)

    return make


@pytest.mark.parametrize("whole", [True, False], ids=["another authority", "another appliance"])
def test_a_proxy_of_another_appliance_is_not_used(house, stranger, whole):
    [one, two] = house.proxies
    mine, theirs = one.key.read_text(), stranger(one)
    try:
        one.kill()
        one.key.write_text(theirs if whole else re.sub(r"Appliance: \S+", re.search(r"Appliance: \S+", theirs)[0], mine))
        one.start()
        reason = "its certificate is not good" if whole else "it is another appliance's"

        def told():
            events = house.product.ok("GET", "/events?limit=10")["items"]
            return any(f"{one.url} cannot be used: {reason}" in event["message"] for event in events)

        wait_for(told, "an event with the reason")
        assert alive(house.product) == {two.url}
    finally:
        one.key.write_text(mine)
        one.kill()


def test_the_upload_with_nothing_but_curl_works_through_proxies(house, tmp_path):
    script = re.search(r"<!-- test: upload -->\n```bash\n(.*?)```", API.read_text(), re.S)[1]
    file = tmp_path / f"{secrets.token_hex(6)}.raw"
    file.write_bytes(secrets.token_bytes((10 << 20) + 123))
    product = house.product
    ca = str(product.state_dir / "ca" / "ca.pem")
    before = sum(proxy.puts for proxy in house.proxies)
    environment = {**os.environ, "APPLIANCE": product.address, "CA": ca, "TOKEN": product.token, "FILE": str(file)}
    run = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=120)

    assert run.stdout == "finished_success\n", run.stdout + run.stderr
    assert sum(proxy.puts for proxy in house.proxies) == before + 2
