"""The native API, over real sockets, with the real administration and a real host behind it."""

import base64
import hashlib
import secrets


def test_me_tells_who_asks(appliance):
    reply = appliance.call("GET", "/me", role="viewer")

    assert reply.json == {"name": "vera", "role": "viewer", "csrf_token": ""}


def test_a_whole_upload_becomes_an_image_that_downloads_the_same(appliance):
    data = secrets.token_bytes(300_000)
    image = appliance.image(data)

    assert image["sha256"] == hashlib.sha256(data).hexdigest()
    reply = appliance.call("GET", f"/images/{image['id']}/data")
    assert (reply.status, reply.body) == (200, data)
    assert reply.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"
    assert reply.headers["Content-Length"] == str(len(data))
