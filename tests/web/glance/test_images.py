"""/v2/images: what is said of images, by whom, and how it changes."""

import uuid

import pytest

ID = "11111111-2222-4333-8444-555555555555"


def test_a_new_image_is_queued_and_says_what_can_be_done(glance):
    reply = glance.call("POST", "/images", {"name": "new", "os_distro": "debian", "tags": ["a", "b"], "min_ram": 512})

    assert reply.status == 201
    assert reply.headers["Location"] == f"/v2/images/{reply.json['id']}" == reply.json["self"]
    assert reply.headers["OpenStack-image-import-methods"] == "glance-direct,web-download,copy-image"
    assert set(reply.headers["OpenStack-image-store-ids"].split(",")) == {"data", "iso", "more"}
    image = reply.json
    assert (image["status"], image["visibility"], image["owner"], image["os_distro"]) == ("queued", "shared", "ann", "debian")
    assert (image["tags"], image["min_ram"], image["min_disk"], image["protected"], image["size"]) == (["a", "b"], 512, 0, False, None)
    assert image["file"] == f"{image['self']}/file"
    assert "stores" not in image


def test_its_id_may_be_chosen_once(glance):
    chosen = str(uuid.uuid4())

    assert glance.create(id=chosen)["id"] == chosen
    assert glance.call("POST", "/images", {"id": chosen}).status == 409


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ([], 400),
        ({"id": "no uuid"}, 400),
        ({"id": 7}, 400),
        ({"name": 7}, 400),
        ({"name": "a/b"}, 400),
        ({"name": "x" * 256}, 400),
        ({"disk_format": "ploop"}, 400),
        ({"container_format": "docker"}, 400),
        ({"visibility": "secret"}, 400),
        ({"min_disk": -1}, 400),
        ({"min_disk": "1"}, 400),
        ({"min_ram": True}, 400),
        ({"min_ram": 1 << 40}, 400),
        ({"protected": "yes"}, 400),
        ({"tags": "a"}, 400),
        ({"tags": [1]}, 400),
        ({"tags": ["x" * 256]}, 400),
        ({"tags": [str(number) for number in range(129)]}, 400),
        ({"anything": 7}, 400),
        ({"anything": "\x07"}, 400),
        ({"x" * 256: "y"}, 400),
        ({str(number): "" for number in range(129)}, 400),
        ({"status": "active"}, 403),
        ({"size": 7}, 403),
        ({"owner": "ulf"}, 403),
        ({"locations": []}, 403),
        ({"os_hash_value": "0"}, 403),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_said_of_an_image_is_refused(glance, said, status):
    before = len(glance.list("limit=1000"))

    reply = glance.call("POST", "/images", said)

    assert reply.status == status
    assert reply.json["error"]["code"] == status
    assert len(glance.list("limit=1000")) == before


def test_a_body_that_is_no_json_is_400_and_another_type_415(glance):
    assert glance.call("POST", "/images", b"{", Content_Type="application/json").status == 400
    assert glance.call("POST", "/images", b"{}", Content_Type="text/plain").status == 415
    assert glance.call("POST", "/images", b"x" * 70000, Content_Type="application/json").status == 413
    assert glance.call("POST", "/images").status == 400


def test_a_patch_changes_adds_and_removes(glance):
    image = glance.create(color="red", shape="round")

    reply = glance.patch(
        image,
        {"op": "replace", "path": "/name", "value": "new name"},
        {"op": "add", "path": "/a~1b", "value": "slashed"},
        {"op": "replace", "path": "/color", "value": "blue"},
        {"op": "remove", "path": "/shape"},
        {"op": "replace", "path": "/tags", "value": ["x"]},
        {"op": "add", "path": "/protected", "value": True},
    )

    assert reply.status == 200, reply.text
    found = glance.show(image)
    assert reply.json == found
    assert (found["name"], found["a/b"], found["color"], found["tags"], found["protected"]) == ("new name", "slashed", "blue", ["x"], True)
    assert "shape" not in found


def test_a_patch_without_changes_changes_nothing(glance):
    image = glance.create()

    assert glance.patch(image).json["name"] == image["name"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ("text", 400),
        ({}, 400),
        ({"op": "move", "from": "/name", "path": "/x"}, 400),
        ({"op": "test", "path": "/name", "value": "x"}, 400),
        ({"op": "add", "path": "/x"}, 400),
        ({"op": "add", "path": "name", "value": "x"}, 400),
        ({"op": "add", "path": "/", "value": "x"}, 400),
        ({"op": "add", "path": "/tags/-", "value": "x"}, 400),
        ({"op": "add", "path": "/a~2", "value": "x"}, 400),
        ({"op": "add", "path": "/a~", "value": "x"}, 400),
        ({"op": "add", "path": 7, "value": "x"}, 400),
        ({"op": "add", "path": "/x", "value": 7}, 400),
        ({"op": "replace", "path": "/visibility", "value": "x"}, 400),
        ({"op": "replace", "path": "/nothing", "value": "x"}, 409),
        ({"op": "remove", "path": "/nothing"}, 409),
        ({"op": "remove", "path": "/name"}, 403),
        ({"op": "replace", "path": "/id", "value": ID}, 403),
        ({"op": "replace", "path": "/status", "value": "active"}, 403),
        ({"op": "replace", "path": "/owner", "value": "ulf"}, 403),
        ({"op": "add", "path": "/locations", "value": []}, 403),
    ],
    ids=str,
)
def test_a_change_that_cannot_be_is_refused_and_those_beside_it_with_it(glance, change, status):
    image = glance.create()

    reply = glance.patch(image, {"op": "replace", "path": "/name", "value": "changed"}, change)

    assert reply.status == status
    assert glance.show(image)["name"] == image["name"]


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json-patch+json", "application/openstack-images-v2.0-json-patch", "text/plain"]
)
def test_a_patch_of_another_type_is_415(glance, content_type):
    assert glance.patch(glance.create(), content_type=content_type).status == 415


def test_a_patch_that_is_no_list_is_400(glance):
    image = glance.create()

    reply = glance.call("PATCH", f"/images/{image['id']}", {"op": "remove"}, Content_Type="application/openstack-images-v2.1-json-patch")

    assert reply.status == 400


def test_what_the_bytes_are_is_not_said_afterwards(glance):
    image = glance.image()

    assert glance.patch(image, {"op": "replace", "path": "/disk_format", "value": "qcow2"}).status == 403
    assert glance.patch(image, {"op": "replace", "path": "/disk_format", "value": "raw"}).status == 200


def test_renaming_an_image_renames_it_everywhere(glance, appliance, name):
    image = glance.image()

    glance.patch(image, {"op": "replace", "path": "/name", "value": name})

    assert appliance.call("GET", f"/images/{image['id']}").json["name"] == name


def test_tags_come_and_go_one_by_one(glance):
    image = glance.create(tags=["a"])

    assert glance.call("PUT", f"/images/{image['id']}/tags/b%20c").status == 204
    assert glance.call("PUT", f"/images/{image['id']}/tags/a").status == 204
    assert glance.show(image)["tags"] == ["a", "b c"]
    assert glance.call("DELETE", f"/images/{image['id']}/tags/a").status == 204
    assert glance.call("DELETE", f"/images/{image['id']}/tags/a").status == 404
    assert glance.show(image)["tags"] == ["b c"]


@pytest.mark.parametrize(("sent", "tag"), [("%C3%A9", "é"), ("a%2Fb", "a/b"), ("a%2fb", "a/b"), ("50%25", "50%")])
def test_a_tag_in_an_address_may_be_any_text(glance, sent, tag):
    image = glance.create()

    assert glance.call("PUT", f"/images/{image['id']}/tags/{sent}").status == 204
    assert glance.show(image)["tags"] == [tag]
    assert glance.call("DELETE", f"/images/{image['id']}/tags/{sent}").status == 204
    assert glance.show(image)["tags"] == []


@pytest.mark.parametrize("sent", ["%E9", "x" * 256, "%00"], ids=["no UTF-8", "too long", "no text"])
def test_a_tag_that_cannot_be_is_400(glance, sent):
    image = glance.create()

    assert glance.call("PUT", f"/images/{image['id']}/tags/{sent}").status == 400
    assert glance.show(image)["tags"] == []


def test_what_every_image_has_is_not_removed(glance):
    told = glance.patch(glance.create(), {"op": "remove", "path": "/name"}).json["error"]["message"]

    assert told == "name cannot be removed: every image has it. Replace its value instead."


def test_deleting_removes_the_image_and_its_bytes(glance, appliance):
    image = glance.image()
    path = appliance.call("GET", f"/images/{image['id']}").json["path"]

    assert glance.call("DELETE", f"/images/{image['id']}").status == 204

    assert glance.call("GET", f"/images/{image['id']}").status == 404
    assert appliance.call("GET", f"/images/{image['id']}").status == 404
    assert not (appliance.directory / path).exists()


def test_an_image_without_bytes_can_be_deleted(glance):
    image = glance.create()

    assert glance.call("DELETE", f"/images/{image['id']}").status == 204
    assert glance.call("DELETE", f"/images/{image['id']}").status == 404


def test_a_protected_image_is_not_deleted(glance):
    image = glance.image(protected=True)

    assert glance.call("DELETE", f"/images/{image['id']}").status == 403
    glance.patch(image, {"op": "replace", "path": "/protected", "value": False})
    assert glance.call("DELETE", f"/images/{image['id']}").status == 204


def test_what_the_pages_delete_is_gone_here(glance, appliance):
    image = glance.image()

    assert appliance.call("DELETE", f"/images/{image['id']}").status == 204

    assert glance.call("GET", f"/images/{image['id']}").status == 404


def test_an_image_of_the_browser_is_an_image_here(glance, appliance, name):
    made = appliance.image(b"from a page", name=name)

    image = glance.show(made)

    assert (image["name"], image["status"], image["visibility"], image["size"]) == (name, "active", "public", 11)
    assert (image["checksum"], image["os_hash_algo"], image["os_hash_value"]) == (None, None, None)
    assert glance.call("GET", f"/images/{made['id']}/file").body == b"from a page"
    assert glance.patch(image, {"op": "add", "path": "/color", "value": "red"}).json["color"] == "red"
    assert glance.show(made)["created_at"] == image["created_at"]


@pytest.mark.parametrize("visibility", ["private", "shared"])
def test_what_is_not_open_is_for_its_owner_and_administrators(glance, visibility):
    image = glance.create("uploader", visibility=visibility)
    path = f"/images/{image['id']}"

    assert [glance.call("GET", path, role=role).status for role in ("uploader", "admin", "other", "viewer")] == [200, 200, 404, 404]
    assert image["id"] not in [found["id"] for found in glance.list("limit=1000", role="other")]
    assert glance.patch(image, {"op": "add", "path": "/x", "value": "y"}, role="other").status == 404
    assert glance.call("DELETE", path, role="other").status == 404


def test_a_public_image_is_in_everybodys_list_and_its_owners_to_change(glance):
    image = glance.create(visibility="public")

    assert image["id"] in [found["id"] for found in glance.list("limit=1000", role="viewer")]
    assert glance.patch(image, {"op": "add", "path": "/x", "value": "y"}, role="uploader").status == 403
    assert glance.call("DELETE", f"/images/{image['id']}", role="uploader").status == 403
    assert glance.call("PUT", f"/images/{image['id']}/file", b"x", role="uploader").status == 403


def test_a_community_image_is_found_by_who_asks_for_it(glance):
    image = glance.create("uploader", visibility="community")

    assert image["id"] not in [found["id"] for found in glance.list("limit=1000", role="other")]
    assert image["id"] in [found["id"] for found in glance.list("limit=1000&visibility=community", role="other")]
    assert image["id"] in [found["id"] for found in glance.list("limit=1000", role="uploader")]
    assert glance.call("GET", f"/images/{image['id']}", role="other").status == 200


def test_only_an_administrator_makes_images_public(glance):
    image = glance.create("uploader")

    assert glance.call("POST", "/images", {"visibility": "public"}, role="uploader").status == 403
    assert glance.patch(image, {"op": "replace", "path": "/visibility", "value": "public"}, role="uploader").status == 403
    assert glance.patch(image, {"op": "replace", "path": "/visibility", "value": "public"}).status == 200


def test_who_may_only_look_makes_no_image(glance):
    assert glance.call("POST", "/images", {"name": "x"}, role="viewer").status == 403
