"""Anything at all to Glance's face: understood, or refused in words."""

import contextlib
import datetime

from hypothesis import strategies as st

from appliance import errors
from appliance.admin import entries, views
from appliance.web.glance import given, listing, patches
from tests.fuzz.fuzzing import fuzz

NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
NAMES = ("name", "tags", "min_disk", "disk_format", "visibility", "protected", "status", "owner", "color", "")
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(("raw", "public", "bare"))),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)
SAID = st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=5)), VALUES, max_size=5)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "op": st.one_of(st.sampled_from((*patches.OPERATIONS, "move")), VALUES),
        "path": st.one_of(st.sampled_from([f"/{name}" for name in NAMES]), st.text(max_size=6), VALUES),
        "value": VALUES,
    },
)
WORDS = st.one_of(
    st.sampled_from(("in:", 'in:"a', "in:a,b", "eq:a", "gt:2026-11-21", "0", "25", "-1", "asc", "name:asc,size", "true", "raw")),
    st.text(max_size=15),
)
PARAMETERS = (*listing.IMAGES.fields, *listing.IMAGES.elsewhere, *listing.PAGING, "color")
QUERIES = st.lists(st.tuples(st.sampled_from(PARAMETERS), WORDS), max_size=6)


def entry(number: int) -> views.Entry:
    facts = views.Facts(name=None if number % 3 == 0 else f"image {number}", disk_format="raw", properties={"color": "red"})
    nothing = {"virtual_size": None, "md5": None, "sha512": None, "staged": None, "stores": ()}
    size = None if number % 2 else number
    return views.Entry(str(number), facts, "active", owner="ann", owner_id="1", size=size, created_at=NOW, updated_at=NOW, **nothing)


@fuzz(said=SAID)
def test_anything_that_is_said_of_an_image_is_taken_or_refused(said):
    with contextlib.suppress(errors.ApplianceError):
        facts = entries.checked(given.facts(said, views.Facts()))
        assert facts.visibility in entries.VISIBILITIES
        assert all(isinstance(value, str) for value in facts.properties.values())


@fuzz(body=st.one_of(VALUES, st.lists(st.one_of(CHANGES, VALUES), max_size=4)))
def test_any_patch_is_applied_or_refused(body):
    with contextlib.suppress(errors.ApplianceError):
        entries.checked(patches.edit(body)(entry(1)))


@fuzz(query=QUERIES)
def test_any_question_is_answered_or_refused(query):
    with contextlib.suppress(errors.ApplianceError):
        found = listing.Wanted.of(query, listing.IMAGES).page(
            "/v2/images", "images", [entry(number) for number in range(7)], lambda one: {"id": one.id}
        )
        assert len(found["images"]) <= 7
        assert found["first"].startswith("/v2/images")
