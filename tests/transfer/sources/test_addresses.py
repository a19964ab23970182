"""Addresses that are fetched from, and every trick by which somebody might reach what only the appliance reaches."""

import ipaddress
import itertools
import socket

import pytest

from appliance import errors
from appliance.transfer.sources import guard
from tests.transfer.sources.guarding import PUBLIC, policy


def addresses(url: str, policy: guard.Policy = PUBLIC) -> list[str]:
    return [str(address) for address in guard.resolve(guard.parse(url, policy), policy)]


@pytest.fixture
def names(monkeypatch):
    """A name service: name → the answers that it gives by turns, each a list of addresses. Literal addresses are themselves."""
    known: dict[str, itertools.cycle] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *words, **more):
        if host not in known:
            return real(host, port, *words, **{**more, "flags": socket.AI_NUMERICHOST})
        return [answer for address in next(known[host]) for answer in real(address, port, *words, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return lambda name, *answers: known.update({name: itertools.cycle(answers)})


@pytest.mark.parametrize(
    ("host", "what"),
    [
        ("127.0.0.1", "this machine itself"),
        ("127.8.8.8", "this machine itself"),
        ("0.0.0.0", "this network"),
        ("0.1.2.3", "this network"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "inside a provider's network"),
        ("100.127.255.254", "inside a provider's network"),
        ("169.254.1.1", "link-local"),
        ("169.254.169.254", "metadata service"),
        ("100.100.100.200", "metadata service"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("192.0.2.1", "documentation"),
        ("198.18.0.1", "measurements"),
        ("[::]", "this network"),
        ("[::1]", "this machine itself"),
        ("[fc00::1]", "private"),
        ("[fd12:3456::1]", "private"),
        ("[fd00:ec2::254]", "metadata service"),
        ("[fe80::1]", "link-local"),
        ("[fec0::1]", "private"),
        ("[ff02::1]", "multicast"),
        ("[100::1]", "reserved"),
        ("[4000::1]", "reserved"),
        ("[2001:db8::1]", "documentation"),
        ("[64:ff9b:1::1]", "private"),
    ],
)
def test_an_address_that_is_not_public_is_refused(host, what):
    with pytest.raises(errors.AddressRefused) as refused:
        addresses(f"http://{host}/image")

    assert what in refused.value.sentence and "import_allow" in refused.value.advice


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0177.1", "127.1", "127.0.1", "017700000001"])
def test_loopback_in_another_notation_is_loopback(host):
    assert guard.parse(f"http://{host}/", PUBLIC).host == "127.0.0.1"
    with pytest.raises(errors.AddressRefused):
        addresses(f"http://{host}/")


@pytest.mark.parametrize("host", ["１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "0ｘ7f.1"])
def test_loopback_in_other_letters_is_loopback(host):
    with pytest.raises(errors.AddressRefused):
        addresses(f"http://{host}/")


@pytest.mark.parametrize(
    "host",
    [
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "::10.0.0.1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2001:0:7f00:1::",
        "2001:0:808:808:0:0:80ff:fffe",
    ],
    ids=[
        "mapped",
        "mapped metadata",
        "compatible",
        "compatible private",
        "6to4",
        "6to4 metadata",
        "NAT64",
        "NAT64 metadata",
        "Teredo server",
        "Teredo",
    ],
)
def test_an_ipv4_address_inside_of_an_ipv6_address_is_found(host):
    with pytest.raises(errors.AddressRefused):
        addresses(f"http://[{host}]/")


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "134744072", "[2606:4700::1111]", "[::ffff:8.8.8.8]", "[64:ff9b::8.8.8.8]", "[2002:808:808::1]"]
)
def test_a_public_address_is_fetched_from(host):
    assert len(addresses(f"https://{host}/")) == 1


def test_localhost_is_refused_by_its_address():
    with pytest.raises(errors.AddressRefused, match="localhost"):
        addresses("http://localhost/")


def test_every_address_of_a_name_is_checked(names):
    names("images.example", ["8.8.8.8", "10.0.0.1"])

    with pytest.raises(errors.AddressRefused, match=r"images\.example: it is a private address"):
        addresses("http://images.example/")


def test_the_address_of_a_refused_name_is_not_told(names):
    names("intern.example", ["10.7.8.9"])

    with pytest.raises(errors.AddressRefused) as refused:
        addresses("http://intern.example/")

    assert "10.7.8.9" not in refused.value.sentence + refused.value.advice


def test_an_answer_that_changes_is_checked_again_before_it_is_used(names):
    names("rebind.example", ["8.8.8.8"], ["127.0.0.1"])

    assert addresses("http://rebind.example/") == ["8.8.8.8"]
    with pytest.raises(errors.AddressRefused):
        addresses("http://rebind.example/")


def test_a_name_that_does_not_resolve_is_told(monkeypatch):
    def getaddrinfo(*words, **more):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    with pytest.raises(errors.UnknownName, match=r"nowhere\.invalid could not be resolved: Name or service not known"):
        addresses("http://nowhere.invalid/")


@pytest.mark.parametrize("allowed", ["10.0.0.0/8", "10.0.0.1", "intern.example", ".example", "INTERN.example"])
def test_the_administrator_may_allow_a_network_an_address_or_a_name(tmp_path, names, allowed):
    names("intern.example", ["10.0.0.1"])

    assert addresses("http://intern.example/", policy(tmp_path, import_allow=[allowed])) == ["10.0.0.1"]


@pytest.mark.parametrize("allowed", ["10.0.0.2", "11.0.0.0/8", "example", "tern.example", ".intern.example", "::/0"])
def test_what_is_allowed_is_that_and_nothing_else(tmp_path, names, allowed):
    names("intern.example", ["10.0.0.1"])

    with pytest.raises(errors.AddressRefused):
        addresses("http://intern.example/", policy(tmp_path, import_allow=[allowed]))


def test_an_allowed_ipv4_address_is_allowed_in_the_form_of_an_ipv6_one(tmp_path):
    assert addresses("http://[::ffff:10.0.0.1]/", policy(tmp_path, import_allow=["10.0.0.0/8"])) == ["::ffff:a00:1"]


def test_of_two_addresses_within_one_both_have_to_be_allowed(tmp_path):
    with pytest.raises(errors.AddressRefused):
        addresses("http://[2001:0:a00:1::80ff:fffe]/", policy(tmp_path, import_allow=["10.0.0.0/8"]))


def test_everything_but_public_unicast_is_refused_wherever_it_lies():
    for network, _ in guard._SPECIAL:
        for address in (network[0], network[-1]):
            with pytest.raises(errors.AddressRefused):
                guard.check("x", ipaddress.ip_address(address), PUBLIC)
