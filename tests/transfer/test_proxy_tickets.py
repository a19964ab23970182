"""Signed tickets for proxies: good at one proxy, for the host whose address they tell; and the way there."""

import ssl

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from appliance import errors
from appliance.transfer import hosts, tickets
from tests.transfer.signing import KEY, START, WORDS, claims, signed

PROXY = "https://proxy-1.example:54324"
HOST = "https://host-1.example:54322"


@pytest.fixture
def verifier(clock):
    return tickets.Verifier(KEY.public_key(), "here", START, 5, clock, audience=PROXY)


def ticket(address=HOST) -> tickets.Ticket:
    return tickets.Ticket("j", "ann", "t-1", "h-1", "k-1", ("write",), 1000, START, address)


def test_a_ticket_for_a_proxy_tells_where_the_host_is(signer, verifier):
    token, _ = signer.issue(**WORDS, audience=PROXY, address=HOST)

    assert verifier.verify(token).address == HOST


@pytest.mark.parametrize("audience", [tickets.AUDIENCE, "https://proxy-2.example:54324", "https://proxy-1.example"])
def test_a_ticket_for_somebody_else_is_refused_by_a_proxy(signer, verifier, audience):
    with pytest.raises(errors.BadTicket):
        verifier.verify(signer.issue(**WORDS, audience=audience, address=HOST)[0])


def test_a_ticket_for_a_proxy_is_refused_by_the_appliance(signer, clock):
    appliance = tickets.Verifier(KEY.public_key(), "here", START, 5, clock)

    with pytest.raises(errors.BadTicket):
        appliance.verify(signer.issue(**WORDS, audience=PROXY, address=HOST)[0])


def test_a_proxy_wants_to_be_told_the_address(signer, verifier):
    with pytest.raises(errors.BadTicket) as refused:
        verifier.verify(signer.issue(**WORDS, audience=PROXY)[0])

    assert "address" in refused.value.reason


@pytest.mark.parametrize("address", ["http://host:1", "unix:/run/images", "host:1", 7, ["https://host:1"], {}])
def test_an_address_without_tls_is_refused(verifier, address):
    with pytest.raises(errors.BadTicket):
        verifier.verify(signed(claims(aud=PROXY, address=address)))


@pytest.mark.parametrize(
    "change",
    [{"iss": "there"}, {"exp": START}, {"iat": START - 1, "nbf": START - 1}, {"nbf": START + 500}],
    ids=lambda change: next(iter(change)),
)
def test_a_proxy_refuses_what_the_appliance_refuses(verifier, change):
    with pytest.raises(errors.BadTicket):
        verifier.verify(signed(claims(aud=PROXY, address=HOST, **change)))


def test_a_proxy_refuses_another_appliances_tickets(verifier):
    with pytest.raises(errors.BadTicket):
        verifier.verify(signed(claims(aud=PROXY, address=HOST), ed25519.Ed25519PrivateKey.generate()))


@pytest.fixture
def addresses():
    return hosts.Addresses(ssl.create_default_context(), limit=2)


def test_a_host_has_one_pool_of_connections(addresses):
    assert addresses.leading(ticket()) is addresses.leading(ticket())


def test_of_too_many_hosts_the_longest_unused_is_forgotten(addresses):
    one, two = (addresses.leading(ticket(f"https://host-{number}:1")) for number in (1, 2))
    addresses.leading(ticket("https://host-1:1"))
    addresses.leading(ticket("https://host-3:1"))

    assert addresses.leading(ticket("https://host-1:1")) is one
    assert addresses.leading(ticket("https://host-2:1")) is not two


def test_an_unused_host_is_forgotten():
    addresses = hosts.Addresses(ssl.create_default_context(), lifetime=0)
    pool = addresses.leading(ticket())
    addresses.tend()

    assert addresses.leading(ticket()) is not pool


@pytest.mark.parametrize("address", [None, "", "https://", "nonsense"])
def test_no_address_is_a_host_that_does_not_answer(addresses, address):
    with pytest.raises(errors.HostDown):
        addresses.leading(ticket(address))
