"""What a request brings, and what is refused of it."""

import io

import pytest
import webob

from appliance import errors
from appliance.web import bodies
from appliance.web.api import models

LIMIT = 1024


def request(body: bytes = b"", **environ: str) -> webob.Request:
    made = webob.Request.blank("/", method="POST")
    made.environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_TYPE": "application/json", **environ})
    return made


def parsed(body: bytes, **environ: str) -> dict | None:
    return bodies.json_object(request(**environ), body)


def test_a_body_of_announced_length_is_read_and_no_byte_more():
    assert bodies.read(request(b"abcdef", CONTENT_LENGTH="3"), LIMIT) == b"abc"


def test_no_announced_length_is_no_body():
    made = request(b"abc")
    made.environ.pop("CONTENT_LENGTH", None)

    assert bodies.read(made, LIMIT) is None


@pytest.mark.parametrize(
    ("environ", "error"),
    [
        ({"CONTENT_LENGTH": str(LIMIT + 1)}, errors.TooLarge),
        ({"CONTENT_LENGTH": "9" * 4000}, errors.TooLarge),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, errors.LengthRequired),
        ({"CONTENT_LENGTH": "4"}, errors.BadRequest),
        ({"CONTENT_LENGTH": "-1"}, errors.BadRequest),
        ({"CONTENT_LENGTH": "+3"}, errors.BadRequest),
        ({"CONTENT_LENGTH": "1_0"}, errors.BadRequest),
        ({"CONTENT_LENGTH": "٣"}, errors.BadRequest),
    ],
    ids=["too large", "absurd", "chunked", "short", "negative", "plus", "underscore", "other digits"],
)
def test_a_body_that_is_not_as_announced_is_refused(environ, error):
    with pytest.raises(error):
        bodies.read(request(b"abc", **environ), LIMIT)


def test_a_body_that_stops_arriving_is_the_clients_fault():
    class Silent:
        def read(self, _length):
            raise TimeoutError

    made = request(CONTENT_LENGTH="3")
    made.environ["wsgi.input"] = Silent()

    with pytest.raises(errors.BadRequest, match="stopped arriving"):
        bodies.read(made, LIMIT)


def test_a_json_object_is_taken():
    assert parsed(b'{"a": 1, "b": [{"c": null}]}') == {"a": 1, "b": [{"c": None}]}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"text"',
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        b"[" * 60000,
        b'{"a":' * 10000,
        b'{"a": ' + b"9" * 10000 + b"}",
        b"a=1",
    ],
    ids=range(17),
)
def test_json_that_is_none_or_not_an_object_is_refused(body):
    with pytest.raises(errors.BadRequest):
        parsed(body)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json; charset=utf-16"]
)
def test_another_content_type_is_refused(kind):
    with pytest.raises(errors.UnsupportedType):
        parsed(b"{}", CONTENT_TYPE=kind)


def test_json_with_its_charset_named_is_taken():
    assert parsed(b'{"a": "\xc3\xa4"}', CONTENT_TYPE="application/json; charset=UTF-8") == {"a": "ä"}


@pytest.mark.parametrize("text", ["limit=1&limit=2", "limit=%ff", "&".join(["a=1"] * 60)], ids=["twice", "not UTF-8", "many"])
def test_a_query_string_that_means_two_things_is_refused(text):
    with pytest.raises(errors.BadRequest):
        bodies.query(text, models.Page)


@pytest.mark.parametrize(
    "text", ["limit=0", "limit=201", "limit=-1", "limit=", "limit=5.0", "limit=1_0", "limit=%205", "after=%00", "more=1"]
)
def test_a_bad_or_unknown_parameter_is_refused(text):
    with pytest.raises(ValueError, match="validation error"):
        bodies.query(text, models.Page)


def test_good_parameters_are_taken():
    assert bodies.query("limit=7&after=12", models.EventsQuery) == models.EventsQuery(limit=7, after="12")


def test_a_form_is_read():
    made = request(CONTENT_TYPE="application/x-www-form-urlencoded")

    assert bodies.form(made, b"name=ann&password=a+%C3%A4%26&next=") == {"name": "ann", "password": "a ä&", "next": ""}


@pytest.mark.parametrize("body", [b"name=%ff", b"name=\xc3\xa4", b"&".join([b"a=1"] * 60)])
def test_a_broken_form_is_refused(body):
    with pytest.raises(errors.BadRequest):
        bodies.form(request(CONTENT_TYPE="application/x-www-form-urlencoded"), body)
