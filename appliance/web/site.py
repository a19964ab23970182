"""Pages, static files and API as one CherryPy application. CherryPy serves the request; what to do with it stands in our own tables."""

import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import cherrypy
import webob
from cherrypy import _cprequest

from appliance.admin import Admin
from appliance.config import Config
from appliance.web import answers, assets, downloads, metrics, pages, problems, security
from appliance.web.api import dispatch, routes

STATIC = pathlib.Path(__file__).parents[1] / "static"


def application(admin: Admin, config: Config, *, csrf_key: bytes, download: downloads.Downloads):
    """The WSGI application of the pages (`/login`, `/`, …), static files, `/ca.pem` and the API (`/api/v1/…`).

    `csrf_key` is a secret that outlives restarts (32 bytes or more). /sessions and /images, and the security headers, are
    added by web.server.together.
    """
    csrf = security.Csrf(csrf_key)
    static = assets.Assets(STATIC)
    site = Site(
        dispatch.Api(admin, csrf, download, config.max_json_bytes),
        pages.Pages(
            admin,
            csrf,
            static,
            lifetime=config.login_lifetime,
            ca=config.state_dir / "ca" / "ca.pem",
            behind_proxy=config.http,
        ),
        static,
        metrics.Metrics(admin),
    )
    mounted = cherrypy.Application(None, "", {"/": {"request.dispatch": site}})
    mounted.request_class = Request
    # Neither request lines nor headers belong in a log that nobody asked for: problems.py logs what went wrong.
    mounted.log.access_log.disabled = True
    return mounted


def _refuse(**_facts: str) -> bytes | Iterator[bytes | memoryview]:
    """CherryPy's error page: for what it refuses before, or breaks at after, our handlers, which never raise."""
    error = sys.exc_info()[1]
    return problems.answer(error if isinstance(error, Exception) else RuntimeError("An error page without an error")).send()


class Request(_cprequest.Request):
    """CherryPy's request, without what it would do by itself: read the body, parse the query, show tracebacks, draw error pages."""

    process_request_body = False
    show_tracebacks = False
    error_page = {"default": _refuse}

    def process_query_string(self) -> None:
        """Left to the routes, which know what they expect."""


class Site:
    """The dispatcher: finds who answers a path."""

    def __init__(self, api: dispatch.Api, frame: pages.Pages, static: assets.Assets, counted: metrics.Metrics):
        self._api = api
        self._pages = frame
        self._static = static
        self._metrics = counted

    def __call__(self, path: str) -> None:
        """CherryPy's protocol: gives this thread's request its handler and its configuration."""
        request: Any = cherrypy.serving.request
        request.config = {}
        request.handler = lambda: self.answer(webob.Request(request.wsgi_environ), path).send()

    def answer(self, request: webob.Request, path: str) -> answers.Answer:
        """The answer to any request; never raises."""
        if path == "/api" or path.startswith("/api/"):
            # Outside of the prefix the API's own table knows nothing: 404 as a problem, not as a page.
            return self._api.answer(request, path.removeprefix(routes.PREFIX) if path.startswith(routes.PREFIX + "/") else "")
        if path.startswith(assets.PREFIX):
            try:
                return self._static.answer(request, path.removeprefix(assets.PREFIX))
            except Exception as error:
                return self._pages.failed(request, error)
        if path == metrics.PATH:
            return self._metrics.answer(request)
        return self._pages.answer(request, path)
