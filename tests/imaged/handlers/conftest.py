"""An image with bytes in it, and the header that says what the bytes are."""

import base64
import hashlib

import pytest


def digest(data: bytes) -> dict[str, str]:
    return {"Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"}


@pytest.fixture
def full(daemon, image):
    image.path.write_bytes(bytes(range(256)) * 4)
    return image
