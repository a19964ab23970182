"""Lists of images: filtered, sorted, in pages."""

import datetime
import types
import urllib.parse

import pytest

from appliance.web.glance import listing


@pytest.fixture(scope="module")
def three(appliance):
    """Three images that nothing else is like."""
    from tests.web.glance.conftest import Glance

    glance = Glance(appliance)
    mark = {"mark": "of three"}
    return [
        glance.image(b"1" * 10, name="Beta", tags=["x", "y"], **mark),
        glance.image(b"2" * 30, name="alpha", tags=["x"], min_ram=5, **mark),
        glance.create(name="gamma, delta", disk_format="qcow2", protected=True, **mark),
    ]


def names(glance, query: str) -> list[str]:
    return [image["name"] for image in glance.list(f"mark=of%20three&{query}")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["gamma, delta", "alpha", "Beta"]),
        ("name=alpha", ["alpha"]),
        ("name=neq:alpha", ["gamma, delta", "Beta"]),
        ('name=in:alpha,"gamma, delta"', ["gamma, delta", "alpha"]),
        ("status=active", ["alpha", "Beta"]),
        ("status=in:queued,saving", ["gamma, delta"]),
        ("tag=x", ["alpha", "Beta"]),
        ("tag=x&tag=y", ["Beta"]),
        ("size_min=11", ["alpha"]),
        ("size_max=29", ["Beta"]),
        ("size_min=10&size_max=10", ["Beta"]),
        ("min_ram=5", ["alpha"]),
        ("disk_format=qcow2", ["gamma, delta"]),
        ("container_format=bare&disk_format=in:raw,iso", ["alpha", "Beta"]),
        ("owner=ann", ["gamma, delta", "alpha", "Beta"]),
        ("owner=ulf", []),
        ("visibility=shared", ["gamma, delta", "alpha", "Beta"]),
        ("visibility=all&protected=true", ["gamma, delta"]),
        ("visibility=public", []),
        ("os_hidden=true", []),
        ("created_at=gt:2020-01-01T00:00:00Z", ["gamma, delta", "alpha", "Beta"]),
        ("updated_at=lte:2020-01-01", []),
        ("other=thing", []),
        ("sort=name:asc", ["alpha", "Beta", "gamma, delta"]),
        ("sort=status:asc,name:desc", ["Beta", "alpha", "gamma, delta"]),
        ("sort_key=size&sort_dir=desc", ["alpha", "Beta", "gamma, delta"]),
        ("sort_key=status&sort_key=name&sort_dir=asc", ["alpha", "Beta", "gamma, delta"]),
        ("limit=0", []),
        ("limit=2", ["gamma, delta", "alpha"]),
    ],
)
def test_a_list_has_what_was_asked_for_in_its_order(glance, three, query, found):
    assert names(glance, urllib.parse.quote(query, safe="=&")) == found


def test_an_image_is_found_by_its_id(glance, three):
    wanted = [three[0]["id"], three[2]["id"]]

    assert {image["id"] for image in glance.list(f"id=in:{','.join(wanted)}")} == set(wanted)
    assert glance.list(f"os_hash_value={three[0]['os_hash_value']}&mark=of%20three")[0]["id"] == three[0]["id"]


def test_pages_lead_from_one_to_the_next(glance, three):
    answer = glance.call("GET", "/images?mark=of%20three&limit=2&sort=name:asc").json
    assert answer["first"] == "/v2/images?mark=of+three&limit=2&sort=name%3Aasc"

    following = glance.call("GET", answer["next"].removeprefix("/v2")).json

    assert [image["name"] for image in answer["images"] + following["images"]] == ["alpha", "Beta", "gamma, delta"]
    assert "next" not in following
    assert following["schema"] == "/v2/schemas/images"


@pytest.mark.parametrize("limit", ["1001", "99999999999", "9" * 5000])
def test_a_limit_above_the_most_is_the_most_and_leads_on(limit):
    now = datetime.datetime.now(datetime.UTC)
    tasks = [types.SimpleNamespace(id=f"{number:04}", created_at=now) for number in range(1001)]

    first = listing.Wanted.of([("limit", limit)], listing.TASKS).page("/v2/tasks", "tasks", tasks, vars)
    query = urllib.parse.parse_qsl(first["next"].partition("?")[2])
    second = listing.Wanted.of(query, listing.TASKS).page("/v2/tasks", "tasks", tasks, vars)

    assert query == [("limit", limit), ("marker", "0001")]
    assert (len(first["tasks"]), [task["id"] for task in second["tasks"]], "next" in second) == (1000, ["0000"], False)


def test_a_page_goes_on_behind_an_image_that_is_not_asked_for_any_more(glance, three):
    marker = three[1]["id"]

    assert names(glance, f"sort=name:asc&status=queued&marker={marker}") == ["gamma, delta"]
    assert names(glance, f"sort=name:desc&status=queued&marker={marker}") == []


def test_hidden_images_are_for_who_asks_for_them(glance, name):
    image = glance.create(os_hidden=True, name=name)

    assert glance.list(f"name={name}") == []
    assert glance.list(f"name={name}&os_hidden=true")[0]["id"] == image["id"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=x",
        "limit=1e3",
        "limit=",
        "limit=%D9%A1",
        "limit=1&limit=2",
        "marker=nothing",
        "marker=11111111-2222-4333-8444-555555555555",
        "sort=nothing",
        "sort=name:up",
        "sort=name:asc&sort_key=name",
        "sort_key=nothing",
        "sort_key=self",
        "sort_dir=up",
        "sort_key=name&sort_dir=asc&sort_dir=asc",
        "visibility=secret",
        "member_status=x",
        "status=good",
        "status=in:active,good",
        "size_min=x",
        "size_max=-1",
        "min_ram=much",
        "protected=maybe",
        "os_hidden=maybe",
        "created_at=yesterday",
        "created_at=gt:x",
        'name=in:"a',
        "name=a&name=b",
        "name=%ff",
        "&".join(f"a{number}=b" for number in range(60)),
    ],
    ids=lambda query: query[:40],
)
def test_a_question_that_cannot_be_understood_is_400(glance, query):
    reply = glance.call("GET", f"/images?{query}")

    assert reply.status == 400
    assert reply.json["error"]["message"]
