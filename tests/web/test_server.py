"""Which application answers, and which answers bytes give way to."""

import pytest
import webob

from appliance.web import server


@pytest.mark.parametrize(
    ("path", "face", "polite"),
    [
        ("/", "site", True),
        ("/api/v1/transfers/1/heartbeat", "site", True),
        ("/ovirt-engine/api", "engine", True),
        ("/v2/images", "glance", True),
        ("/images/1", "images", False),
        ("/sessions", "images", False),
        ("/info/", "images", False),
    ],
)
def test_bytes_give_way_to_all_answers_but_those_about_bytes(path, face, polite):
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

    one(webob.Request.blank(path).environ, lambda *_: None)

    assert answered == [(face, polite)] and not inside
