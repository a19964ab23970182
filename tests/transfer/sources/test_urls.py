"""URLs of sources: each is read in one way, or refused."""

import pytest

from appliance import errors
from appliance.transfer.sources import guard
from tests.transfer.sources.guarding import PUBLIC


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
