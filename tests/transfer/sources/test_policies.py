"""What administrators allow: schemes, ports, and settings that make sense."""

from importlib import metadata

import pytest

from appliance import config, errors
from appliance.transfer import sources
from appliance.transfer.sources import guard
from tests.transfer.sources.guarding import PUBLIC, policy


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
