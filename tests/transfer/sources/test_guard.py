"""What is fetched, and what is not: every trick by which somebody might reach what only the appliance reaches."""

import ipaddress
import itertools
import socket
from importlib import metadata

import pytest

from appliance import config, errors
from appliance.transfer import sources
from appliance.transfer.sources import guard

PUBLIC = guard.Policy()


def policy(tmp_path, **settings) -> guard.Policy:
    return guard.Policy.of(config.load(environ={}, state_dir=tmp_path, **settings))


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


@pytest.mark.parametrize(
    "url",
    [
        "",
        "image.iso",
        "//host/image",
        "http:",
        "http:///image",
        "http://",
        "http://./",
        "http://a..b/",
        "http://-a.example/",
        "http://a_b!.example/",
        "http://exa mple/",
        "http://example.org/a b",
        "http://example.org/\x00",
        "http://example.org/\r\nHost: other",
        "ht\ntp://example.org/",
        "http://example.org\\@127.0.0.1/",
        "http:\\\\127.0.0.1/",
        "http://[::1/",
        "http://[fe80::1%25lo]/",
        "http://[::1%lo]/",
        "http://[1.2.3.4]/",
        "http://256.1.1.1/",
        "http://1.2.3.4.5/",
        "http://0x100000000/",
        "http://08.8.8.8/",
        "http://example.org:0x50/",
        "http://example.org:99999/",
        "http://example.org:-1/",
        "http://example.org/#fragment",
        "http://127.0.0.1#@example.org/",
        "http://example.org/\u2028",
        "http://" + "a" * 64 + ".example/",
        "http://" + "a." * 127 + "example/",
        "http://example.org/" + "a" * 4096,
    ],
)
def test_what_is_no_url_or_could_be_read_in_two_ways_is_refused(url):
    with pytest.raises(errors.BadUrl) as refused:
        guard.parse(url, PUBLIC)

    assert refused.value.sentence.startswith("This URL cannot be used: ")


@pytest.mark.parametrize(
    "url", ["http://user@example.org/", "http://user:secret@example.org/", "http://example.org@127.0.0.1/", "http://@example.org/"]
)
def test_user_information_in_a_url_is_refused_without_repeating_it(url):
    with pytest.raises(errors.UserInUrl) as refused:
        guard.parse(url, PUBLIC)

    assert "secret" not in refused.value.sentence and "own fields" in refused.value.advice


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "gopher://example.org/",
        "data:text/plain,x",
        "javascript:alert(1)",
        "dict://127.0.0.1:11211/",
        "unix:///run/x",
        "FILE:///etc/passwd",
        "file:///etc/passwd",
    ],
)
def test_other_schemes_are_refused(url):
    with pytest.raises(errors.SchemeRefused) as refused:
        sources.open(url, PUBLIC)

    assert "Use one of: http, https." in refused.value.advice


def test_a_scheme_that_the_administrator_has_taken_away_is_refused(tmp_path):
    only = policy(tmp_path, import_schemes=["https"])

    assert sources.schemes(only) == ["https"]
    with pytest.raises(errors.SchemeRefused):
        sources.open("http://example.org/", only)


def test_what_is_offered_is_what_is_installed_and_possible(tmp_path):
    assert sources.schemes(policy(tmp_path)) == ["http", "https"]
    assert sources.schemes(policy(tmp_path, import_folder=str(tmp_path))) == ["file", "http", "https"]
    assert sources.schemes(policy(tmp_path, import_schemes=["https", "s3"])) == ["https"]


class Example:
    """A third party's source."""

    def __init__(self, url, policy, credentials):
        self.given = url, policy, credentials


def test_a_third_party_brings_a_scheme_by_an_entry_point(tmp_path, monkeypatch):
    point = metadata.EntryPoint("example", f"{__name__}:Example", sources.GROUP)
    monkeypatch.setattr(metadata, "entry_points", lambda **asked: metadata.EntryPoints([point]).select(**asked))
    allowed = policy(tmp_path, import_schemes=["Example", "https"])
    credentials = sources.Credentials(bearer="t")

    source = sources.open(" example://host/image ", allowed, credentials)

    assert sources.schemes(allowed) == ["example"]
    assert source.given == ("example://host/image", allowed, credentials)


@pytest.mark.parametrize("port", [22, 25, 79, 81, 3306, 6379, 65535])
def test_other_ports_are_refused(port):
    with pytest.raises(errors.PortRefused, match=str(port)):
        guard.parse(f"http://example.org:{port}/", PUBLIC)


def test_ports_are_what_the_administrator_says(tmp_path):
    allowed = policy(tmp_path, import_ports=["8000-8002"])

    assert guard.parse("http://example.org:8002/", allowed).port == 8002
    for url in ("http://example.org/", "http://example.org:8003/", "http://example.org:7999/"):
        with pytest.raises(errors.PortRefused):
            guard.parse(url, allowed)


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("http://Example.ORG", "http://example.org:80", "/"),
        ("HTTPS://example.org./a", "https://example.org:443", "/a"),
        ("http://example.org:80/a?b=c", "http://example.org:80", "/a?b=c"),
        ("http://example.org:/a", "http://example.org:80", "/a"),
        ("http://bücher.example/ü?ö", "http://xn--bcher-kva.example:80", "/%C3%BC?%C3%B6"),
        ("http://example.org/%2e%2E/a%20b", "http://example.org:80", "/%2e%2E/a%20b"),
        ("http://example.org?x", "http://example.org:80", "/?x"),
        ("https://[2606:4700:0:0::1111]/", "https://[2606:4700::1111]:443", "/"),
    ],
)
def test_a_url_is_read_in_one_way(url, origin, path):
    target = guard.parse(url, PUBLIC)

    assert (target.origin, target.path) == (origin, path)


def test_a_url_is_shown_without_its_query():
    shown = guard.parse("https://example.org/a/disk.img?X-Signature=secret", PUBLIC).shown

    assert shown == "https://example.org/a/disk.img?…"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/other", "https://example.org:443/other"),
        ("other?x=y", "https://example.org:443/a/other?x=y"),
        ("//mirror.example/b", "https://mirror.example:443/b"),
        ("https://mirror.example/b#part", "https://mirror.example:443/b"),
    ],
)
def test_a_redirect_is_followed_from_where_it_was_given(location, url):
    there = guard.onward(guard.parse("https://example.org/a/image", PUBLIC), location, PUBLIC)

    assert there.origin + there.path == url


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://example.org/image", "encrypted"),
        ("file:///etc/passwd", "file: URLs"),
        ("ftp://example.org/", "ftp: URLs"),
        ("https://user:secret@example.org/", "password in it"),
        ("https://example.org:22/", "port 22"),
        ("https://exa mple.org/", "blank"),
        ("https://[::1/", "cannot be"),
        ("", "characters"),
        ("\\\\example.org\\x", "backslash"),
    ],
)
def test_a_redirect_to_what_a_person_could_not_name_is_refused(location, why):
    with pytest.raises(errors.BadRedirect, match=why) as refused:
        guard.onward(guard.parse("https://example.org/image", PUBLIC), location, PUBLIC)

    assert "secret" not in refused.value.sentence


@pytest.mark.parametrize(
    "given",
    [
        {"user": "a\r\nX: y", "password": "p"},
        {"user": "a:b", "password": "p"},
        {"user": "a", "password": "p\n"},
        {"bearer": "a b"},
        {"bearer": "tökén"},
        {"bearer": "t", "user": "u"},
    ],
)
def test_credentials_that_no_header_holds_are_refused(given):
    with pytest.raises(errors.BadCredentials):
        sources.Credentials(**given)


def test_credentials_are_not_shown():
    for credentials in (sources.Credentials(user="name", password="secret"), sources.Credentials(bearer="secret")):
        assert "secret" not in f"{credentials!r}{credentials}" and "name" not in repr(credentials)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("import_ports", ["0"]),
        ("import_ports", ["70000"]),
        ("import_ports", ["90-80"]),
        ("import_ports", ["http"]),
        ("import_schemes", ["http://"]),
        ("import_allow", ["10.0.0.0/33"]),
        ("import_allow", ["*.example.org"]),
        ("import_redirects", 21),
        ("import_timeout", 0),
    ],
)
def test_a_setting_that_allows_nothing_sensible_stops_the_start(tmp_path, setting, value):
    with pytest.raises(config.BadSetting, match=setting):
        policy(tmp_path, **{setting: value})


def test_everything_but_public_unicast_is_refused_wherever_it_lies():
    for network, _ in guard._SPECIAL:
        for address in (network[0], network[-1]):
            with pytest.raises(errors.AddressRefused):
                guard.check("x", ipaddress.ip_address(address), PUBLIC)
