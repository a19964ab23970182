"""Imports and tasks: from a URL, of what was staged, to another store; what goes wrong, and what is told of it."""

import datetime
import gzip
import hashlib
import secrets

import pytest
import sqlalchemy as sa

from appliance.admin import models, stores
from tests.waiting import wait_for

METHOD = {"name": "glance-direct"}


@pytest.fixture
def data():
    return secrets.token_bytes(300000)


def start(glance, image, said, role="admin"):
    return glance.call("POST", f"/images/{image['id']}/import", said, role=role)


def test_a_task_brings_an_image(glance, source, data, name):
    source.files["/disk.img"] = data

    reply = glance.import_from(f"{source.url}/disk.img", name=name, tags=["lamp", "custom"], os_distro="debian")

    assert reply.status == 201
    assert reply.headers["Location"] == reply.json["self"] == f"/v2/tasks/{reply.json['id']}"
    assert (reply.json["type"], reply.json["message"], reply.json["owner"]) == ("import", "", "ann")
    assert reply.json["input"]["import_from"] == f"{source.url}/disk.img"
    task = glance.ended(reply.json)
    assert (task["status"], set(task["result"])) == ("success", {"image_id"})
    image = glance.show({"id": task["result"]["image_id"]})
    assert (image["name"], image["tags"], image["os_distro"], image["status"]) == (name, ["lamp", "custom"], "debian", "active")
    assert image["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert image["checksum"] == hashlib.md5(data).hexdigest()
    assert glance.call("GET", f"/images/{image['id']}/file").body == data


def test_a_task_ends_with_a_time_to_live_and_is_forgotten_after_it(glance, appliance, source, data):
    source.files["/short.img"] = data
    task = glance.ended(glance.import_from(f"{source.url}/short.img").json)
    ended, expires = (datetime.datetime.fromisoformat(task[field]) for field in ("updated_at", "expires_at"))
    assert (expires - ended).total_seconds() == 48 * 3600

    ground = appliance.admin.tasks._ground
    with ground.database.session() as session:
        session.execute(sa.update(models.Task).where(models.Task.id == task["id"]).values(expires_at=ground.clock.now()))

    assert glance.call("GET", f"/tasks/{task['id']}").status == 404
    appliance.admin.tasks.forget()
    with ground.database.reading() as session:
        assert session.get(models.Task, task["id"]) is None
    assert glance.show({"id": task["result"]["image_id"]})["status"] == "active"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (404, "(it answered 404). Check the address in a browser"),
        (403, "(it answered 403). Use an address that needs no password"),
        (500, "(it answered 500). Wait a little and try again"),
        (b"<html><body>not an image</body></html>", "web page, not an image. Open the address in a browser"),
        (gzip.compress(bytes(100000), mtime=0)[:60], "in the middle of its gzip data. It was not uploaded whole"),
        (b"QFI\xfb\x00\x00\x00\x03" + bytes(1000), "said to be raw. Say what it is as its disk_format"),
    ],
    ids=["404", "403", "500", "a page", "a cut archive", "another format"],
)
def test_a_task_that_fails_says_why_and_leaves_no_image(glance, source, answer, words, name):
    source.files["/bad.img"] = answer

    reply = glance.import_from(f"{source.url}/bad.img?signature=geheim", name=name)

    assert reply.status == 201
    task = glance.ended(reply.json)
    assert (task["status"], task["result"]) == ("failure", None)
    assert words in task["message"]
    assert "geheim" not in task["message"]
    assert task["expires_at"]
    assert glance.list(f"name={name}") == []


def test_a_source_that_is_not_there_fails_the_task(glance):
    task = glance.ended(glance.import_from("http://127.0.0.1:1/x").json)

    assert task["status"] == "failure"
    assert "cannot be reached" in task["message"]


INPUT = {"import_from": "http://127.0.0.1:1/x", "import_from_format": "raw", "image_properties": {}}


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 400),
        ([], 400),
        ({"type": "import"}, 400),
        ({"input": INPUT}, 400),
        ({"type": "export", "input": INPUT}, 400),
        ({"type": "api_image_import", "input": INPUT}, 400),
        ({"type": 7, "input": INPUT}, 400),
        ({"type": "import", "input": INPUT, "status": "success"}, 400),
        ({"type": "import", "input": None}, 400),
        ({"type": "import", "input": []}, 400),
        ({"type": "import", "input": {}}, 400),
        *(({"type": "import", "input": {name: INPUT[name] for name in INPUT if name != left}}, 400) for left in INPUT),
        *(
            ({"type": "import", "input": {**INPUT, "import_from": url}}, 400)
            for url in (
                "file:///etc/passwd",
                "filesystem:///etc",
                "FILE:///etc",
                "ftp://x/y",
                "swift://a/b",
                "x",
                "",
                7,
                "http://user:pw@x/y",
            )
        ),
        ({"type": "import", "input": {**INPUT, "import_from": "http://169.254.169.254/latest"}}, 403),
        ({"type": "import", "input": {**INPUT, "import_from_format": "ploop"}}, 400),
        ({"type": "import", "input": {**INPUT, "import_from_format": ["raw"]}}, 400),
        ({"type": "import", "input": {**INPUT, "image_properties": []}}, 400),
        ({"type": "import", "input": {**INPUT, "image_properties": {"min_ram": "x"}}}, 400),
        ({"type": "import", "input": {**INPUT, "image_properties": {"disk_format": "iso"}}}, 400),
        ({"type": "import", "input": {**INPUT, "image_properties": {"owner": "ulf"}}}, 403),
    ],
    ids=str,
)
def test_a_task_that_cannot_be_is_refused_and_not_there(glance, said, status):
    before = len(glance.call("GET", "/tasks?limit=1000").json["tasks"]), len(glance.list("limit=1000"))

    reply = glance.call("POST", "/tasks", said)

    assert reply.status == status, reply.text
    assert reply.json["error"]["message"]
    assert (len(glance.call("GET", "/tasks?limit=1000").json["tasks"]), len(glance.list("limit=1000"))) == before


def test_a_secret_in_a_query_is_not_shown(glance, source, data):
    source.files["/signed.img"] = data

    task = glance.import_from(f"{source.url}/signed.img?signature=geheim").json

    assert "geheim" not in glance.call("GET", f"/tasks/{task['id']}").text
    assert glance.ended(task)["status"] == "success"


def test_tasks_are_listed_without_what_they_were_asked(glance, source, data):
    source.files["/listed.img"] = data
    task = glance.ended(glance.import_from(f"{source.url}/listed.img").json)

    answer = glance.call("GET", "/tasks?status=success&type=import&limit=1&sort_key=created_at&sort_dir=desc").json

    assert answer["schema"] == "/v2/schemas/tasks"
    assert answer["tasks"][0]["id"] == task["id"]
    assert not {"input", "result", "message"} & set(answer["tasks"][0])
    assert answer["first"].startswith("/v2/tasks?")


@pytest.mark.parametrize(
    "query",
    ["limit=x", "limit=-1", "marker=x", "sort_key=input", "sort_dir=up", "status=good", "type=export", "other=x"],
)
def test_a_question_for_tasks_that_cannot_be_understood_is_400(glance, query):
    assert glance.call("GET", f"/tasks?{query}").status == 400


def test_a_task_is_its_owners_and_an_administrators(glance, source, data):
    source.files["/own.img"] = data
    task = glance.import_from(f"{source.url}/own.img", role="uploader").json
    path = f"/tasks/{task['id']}"

    assert [glance.call("GET", path, role=role).status for role in ("uploader", "admin", "other", "viewer")] == [200, 200, 404, 404]
    assert task["id"] not in [found["id"] for found in glance.call("GET", "/tasks?limit=1000", role="other").json["tasks"]]
    assert glance.import_from(f"{source.url}/own.img", role="viewer").status == 403
    assert glance.ended(task)["status"] == "success"


def test_an_image_is_fetched_from_a_url(glance, source, data):
    source.files["/web.img"] = data
    image = glance.create()

    reply = start(glance, image, {"method": {"name": "web-download", "uri": f"{source.url}/web.img"}})

    assert reply.status == 202
    found = glance.active(image)
    assert found["os_hash_value"] == hashlib.sha512(data).hexdigest()
    tasks = glance.call("GET", f"/images/{image['id']}/tasks").json["tasks"]
    assert [(task["type"], task["status"], task["image_id"]) for task in tasks] == [("api_image_import", "success", image["id"])]


def test_a_packed_image_is_unpacked_as_it_comes(glance, source, data):
    source.files["/packed.img.gz"] = gzip.compress(data)
    image = glance.create()

    start(glance, image, {"method": {"name": "web-download", "uri": f"{source.url}/packed.img.gz"}})

    assert glance.active(image)["os_hash_value"] == hashlib.sha512(data).hexdigest()


def test_an_import_that_fails_leaves_the_image_queued_for_another(glance, source, data):
    image = glance.create()

    reply = start(glance, image, {"method": {"name": "web-download", "uri": f"{source.url}/missing.img"}})

    assert reply.status == 202
    [task] = glance.call("GET", f"/images/{image['id']}/tasks").json["tasks"]
    assert (task["status"], glance.show(image)["status"]) == ("failure", "queued")
    assert "answered 404" in task["message"]
    source.files["/found.img"] = data
    start(glance, image, {"method": {"name": "web-download", "uri": f"{source.url}/found.img"}})
    assert glance.active(image)["size"] == len(data)


def test_an_image_that_is_deleted_while_it_is_imported_is_gone(glance, appliance, source):
    source.files["/slow.img"] = secrets.token_bytes(20 << 20)
    image = glance.create()
    start(glance, image, {"method": {"name": "web-download", "uri": f"{source.url}/slow.img"}})

    def deleted():
        return glance.call("DELETE", f"/images/{image['id']}").status in (204, 404)

    wait_for(deleted, "the image to be deleted")

    assert glance.call("GET", f"/images/{image['id']}").status == 404
    wait_for(lambda: appliance.call("GET", f"/images/{image['id']}").status == 404, "its bytes to be gone")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 400),
        ([], 400),
        ({"method": "glance-direct"}, 400),
        ({"method": {}}, 400),
        ({"method": {"name": "glance-download"}}, 400),
        ({"method": {"name": 7}}, 400),
        ({"method": METHOD}, 409),
        ({"method": {"name": "copy-image"}, "stores": ["more"]}, 409),
        ({"method": {"name": "copy-image"}}, 400),
        ({"method": {"name": "web-download"}}, 400),
        ({"method": {"name": "web-download", "uri": 7}}, 400),
        ({"method": {"name": "web-download", "uri": "file:///etc/passwd"}}, 400),
        ({"method": {"name": "web-download", "uri": "http://[::ffff:169.254.169.254]/"}}, 403),
        ({"method": {"name": "web-download", "uri": "http://127.0.0.1:1/x"}, "stores": ["nowhere"]}, 400),
        ({"method": {"name": "web-download", "uri": "http://127.0.0.1:1/x"}, "stores": ["data", "more"]}, 400),
        ({"method": {"name": "web-download", "uri": "http://127.0.0.1:1/x"}, "all_stores": True}, 400),
        ({"method": METHOD, "stores": "data"}, 400),
        ({"method": METHOD, "stores": [7]}, 400),
        ({"method": METHOD, "all_stores": "yes"}, 400),
        ({"method": METHOD, "all_stores_must_succeed": 1}, 400),
        ({"method": METHOD, "all_stores": True, "stores": ["data"]}, 400),
    ],
    ids=str,
)
def test_an_import_that_cannot_be_is_refused_and_the_image_stays_queued(glance, said, status):
    image = glance.create()

    reply = start(glance, image, said)

    assert reply.status == status, reply.text
    assert glance.show(image)["status"] == "queued"
    assert glance.call("GET", f"/images/{image['id']}/tasks").json["tasks"] == []


@pytest.mark.parametrize("staged", [True, False])
def test_all_stores_are_the_one_that_takes_such_an_image(glance, source, monkeypatch, data, staged):
    monkeypatch.setattr(stores, "taking", lambda domains, format: [domain for domain in domains if domain.name == "data"])
    source.files["/all.img"] = data
    image = glance.create()
    if staged:
        assert glance.call("PUT", f"/images/{image['id']}/stage", data).status == 204
    method = METHOD if staged else {"name": "web-download", "uri": f"{source.url}/all.img"}

    assert start(glance, image, {"method": method, "all_stores": True}).status == 202

    assert glance.active(image)["stores"] == "data"


def test_a_password_in_a_url_is_told_where_it_can_be_given(glance):
    reply = start(glance, glance.create(), {"method": {"name": "web-download", "uri": "http://user:geheim@127.0.0.1/x"}})

    assert reply.status == 400
    assert "POST /api/v1/imports" in reply.json["error"]["message"]
    assert "geheim" not in reply.text


def test_formats_are_known_before_an_import(glance):
    image = glance.create(disk_format=None)

    assert start(glance, image, {"method": {"name": "web-download", "uri": "http://127.0.0.1:1/x"}}).status == 400


def test_an_active_image_is_not_fetched_again(glance):
    image = glance.image()

    assert start(glance, image, {"method": {"name": "web-download", "uri": "http://127.0.0.1:1/x"}}).status == 409
    assert start(glance, image, {"method": METHOD}).status == 409


def test_bytes_that_are_no_image_fail_the_import_of_what_was_staged(glance):
    image = glance.create(disk_format="qcow2")
    assert glance.call("PUT", f"/images/{image['id']}/stage", b"no qcow2 at all").status == 204

    assert start(glance, image, {"method": METHOD}).status == 202

    [task] = glance.call("GET", f"/images/{image['id']}/tasks").json["tasks"]
    assert glance.ended(task)["status"] == "failure"
    assert "Say what it is as its disk_format" in glance.ended(task)["message"]
    wait_for(lambda: glance.show(image)["status"] == "queued", "the image to be queued again")


def test_a_copy_is_in_two_stores_and_still_one_image(glance, appliance, data):
    image = glance.image(data)

    reply = start(glance, image, {"method": {"name": "copy-image"}, "stores": ["more"]})

    assert reply.status == 202
    [task] = glance.call("GET", f"/images/{image['id']}/tasks").json["tasks"]
    task = glance.ended(task)
    assert (task["status"], task["result"]) == ("success", {"image_id": image["id"]})
    assert glance.show(image)["stores"] == "data,more"
    digest = hashlib.sha256(data).hexdigest()
    copies = [found for found in appliance.admin.images.page(limit=500).items if found.sha256 == digest]
    assert {copy.domain.name for copy in copies} == {"data", "more"}
    assert len(glance.list(f"os_hash_value={image['os_hash_value']}")) == 1

    assert start(glance, image, {"method": {"name": "copy-image"}, "stores": ["more"]}).status == 400
    assert glance.call("DELETE", f"/images/{image['id']}").status == 204
    assert [appliance.call("GET", f"/images/{copy.id}").status for copy in copies] == [404, 404]


def test_a_copy_to_all_stores_leaves_out_those_that_do_not_take_it(glance, data):
    image = glance.image(data)

    assert start(glance, image, {"method": {"name": "copy-image"}, "all_stores": True}).status == 202

    wait_for(lambda: glance.show(image)["stores"] == "data,more", "the copy", 60)


def test_a_store_for_isos_takes_no_copy_of_a_disk(glance):
    image = glance.image()

    assert start(glance, image, {"method": {"name": "copy-image"}, "stores": ["iso"]}).status == 400
    assert start(glance, image, {"method": {"name": "copy-image"}, "stores": ["nowhere"]}).status == 400
