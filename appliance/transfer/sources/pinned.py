"""Connections to one of the addresses that were checked, and to no other; or to the proxy that the environment names.

The name is what TLS asks for and what certificates are compared with; it is not resolved again. A proxy is the administrator's will, so
its own address is not checked; the target's is, as far as it can be told from here.
"""

import ssl
import typing
import urllib.parse
import urllib.request

from urllib3 import connection as http
from urllib3 import exceptions, util

from appliance import errors
from appliance.transfer.sources import guard

#: Seconds that a connection may take to be accepted; after that the next address is tried.
CONNECT_TIMEOUT = 10.0


class Way:
    """How requests to a target travel: open `connection`, ask for `line`, and add `headers`."""

    def __init__(self, connection: http.HTTPConnection, line: str, headers: dict[str, str] | None = None):
        self.connection = connection
        self.line = line
        self.headers = headers or {}


def ways(target: guard.Target, policy: guard.Policy) -> list[Way]:
    """One for each address of the target, not connected yet; or the one through a proxy. Raises UnknownName, AddressRefused, BadProxy."""
    proxy = _proxy(target)
    if proxy is None or not policy.names_it(target.host):
        addresses = guard.resolve(target, policy)
    timeout = min(policy.timeout, CONNECT_TIMEOUT)
    if proxy is None:
        return [Way(_direct(target, str(address), policy, timeout), target.path) for address in addresses]
    return [_through(proxy, target, policy, timeout)]


def trusted(policy: guard.Policy) -> ssl.SSLContext:
    """Whom we believe: the system's authorities and the administrator's. Raises BadAuthorities."""
    context = ssl.create_default_context()
    if policy.ca:
        try:
            context.load_verify_locations(policy.ca)
        except OSError as error:
            raise errors.BadAuthorities(reason=error.strerror or "it has no certificates") from error
    return context


def _direct(target: guard.Target, address: str, policy: guard.Policy, timeout: float) -> http.HTTPConnection:
    if target.scheme == "http":
        return http.HTTPConnection(address, target.port, timeout=timeout)
    return http.HTTPSConnection(address, target.port, timeout=timeout, server_hostname=target.host, ssl_context=trusted(policy))


def _through(proxy: util.Url, target: guard.Target, policy: guard.Policy, timeout: float) -> Way:
    secret = util.make_headers(proxy_basic_auth=urllib.parse.unquote(proxy.auth)) if proxy.auth else {}
    host, port = (proxy.host or "").strip("[]"), proxy.port or guard.DEFAULT_PORTS[str(proxy.scheme)]
    config = http.ProxyConfig(trusted(policy) if proxy.scheme == "https" else None, False, None, None)
    told: dict[str, typing.Any] = {"proxy": proxy, "proxy_config": config, "timeout": timeout}
    if target.scheme == "https":
        tunnel = http.HTTPSConnection(host, port, **told, server_hostname=target.host, ssl_context=trusted(policy))
        tunnel.set_tunnel(target.host, target.port, secret, scheme=str(proxy.scheme))
        return Way(tunnel, target.path)
    kind = http.HTTPSConnection if proxy.scheme == "https" else http.HTTPConnection
    return Way(kind(host, port, **told), target.origin + target.path, secret)


def _proxy(target: guard.Target) -> util.Url | None:
    """The environment's proxy for it. Raises BadProxy."""
    proxies = urllib.request.getproxies()
    given = proxies.get(target.scheme) or proxies.get("all")
    if not given or urllib.request.proxy_bypass(f"{target.host}:{target.port}"):
        return None
    try:
        proxy = util.parse_url(given if "://" in given else f"http://{given}")
    except exceptions.LocationParseError:
        raise errors.BadProxy(reason="it cannot be taken apart") from None
    if proxy.scheme not in guard.DEFAULT_PORTS or not proxy.host:
        raise errors.BadProxy(reason="it must begin with http:// or https://")
    return proxy
