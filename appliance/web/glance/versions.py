"""/versions, and / for programs: which versions of the image API this is. For everybody: clients ask it before they show a token."""

import webob

from appliance import errors
from appliance.web import answers

PATHS = ("", "/versions", "/v2")
#: Of version 2, the minor ones up to the one whose calls are all here: clients look for tasks of an image by exactly this name.
NEWEST = 12


def asked(request: webob.Request) -> bool:
    return request.environ["PATH_INFO"].rstrip("/") in PATHS


def answer(request: webob.Request) -> answers.Answer:
    """Raises MethodNotAllowed."""
    if request.method not in ("GET", "HEAD"):
        raise errors.MethodNotAllowed(method=request.method, allowed="GET, HEAD")
    # A path: how we were reached from where the client is, we do not know.
    links = [{"rel": "self", "href": "/v2/"}]
    versions = [
        {"id": f"v2.{minor}", "status": "CURRENT" if minor == NEWEST else "SUPPORTED", "links": links} for minor in range(NEWEST, -1, -1)
    ]
    return answers.of_json({"versions": versions})
