"""Answers: the same things as XML and as JSON."""

import datetime
import inspect
import json
import string

import pytest
from lxml import etree

from appliance import errors
from appliance.web.ovirt import documents, faults
from appliance.web.ovirt.documents import Entity, many

DISK = Entity(
    "disk",
    {
        "name": "a <b> & \u202e",
        "sparse": True,
        "provisioned_size": 1 << 62,
        "reason": None,
        "time": datetime.datetime(2026, 11, 21, 1, 2, 3, 456789, datetime.UTC),
        "links": many("links", "link", [Entity("link", href="/x", rel="snapshots")]),
        "storage_domains": many("storage_domains", "storage_domain", [Entity("storage_domain", id="s1", href="/s1")]),
        "host": Entity("anything", {"name": "h"}, id="h1"),
    },
    id="d1",
    href="/d1",
)


def test_a_thing_as_xml():
    root = etree.fromstring(documents.xml(DISK))

    assert (root.tag, dict(root.attrib)) == ("disk", {"href": "/d1", "id": "d1"})
    assert root.findtext("name") == "a <b> & \u202e"
    assert root.findtext("sparse") == "true"
    assert root.findtext("provisioned_size") == str(1 << 62)
    assert root.find("reason") is None
    assert root.findtext("time") == "2026-11-21T01:02:03.456Z"
    assert dict(root.find("link").attrib) == {"href": "/x", "rel": "snapshots"}
    assert root.find("storage_domains/storage_domain").get("id") == "s1"
    assert root.find("host").get("id") == "h1"


def test_a_thing_as_json():
    assert json.loads(documents.as_json(DISK)) == {
        "href": "/d1",
        "id": "d1",
        "name": "a <b> & \u202e",
        "sparse": True,
        "provisioned_size": 1 << 62,
        "time": "2026-11-21T01:02:03.456Z",
        "link": [{"href": "/x", "rel": "snapshots"}],
        "storage_domains": {"storage_domain": [{"href": "/s1", "id": "s1"}]},
        "host": {"id": "h1", "name": "h"},
    }


def test_a_list_has_a_name_in_xml_and_its_things_in_json():
    disks = many("disks", "disk", [Entity("disk", id="1"), Entity("disk", id="2")])

    assert [element.get("id") for element in etree.fromstring(documents.xml(disks))] == ["1", "2"]
    assert json.loads(documents.as_json(disks)) == {"disk": [{"id": "1"}, {"id": "2"}]}


@pytest.mark.parametrize("text", ["\x00", "a\x07b", "\ud800", "\ufffe"])
def test_what_xml_cannot_hold_is_marked_and_breaks_nothing(text):
    root = etree.fromstring(documents.xml(Entity("disk", {"name": text})))

    assert "\ufffd" in root.findtext("name")
    assert json.loads(documents.as_json(Entity("disk", {"name": text})))


WORDS = {
    "what": "disk",
    "reason": "it is so",
    "field": "disk.name",
    "free": 1,
    "needed": 2,
    "missing": 3,
    "limit": 4,
    "size": 5,
    "seconds": 6,
    "received": 7,
    "expected": 8,
}


def an_error(kind):
    """An error of that kind, with a word for each that its sentence and its advice have a place for."""
    if kind.__init__ is errors.ApplianceError.__init__:
        names = {name for text in (kind.says, kind.hint) for _, name, _, _ in string.Formatter().parse(text) if name}
    else:
        names = set(inspect.signature(kind).parameters)
    return kind(**{name: WORDS.get(name, "x") for name in names})


KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.ApplianceError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_a_fault_with_a_status_that_clients_know(kind):
    error = an_error(kind)

    root = etree.fromstring(documents.xml(faults.document(error, "0123")))

    assert [element.tag for element in root] == ["detail", "reason"]
    assert root.findtext("reason") == "Operation Failed"
    assert error.sentence in root.findtext("detail")
    assert faults.status(error) in (400, 401, 403, 404, 405, 408, 409, 413, 415, 416, 429, 500, 502, 503, 507)


def test_a_fault_of_ours_shows_an_id_to_look_for_in_the_log():
    assert "Error id: 0123" in faults.document(errors.Internal(), "0123").members["detail"]
