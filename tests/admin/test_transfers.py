"""The life of an upload, as its user sees it."""

import hashlib

import pytest

from appliance import errors
from appliance.admin import views
from tests.admin.house import disk


def test_an_upload_becomes_a_good_image(house):
    data = disk()

    transfer = house.upload(data=data, sha256=hashlib.sha256(data).hexdigest())

    assert transfer.phase == "finished_success"
    image = house.admin.images.get(transfer.image_id)
    assert (image.status, image.name, image.sha256) == ("ok", "disk", hashlib.sha256(data).hexdigest())
    with open(image.path, "rb") as stored:
        assert stored.read() == data
