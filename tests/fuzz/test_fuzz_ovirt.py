"""Anything at all to oVirt's face: understood, or refused in words; and what it answers can be read."""

import json

import webob
from hypothesis import strategies as st
from lxml import etree

from appliance import errors
from appliance.web.ovirt import documents, given, search
from appliance.web.ovirt.documents import Entity, many
from tests.fuzz.fuzzing import fuzz

NAMES = ("disk", "name", "format", "sparse", "provisioned_size", "storage_domains", "storage_domain")
STRANGE = ("a:b", "x", "{urn:x}disk")
PIECES = (
    *(f"<{name}>" for name in (*NAMES, *STRANGE)),
    *(f"</{name}>" for name in NAMES),
    "<disk/>",
    "<!DOCTYPE disk [",
    '<!ENTITY a "b">',
    "]>",
    "&a;",
    "&#0;",
    "&#x202e;",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml version='1.0' encoding='utf-16'?>",
    ' id="1"',
    "raw",
    "-1",
    "18446744073709551616",
    "\u0660",
)
BODIES = st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(PIECES), max_size=25).map(lambda pieces: "".join(pieces).encode()))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from((*NAMES, *STRANGE)), st.text(max_size=5)), inner, max_size=4)
    ),
    max_leaves=15,
)
FIELDS = {"name": lambda thing: thing, "size": len, "id": lambda thing: thing}
WORDS = (
    "name",
    "size",
    "=",
    "and",
    "or",
    "sortby",
    "asc",
    "desc",
    "page",
    "1",
    "0",
    "*",
    '"',
    "a",
    "b*",
    '"a b"',
    "(",
    "!=",
    " ",
    "\t",
    "\0",
    "ä",
)


def read_all(kind: str, body: bytes) -> None:
    """Reads every member in every way."""
    disk = given.read(webob.Request.blank("/", content_type=kind, method="POST"), body, "disk")
    if disk is None:
        return
    for name in NAMES[1:]:
        for ask in (disk.text, disk.boolean, lambda name: disk.number(name, 1), lambda name: disk.choice(name, ("raw", "cow"))):
            try:
                ask(name)
            except errors.Invalid:
                continue
    try:
        assert disk.id is None or isinstance(disk.id, str)
    except errors.Invalid:
        return


@fuzz(body=BODIES)
def test_any_body_is_xml_or_is_refused(body):
    try:
        read_all("application/xml", body)
    except (errors.BadRequest, errors.Invalid) as error:
        assert error.sentence


@fuzz(value=VALUES)
def test_any_json_is_a_thing_or_is_refused(value):
    try:
        read_all("application/json", json.dumps(value).encode())
    except (errors.BadRequest, errors.Invalid) as error:
        assert error.sentence


@fuzz(text=st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=15).map("".join)))
def test_any_search_finds_or_is_refused(text):
    try:
        found = search.parse(text, FIELDS).apply(["a", "b", "a b", ""], FIELDS)
    except errors.BadRequest as error:
        assert "FIELD=VALUE" in error.sentence
    else:
        assert set(found) <= {"a", "b", "a b", ""}


@fuzz(text=st.text(max_size=30), number=st.integers())
def test_whatever_a_thing_is_called_its_answer_can_be_read(text, number):
    disk = Entity("disk", {"name": text, "size": number}, id=text, href=text)
    root = etree.fromstring(documents.xml(many("disks", "disk", [disk])))

    assert root.find("disk").findtext("size") == str(number)
    assert json.loads(documents.as_json(disk))["name"] == text
