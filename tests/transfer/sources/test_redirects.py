"""Redirects: where they are followed to, and that they lead nowhere that a person could not name."""

import pytest

from appliance import errors
from appliance.transfer import sources
from appliance.transfer.sources import guard
from tests.transfer.sources import web_server
from tests.transfer.sources.guarding import PUBLIC
from tests.transfer.sources.web_source import DATA, read, source


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


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(server, code):
    server.scripts = [web_server.redirect("/disk.img", code)]

    assert read(source(server, "/latest")) == DATA


def test_the_name_is_that_of_where_a_redirect_leads(server):
    server.scripted, server.scripts = {"HEAD", "GET"}, [web_server.redirect("/disk.img")] * 2

    # Each is answered where it leads to.
    server.scripts.insert(1, lambda handler: handler.give())

    assert source(server, "/latest").look().name == "disk.img"


def test_redirects_end(server):
    server.scripts = [web_server.redirect("/disk.img")] * 4

    with pytest.raises(errors.BadRedirect, match="more than the 3 times"):
        read(source(server, redirects=3))
    assert len(server.requests) == 4


def test_no_redirect_is_followed_where_none_is_allowed(server):
    server.scripts = [web_server.redirect("/disk.img")]

    with pytest.raises(errors.BadRedirect):
        read(source(server, redirects=0))


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "http://[::ffff:10.0.0.1]:80/", "http://169.254.169.254/latest/meta-data/", "http://2130706434/"]
)
def test_a_redirect_to_what_is_not_fetched_from_is_refused(server, location):
    server.scripts = [web_server.redirect(location)]
    allowed = server.policy(networks=(web_server.LOOPBACK[0].__class__("127.0.0.1/32"),))

    with pytest.raises((errors.BadRedirect, errors.AddressRefused)):
        read(sources.open(server.url("/disk.img"), allowed))
    assert len(server.requests) == 1


def test_a_redirect_without_a_place_is_no_file(server):
    server.scripts = [web_server.status(302)]

    with pytest.raises(errors.SourceFailed):
        read(source(server))
