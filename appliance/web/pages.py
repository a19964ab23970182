"""The pages: login, logout, and one frame in which the modules of static/js/ show everything else."""

import importlib.metadata
import pathlib
import re
import urllib.parse
from collections.abc import Callable

import jinja2
import webob

from appliance import errors
from appliance.admin import Admin
from appliance.web import answers, assets, bodies, problems, security, visitors

TEMPLATES = pathlib.Path(__file__).parents[1] / "templates"

#: A login form is small.
MAX_FORM_BYTES = 16 << 10

#: The addresses that are views of the one frame, and the titles that they begin with.
VIEWS = {
    r"/": "Overview",
    r"/library": "Images",
    r"/library/[A-Za-z0-9-]{1,64}": "Image",
    r"/domains/[A-Za-z0-9-]{1,64}": "Storage domain",
    r"/hosts": "Hosts",
    r"/events": "Events",
    r"/settings": "Settings",
}


class Pages:
    """`lifetime` is a login's, in seconds; `ca` the file with the certificate that browsers may be told to trust.

    `behind_proxy` tells that requests come from a reverse proxy on this machine, which names the client's address.
    """

    def __init__(
        self, admin: Admin, csrf: security.Csrf, static: assets.Assets, *, lifetime: float, ca: pathlib.Path, behind_proxy: bool = False
    ):
        self._admin = admin
        self._csrf = csrf
        self._lifetime = lifetime
        self._ca = ca
        self._behind_proxy = behind_proxy
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["static"] = static.url
        self._templates.globals["version"] = importlib.metadata.version("image-appliance")
        self._fixed: dict[str, dict[str, Callable[[webob.Request], answers.Answer]]] = {
            "/login": {"GET": self._login_form, "POST": self._login},
            "/logout": {"POST": self._logout},
            "/ca.pem": {"GET": self._certificate},
        }

    def answer(self, request: webob.Request, path: str) -> answers.Answer:
        """The answer to a request for any address that is not the API's or a static file's; errors are pages, or problems for scripts."""
        try:
            return self._answer(request, path)
        except Exception as error:
            return self.failed(request, error)

    def failed(self, request: webob.Request, error: Exception) -> answers.Answer:
        """An error as a page in the frame, to those who read pages; a problem to others."""
        if "text/html" not in request.headers.get("Accept", ""):
            return problems.answer(error)
        told = problems.explained(error)
        text = self._render(
            "error.html",
            title=problems.title(told),
            status=told.status,
            detail=told.sentence,
            hint=told.advice,
            id=problems.new_id(error),
        )
        answer = answers.of_page(text, told.status)
        answer.headers.update(problems.headers(told))
        return answer

    def _answer(self, request: webob.Request, path: str) -> answers.Answer:
        fixed = self._fixed.get(path)
        if fixed:
            handler = fixed.get("GET" if request.method == "HEAD" else request.method)
            if handler is None:
                raise errors.MethodNotAllowed(method=request.method, allowed=", ".join([*fixed, *(("HEAD",) if "GET" in fixed else ())]))
            return handler(request)
        for pattern, title in VIEWS.items():
            if re.fullmatch(pattern, path, re.ASCII):
                return self._view(request, title)
        raise errors.NotFound(what="page")

    def _view(self, request: webob.Request, title: str) -> answers.Answer:
        if request.method not in ("GET", "HEAD"):
            raise errors.MethodNotAllowed(method=request.method, allowed="GET, HEAD")
        visitor = visitors.of_cookie(self._admin, request)
        if visitor.user is None or visitor.cookie is None:
            if request.headers.get("Sec-Fetch-Site") == "cross-site":
                # Followed from another site's link: the browser keeps a SameSite=Strict cookie back. Asked again from here, it shows it.
                return answers.Answer(
                    200, b"", {"Content-Type": answers.HTML, "Refresh": f"0; url={request.path_qs}", "Cache-Control": "no-store"}
                )
            return answers.redirect(f"/login?next={urllib.parse.quote(request.path_qs, safe='/')}")
        return answers.of_page(self._render("app.html", user=visitor.user, csrf_token=self._csrf.token(visitor.cookie), title=title))

    def _login_form(self, request: webob.Request) -> answers.Answer:
        next_path = security.local_path(_parameter(request, "next"))
        if visitors.of_cookie(self._admin, request).user is not None:
            return answers.redirect(next_path)
        return self._login_page(request, next_path)

    def _login_page(
        self, request: webob.Request, next_path: str, *, name: str = "", message: str = "", status: int = 200
    ) -> answers.Answer:
        """The form, and the cookie by which it can prove where it comes from."""
        known = security.cookie_of(request, security.FORM_COOKIE)
        value = known or security.new_secret()
        text = self._render("login.html", title="Log in", csrf_token=self._csrf.token(value), next=next_path, message=message, name=name)
        answer = answers.of_page(text, status)
        if known is None:
            answer.cookie = security.cookie(value, name=security.FORM_COOKIE)
        return answer

    def _login(self, request: webob.Request) -> answers.Answer:
        form = bodies.form(request, bodies.read(request, MAX_FORM_BYTES))
        next_path, name = security.local_path(form.get("next")), form.get("name", "")
        try:
            self._csrf.check(request, security.cookie_of(request, security.FORM_COOKIE), form.get("csrf_token"))
            secret, _ = self._admin.logins.login(name, form.get("password", ""), visitors.address(request, self._behind_proxy))
        except (errors.BadCsrf, errors.WrongPassword, errors.TooManyAttempts) as error:
            message = (
                f"{error.sentence} {error.advice}" if not isinstance(error, errors.BadCsrf) else "This form was too old. Log in again."
            )
            answer = self._login_page(request, next_path, name=name[:64], message=message, status=error.status)
            answer.headers.update(problems.headers(error))
            return answer
        before = security.cookie_of(request)
        if before:
            # Whoever knew the login of before shall not go on with it.
            self._admin.logins.logout(before)
        answer = answers.redirect(next_path)
        answer.cookie = security.cookie(secret, self._lifetime)
        return answer

    def _logout(self, request: webob.Request) -> answers.Answer:
        data = bodies.read(request, MAX_FORM_BYTES)
        visitor = visitors.of_cookie(self._admin, request)
        if visitor.user is not None and visitor.cookie:
            token = request.headers.get("X-CSRF-Token") or bodies.form(request, data).get("csrf_token")
            self._csrf.check(request, visitor.cookie, token)
            self._admin.logins.logout(visitor.cookie)
        answer = answers.redirect("/login")
        answer.cookie = security.cookie("", 0)
        return answer

    def _certificate(self, request: webob.Request) -> answers.Answer:
        """The certificate of our own authority, for whoever wants to trust it."""
        try:
            body = self._ca.read_bytes()
        except FileNotFoundError:
            raise errors.NotFound(what="certificate") from None
        headers = {"Content-Type": "application/x-pem-file", "Content-Disposition": 'attachment; filename="image-appliance-ca.pem"'}
        return answers.revalidated(answers.Answer(200, body, headers), request)

    def _render(self, template: str, **values: object) -> str:
        return self._templates.get_template(template).render(**values)


def _parameter(request: webob.Request, name: str) -> str | None:
    """A parameter of the query string; None if it is not there, or cannot be read."""
    try:
        return dict(urllib.parse.parse_qsl(request.query_string, errors="strict", max_num_fields=50)).get(name)
    except ValueError:
        return None
