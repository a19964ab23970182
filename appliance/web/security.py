"""What keeps browsers safe: headers on everything, the cookie, and proof that a request comes from our own page."""

import hashlib
import hmac
import http.cookies
import re
import secrets
from collections.abc import Sequence

import webob

from appliance import errors

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        # WebAssembly hashes files (a worker; SHA-256 of what is picked).
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it browsers send forms with `Origin: null`, which nobody could check. Other sites learn nothing either way.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Without versions: they help only those who look for holes.
    "Server": "image-appliance",
}

YEAR = 365 * 24 * 3600

COOKIE = "__Host-image-appliance"
#: The login form's own cookie, before there is a login. Not the same one: a browser that comes from another site's link does not show a
#: SameSite=Strict cookie, gets the login page, and must not lose the login that it has.
FORM_COOKIE = "__Host-image-appliance-form"
#: What our cookie's value looks like; another value is not looked up.
SECRET = re.compile(r"[A-Za-z0-9_-]{20,128}", re.ASCII)


def guarded(application, proxies: Sequence[str] = ()):
    """`application` (WSGI) with the security headers on every answer, whoever made it. Pages may connect to `proxies` (URLs), too."""
    own = "connect-src 'self'"
    fixed = {**HEADERS, "Content-Security-Policy": CONTENT_SECURITY_POLICY.replace(own, " ".join((own, *proxies)))}
    plain = list(fixed.items())
    encrypted = [*plain, ("Strict-Transport-Security", f"max-age={YEAR}")]
    names = {name.lower() for name, _ in encrypted}

    def guard(environ, start_response):
        extra = encrypted if environ["wsgi.url_scheme"] == "https" else plain

        def start(status, headers, exc_info=None):
            kept = [(name, value) for name, value in headers if name.lower() not in names]
            return start_response(status, [*kept, *extra], exc_info)

        return application(environ, start)

    return guard


def new_secret() -> str:
    """A value for the form's cookie."""
    return secrets.token_urlsafe(32)


def cookie_of(request: webob.Request, name: str = COOKIE) -> str | None:
    """The value of a cookie of ours, if the request has a well-formed one."""
    value = request.cookies.get(name)
    return value if value and SECRET.fullmatch(value) else None


def cookie(value: str, lifetime: float | None = None, name: str = COOKIE) -> http.cookies.SimpleCookie:
    """A cookie of ours. `lifetime` is seconds; None: until the browser ends. The name's prefix binds it to this host and to TLS."""
    jar = http.cookies.SimpleCookie()
    jar[name] = value
    morsel = jar[name]
    morsel["path"], morsel["secure"], morsel["httponly"], morsel["samesite"] = "/", True, True, "Strict"
    if lifetime is not None:
        morsel["max-age"] = str(int(lifetime))
    return jar


class Csrf:
    """The proof that a form or a script is ours: an HMAC over the visitor's cookie, which no other site can read or set."""

    def __init__(self, key: bytes):
        self._key = key

    def token(self, cookie_value: str) -> str:
        return hmac.new(self._key, cookie_value.encode(), hashlib.sha256).hexdigest()

    def check(self, request: webob.Request, cookie_value: str | None, token: str | None) -> None:
        """Raises BadCsrf unless `token` belongs to the cookie and the browser says that the request is of our own origin."""
        if not same_origin(request) or not cookie_value or not token:
            raise errors.BadCsrf()
        if not hmac.compare_digest(self.token(cookie_value).encode(), token.encode("utf-8", "replace")):
            raise errors.BadCsrf()


def same_origin(request: webob.Request) -> bool:
    """False when the browser tells that another site sent the request. Clients that tell nothing pass: the token decides."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    # A proxy in front may give the host it was called by in X-Forwarded-Host; a browser's page cannot set either header.
    own = {request.headers.get("Host", "").lower(), request.headers.get("X-Forwarded-Host", "").lower()} - {""}
    return origin.lower().partition("://")[2] in own


def local_path(text: str | None) -> str:
    """`text` if it is a path of this site that a browser cannot understand otherwise; else `/`."""
    if not text or not text.startswith("/") or len(text) > 2000:
        return "/"
    # `//host` and `/\host` are other sites to a browser, which also drops tabs and newlines before it looks.
    if text[1:2] in ("/", "\\") or not text.isascii() or any(ord(character) <= 32 or character == "\\" for character in text):
        return "/"
    return text
