"""Bodies from outside, which may be anything."""

import json

import pytest
import webob

from appliance import errors
from appliance.web.ovirt import given

LAUGHS = (
    '<!DOCTYPE disk [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 12))
    + "]><disk><name>&a11;</name></disk>"
)


def read(body, root="disk", kind="application/xml"):
    data = body.encode() if isinstance(body, str) else body
    return given.read(webob.Request.blank("/", content_type=kind, method="POST"), data, root)


def test_members_are_read_by_name():
    disk = read('<disk id="d1"><name> a b </name><sparse>true</sparse><provisioned_size> 10 </provisioned_size><format>COW</format></disk>')

    assert disk.id == "d1"
    assert disk.text("name") == " a b "
    assert disk.boolean("sparse") is True
    assert disk.number("provisioned_size", 1) == 10
    assert disk.choice("format", ("raw", "cow")) == "cow"


def test_what_is_not_there_is_none():
    disk = read("<disk/>")

    assert (disk.id, disk.text("name"), disk.boolean("sparse"), disk.number("size", 0), disk.choice("format", ("raw",))) == (None,) * 5
    assert disk.child("storage_domains", "storage_domain") is None


def test_json_says_the_same_as_xml():
    body = {"id": "d1", "name": "a", "sparse": False, "provisioned_size": 7, "storage_domains": {"storage_domain": [{"name": "data"}]}}

    disk = read(json.dumps(body), kind="application/json")

    assert (disk.id, disk.text("name"), disk.boolean("sparse"), disk.number("provisioned_size", 1)) == ("d1", "a", False, 7)
    assert disk.child("storage_domains", "storage_domain").text("name") == "data"


def test_a_declaration_comments_and_strange_elements_do_not_disturb():
    disk = read(b'<?xml version="1.0" encoding="UTF-8"?><!-- c --><disk><quota id="x"/><name>a<!-- c -->b</name></disk>')

    assert disk.text("name") == "ab"


def test_no_body_is_none():
    assert read(b"") is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("name=disk", "not well-formed XML"),
        ("<disk>", "not well-formed XML"),
        ("<disk><name>a</disk>", "not well-formed XML"),
        ("<disk/><disk/>", "not well-formed XML"),
        (b"<disk>\xff\xfe</disk>", "not well-formed XML"),
        (b'<?xml version="1.0" encoding="no-such"?><disk/>', "not well-formed XML"),
        ("<disk>&nothing;</disk>", "not well-formed XML"),
        (b"\x00" * 50, "not well-formed XML"),
        ('{"name": "a"}', "not well-formed XML"),
        ("<image_transfer/>", "root element of its body must be disk, and not image_transfer"),
        ('<disk xmlns="http://example.org/"/>', "root element of its body must be disk"),
        ("<Disk/>", "must be disk, and not Disk"),
        (LAUGHS, "well-formed|document type"),
        ('<!DOCTYPE disk [<!ENTITY x SYSTEM "file:///etc/passwd">]><disk><name>&x;</name></disk>', "document type"),
        ('<!DOCTYPE disk SYSTEM "http://127.0.0.1:1/x.dtd"><disk/>', "document type"),
        ('<!DOCTYPE disk [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x">%x;]><disk/>', "document type"),
        ("<disk>" * 100 + "</disk>" * 100, "nested"),
        ("<disk>" + "<a/>" * 6000 + "</disk>", "elements"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_that_cannot_be_used_says_why(body, reason):
    with pytest.raises(errors.BadRequest, match=reason):
        read(body)


@pytest.mark.parametrize(
    "body",
    ["[1]", "[", "5", "{", '{"a": [[1]]}', '{"a b": 1}', '{"a": "\\u0000"}', '{"name": "a", "name": "b"}', '{"a":' * 50 + "1" + "}" * 50],
)
def test_json_that_cannot_be_used_is_refused(body):
    with pytest.raises(errors.BadRequest):
        read(body, kind="application/json")


@pytest.mark.parametrize("kind", ["text/html", "application/x-www-form-urlencoded", "multipart/form-data", "image/png"])
def test_another_type_is_refused(kind):
    with pytest.raises(errors.UnsupportedType):
        read("<disk/>", kind=kind)


@pytest.mark.parametrize("text", ["-1", "0", str(2**63), str(2**64), "1" * 40])
def test_a_size_out_of_range_names_its_element_and_the_range(text):
    with pytest.raises(errors.Invalid, match=r"disk.provisioned_size: it must be from 1 to 9223372036854775807"):
        read(f"<disk><provisioned_size>{text}</provisioned_size></disk>").number("provisioned_size", 1)


@pytest.mark.parametrize("text", ["", "ten", "1.5", "1e3", "0x10", "1 0", "١٠", "1_000", "9" * 5000, "--1", "NaN"])
def test_what_is_no_number_names_its_element(text):
    with pytest.raises(errors.Invalid, match=r"disk.provisioned_size: it must be a whole number"):
        read(f"<disk><provisioned_size>{text}</provisioned_size></disk>").number("provisioned_size", 1)


@pytest.mark.parametrize("text", ["", "yes", "True!", "2", "null", "TRUE"])
def test_what_is_neither_true_nor_false_names_its_element(text):
    with pytest.raises(errors.Invalid, match=r"disk.sparse: it must be true or false"):
        read(f"<disk><sparse>{text}</sparse></disk>").boolean("sparse")


def test_an_unknown_word_names_its_element_and_the_words():
    with pytest.raises(errors.Invalid, match=r"disk.format: it must be one of raw, cow"):
        read("<disk><format>vmdk</format></disk>").choice("format", ("raw", "cow"))


def test_an_element_that_is_given_twice_is_refused():
    with pytest.raises(errors.Invalid, match=r"disk.name: it is given more than once"):
        read("<disk><name>a</name><name>b</name></disk>").text("name")


def test_elements_where_text_belongs_are_refused():
    with pytest.raises(errors.Invalid, match=r"disk.name: it must be text"):
        read("<disk><name><b/></name></disk>").text("name")
