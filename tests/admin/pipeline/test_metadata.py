"""Tags and properties that an import is given: the image has them, here and for Glance's clients."""

import pytest

from appliance import errors
from tests.admin.importer import begin, done, image_of, states
from tests.admin.pipeline import disks
from tests.transfer.sources import web_server


def test_what_was_given_is_the_images(house, server):
    server.files["/disk"] = web_server.File(disks.original())

    transfer = done(house, server, "/disk", format="qcow2", tags=("web", "web", "blue"), properties={"os": "Ext\u00e9 4"})

    assert (transfer.imported.tags, transfer.imported.properties) == (("web", "blue"), {"os": "Ext\u00e9 4"})
    image, entry = image_of(house, transfer), house.admin.entries.get(house.bob, transfer.image_id)
    assert (image.tags, image.properties) == (("web", "blue"), {"os": "Ext\u00e9 4"})
    assert (entry.facts.tags, entry.facts.properties, entry.status) == (("web", "blue"), {"os": "Ext\u00e9 4"}, "active")
    assert (entry.facts.disk_format, entry.facts.visibility, entry.facts.name) == ("qcow2", "public", "disk")
    house.admin.images.delete(house.ann, transfer.image_id)
    with pytest.raises(errors.NotFound):
        house.admin.entries.get(house.bob, transfer.image_id)


def test_an_image_without_any_has_none(house, server):
    image = image_of(house, done(house, server))

    assert (image.tags, image.properties) == ((), {})


def test_as_much_as_may_be_given_is_taken(house, server):
    tags, properties = [str(number) for number in range(128)], {str(number): "x" * 65535 for number in range(2)}

    image = image_of(house, done(house, server, tags=tags, properties=properties))

    assert (list(image.tags), image.properties) == (tags, properties)


def test_a_failed_or_cancelled_import_describes_nothing(house, server):
    failed = done(house, server, checksum="0" * 64, tags=["web"])
    waiting = begin(house, server, tags=["web"], name="other")
    house.transfers.cancel(house.ann, waiting.id)

    assert states(failed)["verify-checksum"] == "failed"
    assert house.admin.entries.all(house.root) == []


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"tags": [str(number) for number in range(129)]}, "tags"),
        ({"tags": ["x" * 256]}, "tags"),
        ({"tags": ["bell\x07"]}, "tags"),
        ({"properties": {str(number): "" for number in range(129)}}, "properties"),
        ({"properties": {"x" * 256: ""}}, "properties"),
        ({"properties": {"a": "x" * 65536}}, "a"),
        ({"properties": {"a": "\0"}}, "a"),
        ({"compressed": True, "format": "raw"}, "compressed"),
        ({"format": "vmdk"}, "format"),
    ],
)
def test_what_cannot_be_given_is_told_at_once_by_its_field(house, server, words, field):
    with pytest.raises(errors.Invalid) as refused:
        begin(house, server, **words)

    assert refused.value.sentence.startswith(f"{field}: ")
    assert server.requests == []
