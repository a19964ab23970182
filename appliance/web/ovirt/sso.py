"""Logging in as oVirt's clients do: a token for a name and a password, shown with each request and ended by a logout.

Such a token is a login like a browser's: random, kept as a digest, good for `login_lifetime`. API tokens are taken too, and a name and a
password with each request (Basic), as recipes for curl have it. A cookie is not: what a browser sends by itself proves nothing here.
"""

import base64
import binascii
import datetime

import webob

from appliance import errors
from appliance.admin import Admin, views
from appliance.web import answers, bodies, problems, security, visitors
from appliance.web.ovirt import faults
from appliance.web.ovirt.paths import ENGINE

TOKEN = f"{ENGINE}/sso/oauth/token"
LOGOUTS = (f"{ENGINE}/services/sso-logout", f"{ENGINE}/sso/oauth/revoke")
#: The same with a ticket of Kerberos in place of a password, which nobody here could check.
KERBEROS = f"{ENGINE}/sso/oauth/token-http-auth"

#: The profile that oVirt's own users are in; ours stand for them.
PROFILE = "internal"

MAX_FORM_BYTES = 16 << 10


class Sso:
    """The three addresses that speak JSON. `lifetime` is a login's, in seconds; `behind_proxy` as in visitors.address."""

    def __init__(self, admin: Admin, *, lifetime: float, behind_proxy: bool):
        self._admin = admin
        self._lifetime = lifetime
        self._behind_proxy = behind_proxy

    def knows(self, path: str) -> bool:
        return path in (TOKEN, KERBEROS, *LOGOUTS)

    def answer(self, request: webob.Request, path: str) -> answers.Answer:
        """The answer to any request for one of the addresses: errors are JSON with `error` and `error_code`, never raised."""
        try:
            form = self._form(request)
            if path == TOKEN:
                return self._token(request, form)
            if path == KERBEROS:
                raise errors.BadRequest(reason="logins with Kerberos are not possible here: give a user name and a password")
            return self._logout(form)
        except Exception as error:
            return _refusal(error)

    def visitor(self, request: webob.Request) -> views.User:
        """Whose request this is. Raises NotLoggedIn, WrongPassword, TooManyAttempts, BadCsrf."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        secret = secret.strip()
        match scheme.lower():
            case "bearer":
                user = self._admin.tokens.user(secret) or self._admin.logins.user(secret)
                if user is not None:
                    return user
            case "basic":
                if not security.same_origin(request):
                    # Only a browser tells that, and it may know a password by itself.
                    raise errors.BadCsrf()
                name, password = _credentials(secret)
                return self._admin.logins.check(own_name(name), password, visitors.address(request, self._behind_proxy))
        raise errors.NotLoggedIn()

    def _form(self, request: webob.Request) -> dict[str, str]:
        if request.method != "POST":
            # Not even where a GET could say the same: passwords in addresses end up in logs.
            raise errors.MethodNotAllowed(method=request.method, allowed="POST")
        data = bodies.read(request, MAX_FORM_BYTES)
        return bodies.form(request, data) if data else {}

    def _token(self, request: webob.Request, form: dict[str, str]) -> answers.Answer:
        grant = form.get("grant_type", "")
        if grant != "password":
            raise _UnsupportedGrant()
        for field in ("username", "password"):
            if not form.get(field):
                raise errors.BadRequest(reason=f"{field} is missing")
        name = own_name(form["username"])
        secret, _ = self._admin.logins.login(name, form["password"], visitors.address(request, self._behind_proxy))
        expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self._lifetime)
        content = {
            "access_token": secret,
            "scope": form.get("scope", "ovirt-app-api"),
            # In milliseconds and as text, as the engine has it.
            "exp": str(int(expires.timestamp() * 1000)),
            "token_type": "bearer",
        }
        return answers.of_json(content)

    def _logout(self, form: dict[str, str]) -> answers.Answer:
        """Ends the login. One that has ended already is as well; an API token outlives it, as it was not made by a login."""
        if not form.get("token"):
            raise errors.BadRequest(reason="token is missing")
        self._admin.logins.logout(form["token"])
        return answers.of_json({})


class _UnsupportedGrant(errors.BadRequest):
    code = "unsupported-grant-type"

    def __init__(self) -> None:
        super().__init__(reason="the only grant_type here is password")


#: Errors of ours in the words of OAuth, as far as it has one.
CODES = {
    errors.WrongPassword.code: "access_denied",
    errors.TooManyAttempts.code: "access_denied",
    _UnsupportedGrant.code: "unsupported_grant_type",
    errors.Internal.code: "server_error",
}


def own_name(name: str) -> str:
    """The name here of a user of oVirt's: `admin@internal` is admin. Raises WrongPassword for another profile's."""
    user, at, profile = name.rpartition("@")
    if not at:
        return name
    if profile != PROFILE:
        raise errors.WrongPassword()
    return user


def _credentials(text: str) -> tuple[str, str]:
    try:
        name, colon, password = base64.b64decode(text, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise errors.NotLoggedIn() from None
    if not colon:
        raise errors.NotLoggedIn()
    return name, password


def _refusal(error: Exception) -> answers.Answer:
    told = problems.explained(error)
    content = {"error": faults.told(told, problems.new_id(error)), "error_code": CODES.get(told.code, "invalid_request")}
    return answers.of_json(content, told.status, **problems.headers(told))
