"""What tickets may lead to: nothing but files under the roots, unless it was allowed."""

import pytest

from imaged import backends, errors
from imaged.backends.policy import Policy


def locate(tmp_path, url, *allow):
    return backends.locate(url.replace("ROOT", str(tmp_path / "root")).replace("OTHER", str(tmp_path / "other")), policy(tmp_path, *allow))


def policy(tmp_path, *allow):
    for name in ("root", "other"):
        (tmp_path / name).mkdir(exist_ok=True)
    return Policy.parse([tmp_path / "root"], [word.replace("OTHER", str(tmp_path / "other")) for word in allow])


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("nbd:unix:ROOT/a.sock", ()),
        ("nbd:unix:OTHER/a.sock", ("nbd:unix:OTHER",)),
        ("nbd:unix:OTHER/a.sock:exportname=a:b", ("nbd",)),
        ("nbd:localhost:10809", ("nbd",)),
        ("nbd:localhost:10809:exportname=", ("nbd:localhost:10809",)),
        ("nbd:[::1]:10809", ("nbd:[::1]:10809",)),
        ("https://host/images/id", ("https",)),
        ("https://host/images/id", ("https://host:443",)),
        ("https://HOST:54322/images/id", ("https://host:54322/",)),
        ("http://127.0.0.1:80/images/id", ("http://127.0.0.1:80",)),
        ("http://[::1]/images/id", ("http",)),
    ],
)
def test_what_is_allowed_is_located(tmp_path, url, allow):
    assert locate(tmp_path, url, *allow) == locate(tmp_path, url, *allow)


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("nbd:unix:OTHER/a.sock", ()),
        ("nbd:unix:ROOT/../other/a.sock", ()),
        ("nbd:unix:OTHER/a.sock", ("https", "nbd:localhost:10809")),
        ("nbd:localhost:10809", ()),
        ("nbd:localhost:10809", ("nbd:unix:OTHER", "nbd:localhost:1080", "nbd:host:10809", "http", "https")),
        ("https://host/images/id", ()),
        ("https://host:54322/images/id", ("http", "http://host:54322", "https://host:5432", "https://host.example:54322")),
        ("http://host/images/id", ("https", "https://host:80")),
        ("file:///etc/passwd", ("nbd", "http", "https", "file:///etc")),
    ],
)
def test_what_is_not_allowed_is_refused(tmp_path, url, allow):
    with pytest.raises(errors.ForbiddenPath, match=r"--allow|--root"):
        locate(tmp_path, url, *allow)


def test_a_link_beside_the_images_to_a_socket_elsewhere_is_refused(tmp_path):
    allowed = policy(tmp_path)
    (tmp_path / "root" / "link").symlink_to(tmp_path / "other" / "a.sock")

    with pytest.raises(errors.ForbiddenPath):
        backends.locate(f"nbd:unix:{tmp_path}/root/link", allowed)


@pytest.mark.parametrize(
    "url",
    [
        *["https://", "https:///images/id", "https://host", "https://host/", "https://host:x/images/id", "https://host:99999/images/id"],
        *["https://user@host/images/id", "https://host/images/id?close=y", "https://host/images/id#x", "https://host/images/i d"],
        *["https://host/images/id\r\nX: y", "https://host/images/é", "ftp://host/images/id", "", "/images/id", "gopher:"],
    ],
)
def test_a_url_that_cannot_be_understood_is_a_bad_request(tmp_path, url):
    with pytest.raises(errors.BadRequest):
        locate(tmp_path, url, "http", "https", "nbd")


@pytest.mark.parametrize(
    "word",
    [
        "",
        "all",
        "*",
        "file",
        "nbd:",
        "nbd:unix:run",
        "https://host",
        "https://host:0",
        "https://u@host:1",
        "file://dev",
        "https://host:1/x",
    ],
)
def test_a_word_that_allows_nothing_clear_is_refused(tmp_path, word):
    with pytest.raises(ValueError):
        Policy.parse([tmp_path], [word])
