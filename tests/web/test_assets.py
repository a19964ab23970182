"""Static files: kept for ever under their version, asked for each time without, and nothing else on the disk."""

import gzip

import pytest
import webob

from appliance import errors
from appliance.web import assets


@pytest.fixture
def directory(tmp_path):
    static = tmp_path / "static"
    (static / "js" / "view").mkdir(parents=True)
    (static / "js" / "main.js").write_text("import './view/list.js';")
    (static / "js" / "view" / "list.js").write_text("export {};")
    (static / "hash.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret").write_text("no")
    return static


@pytest.fixture
def static(directory):
    return assets.Assets(directory)


def get(static, path, **headers):
    return static.answer(webob.Request.blank("/static/" + path, headers={k.replace("_", "-"): v for k, v in headers.items()}), path)


def test_a_versioned_address_is_kept_for_ever(static):
    answer = get(static, static.url("js/main.js").removeprefix("/static/"))

    assert answer.body == b"import './view/list.js';"
    assert "immutable" in answer.headers["Cache-Control"]


def test_a_relative_import_stays_inside_the_version(static):
    base = static.url("js/main.js").removeprefix("/static/").rpartition("/")[0]

    assert get(static, f"{base}/view/list.js").body == b"export {};"


def test_a_plain_address_is_asked_for_each_time_and_answered_304(static):
    answer = get(static, "js/main.js")
    again = get(static, "js/main.js", If_None_Match=answer.headers["ETag"])

    assert answer.headers["Cache-Control"] == "no-cache"
    assert (again.status, again.body) == (304, b"")


def test_the_version_of_a_page_from_before_an_update_still_works_but_is_not_kept(static):
    answer = get(static, "0" * 16 + "/js/main.js")

    assert answer.headers["Cache-Control"] == "no-cache"


def test_another_content_is_another_version(static, directory):
    (directory / "js" / "main.js").write_text("changed")

    assert assets.Assets(directory).version != static.version


@pytest.mark.parametrize(
    ("path", "kind"),
    [("js/main.js", "text/javascript; charset=utf-8"), ("hash.wasm", "application/wasm")],
)
def test_browsers_get_the_type_that_they_insist_on(static, path, kind):
    assert get(static, path).headers["Content-Type"] == kind


@pytest.mark.parametrize(
    "path",
    ["", "js", "js/", "none.js", "../secret", "js/../../secret", "/etc/passwd", "js//main.js", "js/./main.js", "js\\main.js", "\0"],
)
def test_nothing_else_is_found(static, path):
    with pytest.raises(errors.NotFound):
        get(static, path)


def test_a_page_cannot_name_a_file_that_is_not_there(static):
    with pytest.raises(KeyError):
        static.url("js/gone.js")


def test_files_are_not_written_to(static):
    with pytest.raises(errors.MethodNotAllowed):
        static.answer(webob.Request.blank("/static/js/main.js", method="PUT"), "js/main.js")


def test_text_travels_packed_to_those_who_take_it(static, directory):
    (directory / "long.css").write_text("a { color: red }\n" * 100)
    static = assets.Assets(directory)

    plain, packed = get(static, "long.css"), get(static, "long.css", Accept_Encoding="gzip, br")

    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert packed.headers["Vary"] == "Accept-Encoding"


def test_who_refuses_packed_text_gets_it_plain(static, directory):
    (directory / "long.css").write_text("a { color: red }\n" * 100)

    assert "Content-Encoding" not in get(assets.Assets(directory), "long.css", Accept_Encoding="gzip;q=0").headers
