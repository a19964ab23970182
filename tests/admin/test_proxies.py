"""Which proxies answer, whose turn it is, and where tickets are good."""

import datetime
import json
import ssl

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from appliance import authority, bootstrap, config, proxy_key
from appliance.admin import proxies
from appliance.admin.clock import Clock
from appliance.admin.events import Events
from appliance.admin.ground import Ground
from appliance.transfer import tickets
from imaged import client, httpd
from tests import databases
from tests.admin.house import House
from tests.ports import free_port
from tests.waiting import wait_for

NOW = 1_800_000_000.0
ONE, TWO = "https://one.example:1", "https://two.example:2"


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    directory = tmp_path_factory.mktemp("state")
    bootstrap.prepare(config.Config(state_dir=directory))
    return directory


@pytest.fixture(scope="module")
def books(state):
    with databases.empty() as made:
        yield made


@pytest.fixture(scope="module")
def events(books):
    return Events(books, Clock())


@pytest.fixture
def make(state, books):
    """`make(url, …)`: a watch over these, which has not begun."""

    def made(*urls: str) -> proxies.Proxies:
        ground = Ground.on(config.Config(proxies=urls, monitor_interval=0.05), books)
        signer = tickets.Signer(ed25519.Ed25519PrivateKey.generate(), "here", 300, lambda: NOW)
        return proxies.Proxies(ground, signer, authority.Authority(state, 86400.0))

    return made


@pytest.fixture
def told(events):
    """Code and message of each event of one proxy, oldest first."""

    def of(url: str) -> list[tuple[str, str]]:
        page = events.page(limit=200).items
        return [(event.code, event.message) for event in reversed(page) if event.message.startswith(f"Proxy {url} ")]

    return of


class Place:
    """What listens where a proxy should be, with a proxy's certificate; it answers what it is told to."""

    def __init__(self, state, directory, name="localhost"):
        self.url = f"https://localhost:{free_port()}"
        self.told: object = {"version": "1", "appliance": "here", "proxy": self.url, "time": NOW}
        self.status = "200 OK"
        key = directory / "key.pem"
        key.touch(0o600)
        key.write_text(proxy_key.make(state, f"https://{name}:1", [], datetime.datetime.now(datetime.UTC)))
        self.key = proxy_key.read(key)
        self.server = httpd.Server(("localhost", int(self.url.rpartition(":")[2])), self._answer, threads=2, tls=self.key.server)
        self.server.launch()

    def _answer(self, environ, start_response):
        body = self.told if isinstance(self.told, bytes) else json.dumps(self.told).encode()
        start_response(self.status, [("Content-Length", str(len(body)))])
        return [body]

    def look(self, watch: proxies.Proxies) -> bool:
        """One look; whether it is in use then."""
        service = client.Images(self.url, timeout=20, tls=ssl.create_default_context(cadata=self.key.authority))
        try:
            watch.look(self.url, service)
        finally:
            service.close()
        return watch.alive[self.url]


@pytest.fixture
def place(state, tmp_path):
    made = Place(state, tmp_path)
    yield made
    made.server.stop()


def mark(watch: proxies.Proxies, *alive: str) -> None:
    """As if these had answered, and no others."""
    for url in watch.alive:
        watch._states[url] = proxies.ALIVE if url in alive else proxies.SILENT


def test_before_it_was_looked_at_none_is_in_use(make):
    assert make(ONE, TWO).pick() is None


def test_another_one_is_picked_each_time(make):
    watch = make(ONE, TWO, "https://three.example:3")
    mark(watch, ONE, TWO, "https://three.example:3")

    picked = [watch.pick() for _ in range(6)]

    assert picked[:3] == picked[3:] and len(set(picked)) == 3


def test_one_that_does_not_answer_is_left_out(make):
    watch = make(ONE, TWO)
    mark(watch, TWO)

    assert {watch.pick() for _ in range(5)} == {TWO}


def test_without_proxies_there_is_none(make):
    watch = make()
    watch.start()

    assert watch.pick() is None
    watch.stop()


def test_one_that_answers_is_used(make, place, told):
    watch = make(place.url)

    assert place.look(watch)
    assert watch.pick() == place.url
    assert told(place.url) == []


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ({"version": "1"}, "200 OK", "no proxy"),
        ([], "200 OK", "no proxy"),
        (7, "200 OK", "no proxy"),
        (b"<html>", "200 OK", "no proxy"),
        (b"", "200 OK", "no proxy"),
        (b"x" * 100_000, "200 OK", "no proxy"),
        (None, "500 Internal Server Error", "no proxy"),
        ({"appliance": "there", "proxy": ONE, "time": NOW}, "200 OK", "another appliance's"),
        ({"appliance": "here", "proxy": ONE, "time": NOW}, "200 OK", f"its key is for {ONE}"),
        ({"appliance": "here", "proxy": "x" * 3000, "time": NOW}, "200 OK", "its key is for xxx"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_proxy_of_ours_is_not_used_and_told_of(make, place, told, answer, status, reason):
    place.told = place.told if answer is None else answer
    place.status = status
    watch = make(place.url)

    assert not place.look(watch)
    [(code, message)] = told(place.url)
    assert code == "proxy-down" and reason in message and len(message) < 400


@pytest.mark.parametrize("seconds", [-5, -0.1, 4.9])
def test_a_clock_may_differ_a_little(make, place, seconds):
    place.told = {"appliance": "here", "proxy": place.url, "time": NOW + seconds}

    assert place.look(make(place.url))


@pytest.mark.parametrize("seconds", [-3600, -5.1, 5.1, 1e9])
def test_one_whose_clock_would_refuse_tickets_is_not_used(make, place, told, seconds):
    place.told = {"appliance": "here", "proxy": place.url, "time": NOW + seconds}

    assert not place.look(make(place.url))
    assert "its clock differs from the appliance's by more than 5 s" in told(place.url)[0][1]


@pytest.mark.parametrize("time", ["soon", [], None, float("nan")])
def test_a_time_that_is_none_is_no_proxys(make, place, time):
    place.told = {"appliance": "here", "proxy": place.url, "time": time}

    assert not place.look(make(place.url))


def test_a_certificate_for_another_name_is_not_trusted(make, state, told, tmp_path):
    place = Place(state, tmp_path, name="elsewhere.example")
    try:
        assert not place.look(make(place.url))
    finally:
        place.server.stop()

    assert "its certificate is not good" in told(place.url)[0][1]


def test_its_end_and_its_return_are_told_once(make, place, told):
    watch = make(place.url)
    assert place.look(watch)
    place.told = {}
    assert not place.look(watch) and not place.look(watch)
    place.told = {"appliance": "here", "proxy": place.url, "time": NOW}
    assert place.look(watch) and place.look(watch)

    assert [code for code, _ in told(place.url)] == ["proxy-down", "proxy-up"]


def test_the_watch_notices_by_itself(make, place):
    watch = make(place.url)
    watch.start()
    wait_for(lambda: watch.pick() == place.url, "a first look", 60)
    place.server.stop()
    wait_for(lambda: watch.pick() is None, "the end", 60)

    watch.stop()


PUBLIC = "https://host.example:54322"


@pytest.fixture
def served(house: House):
    """A house with a proxy that answers, and a host that others reach."""
    house.admin.proxies._states[ONE] = proxies.ALIVE
    house.admin.proxies._turns.append(ONE)
    house.admin.hosts.ensure("local", house.control.address, house.host.address, PUBLIC)
    return house


def claims(ticket) -> dict:
    return jwt.decode(ticket.ticket, options={"verify_signature": False, "verify_aud": False})


@pytest.fixture
def opened(house):
    """A ticket, asked for without a transfer."""

    def ask(direct=False):
        return house.admin.transfers._issuing.issue(
            house.ann, transfer="t", host=house.host.id, ticket="k", ops=["write"], size=1, direct=direct
        )

    return ask


def test_a_ticket_for_a_proxy_names_it_and_the_host(house, served, opened):
    ticket = opened()

    assert ticket.url == f"{ONE}/images/k"
    assert (claims(ticket)["aud"], claims(ticket)["address"]) == (ONE, PUBLIC)


def test_a_direct_ticket_is_for_the_appliance(served, opened):
    ticket = opened(direct=True)

    assert ticket.url == "/images/k"
    assert claims(ticket)["aud"] == "images" and "address" not in claims(ticket)


def test_a_host_that_others_do_not_reach_has_no_use_for_proxies(house, served, opened):
    house.admin.hosts.ensure("local", house.control.address, house.host.address, None)

    assert opened().url == "/images/k"


def test_without_a_proxy_that_answers_the_appliance_takes_the_bytes(house, served, opened):
    house.admin.proxies._states[ONE] = proxies.SILENT

    assert opened().url == "/images/k"


def test_ovirts_clients_stay_with_the_appliance(served):
    transfer = served.start(served.disk())

    assert ONE not in transfer.proxy_url
    assert transfer.transfer_url.startswith(PUBLIC)
