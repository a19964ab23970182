"""Who is asking: the one who the session cookie or the API token belongs to, or nobody yet."""

import dataclasses

import webob

from appliance import errors
from appliance.admin import Admin, views
from appliance.web import security


@dataclasses.dataclass(frozen=True)
class Visitor:
    """`cookie` is the value of the browser's cookie, if it has one; `user` is None for those who have not logged in.

    `token` tells that an API token was shown: no browser sends one by itself, so no CSRF proof is needed.
    """

    user: views.User | None
    cookie: str | None = None
    token: bool = False


def identify(admin: Admin, request: webob.Request) -> Visitor:
    """The visitor. Raises NotLoggedIn when an Authorization header is there and no good: it never falls back to the cookie."""
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, secret = header.partition(" ")
        user = admin.tokens.user(secret.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise errors.NotLoggedIn()
        return Visitor(user, token=True)
    return of_cookie(admin, request)


def of_cookie(admin: Admin, request: webob.Request) -> Visitor:
    """The visitor as the cookie alone tells; an expired or unknown one is nobody's."""
    cookie = security.cookie_of(request)
    return Visitor(admin.logins.user(cookie) if cookie else None, cookie)


def address(request: webob.Request, behind_proxy: bool) -> str:
    """The client's address, by which failed logins are counted. `behind_proxy`: a reverse proxy on this machine names it."""
    peer = request.environ.get("REMOTE_ADDR", "")
    if not (behind_proxy and peer in ("127.0.0.1", "::1")):
        return peer
    # The last one is what the proxy itself saw; those before it are the client's own claims.
    return request.headers.get("X-Forwarded-For", peer).rpartition(",")[2].strip()[:64]
