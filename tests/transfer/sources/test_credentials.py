"""Credentials of a source: what can be some, which server gets them, and that they are shown nowhere."""

import contextlib
import logging

import pytest

from appliance import errors
from appliance.transfer import sources
from tests.transfer.sources import web_server
from tests.transfer.sources.web_source import DATA, read, source


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
    ("credentials", "sent"),
    [(sources.Credentials(user="jo", password="sécret"), "Basic am86c8OpY3JldA=="), (sources.Credentials(bearer="t0ken"), "Bearer t0ken")],
    ids=["basic", "bearer"],
)
def test_credentials_are_sent(server, credentials, sent):
    source(server, credentials=credentials).look()

    assert [headers.get("Authorization") for _, _, headers in server.requests] == [sent, sent]


def test_credentials_go_along_with_a_redirect_on_the_same_server(server):
    server.scripts = [web_server.redirect("/disk.img")]

    read(source(server, credentials=sources.Credentials(bearer="t0ken")))

    assert server.asked("Authorization") == ["Bearer t0ken"] * 2


def test_credentials_do_not_go_to_another_server(server):
    with web_server.serving() as other:
        other.files["/disk.img"] = web_server.File(DATA)
        server.scripts = [web_server.redirect(other.url("/disk.img"))]

        assert read(source(server, credentials=sources.Credentials(bearer="t0ken"))) == DATA

    assert other.asked("Authorization") == [None]


def test_credentials_do_not_come_back_from_another_server(server):
    with web_server.serving() as other:
        other.scripts = [web_server.redirect(server.url("/disk.img"))]
        server.scripts = [web_server.redirect(other.url("/there"))]

        read(source(server, credentials=sources.Credentials(bearer="t0ken")))

    assert server.asked("Authorization") == ["Bearer t0ken", None]


def test_nothing_secret_is_logged(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.scripts = [web_server.status(403), web_server.redirect("/disk.img?sig=hidden"), web_server.cut(5)]

    for _ in range(3):
        with contextlib.suppress(errors.ApplianceError):
            read(source(server, "/disk.img?sig=hidden", sources.Credentials(user="jo", password="s3cret")))

    assert "s3cret" not in caplog.text and "hidden" not in caplog.text and "Basic" not in caplog.text


def test_a_neighbour_is_asked_for_with_the_same_credentials_and_without_the_query(server):
    server.files["/a/b/SHA256SUMS"] = web_server.File(b"sums")
    there = sources.open(server.url("/a/b/disk.img?sig=x"), server.policy(), sources.Credentials(bearer="t")).beside("SHA256SUMS")

    assert read(there) == b"sums"
    assert server.asked("Authorization") == ["Bearer t"]
