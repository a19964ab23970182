"""Which application answers, and which answers bytes give way to."""

import pytest
import webob

from appliance.web import server


@pytest.mark.parametrize(
    ("path", "content_type", "face", "polite"),
    [
        ("/", None, "site", True),
        ("/api/v1/transfers/1/heartbeat", None, "site", True),
        ("/ovirt-engine/api", None, "engine", True),
        ("/v2/images", None, "glance", True),
        ("/v2/images/1/file", "application/json", "glance", True),
        ("/v2/images/1/file", "application/octet-stream", "glance", False),
        ("/images/1", None, "images", False),
        ("/sessions", None, "images", False),
        ("/info/", None, "images", False),
    ],
)
def test_bytes_give_way_to_all_answers_but_those_about_bytes(path, content_type, face, polite):
    inside, answered = [], []

    class Polite:
        def __enter__(self):
            inside.append(True)

        def __exit__(self, *_):
            inside.pop()

    def application(name):
        def answer(_environ, start_response):
            answered.append((name, bool(inside)))
            start_response("204 No Content", [])
            return []

        return answer

    one = server.together(*map(application, ("site", "images", "engine", "glance")), Polite())

    one(webob.Request.blank(path, content_type=content_type).environ, lambda *_: None)

    assert answered == [(face, polite)] and not inside
