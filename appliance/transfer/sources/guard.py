"""What may be fetched, and from where: a URL taken apart once, its name resolved once, every address of it checked.

The appliance stands in networks that its users do not reach. Whoever may import from a URL must not reach through it what only the
appliance reaches: so everything is refused that is not public, unless the administrator allows it.
"""

import dataclasses
import ipaddress
import logging
import pathlib
import re
import socket
import urllib.parse

from appliance import config, errors, values

log = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Characters of a URL.
MAX_URL = 4096
#: Ports that are meant where a URL names none.
DEFAULT_PORTS = {"http": 80, "https": 443}

# What is not public, and in which words: the registries of special-purpose addresses (RFC 6890), and what clouds use inside.
_SPECIAL: list[tuple[Network, str]] = [
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("169.254.169.254/32", "the metadata service of a cloud"),
        ("fd00:ec2::254/128", "the metadata service of a cloud"),
        ("100.100.100.200/32", "the metadata service of a cloud"),
        ("0.0.0.0/8", "an address of this network"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "an address inside a provider's network"),
        ("127.0.0.0/8", "this machine itself"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "an address for documentation"),
        ("192.88.99.0/24", "a reserved address"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "an address for measurements"),
        ("198.51.100.0/24", "an address for documentation"),
        ("203.0.113.0/24", "an address for documentation"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::/128", "an address of this network"),
        ("::1/128", "this machine itself"),
        ("64:ff9b:1::/48", "a private address"),
        ("2001::/23", "a reserved address"),
        ("2001:db8::/32", "an address for documentation"),
        ("3fff::/20", "an address for documentation"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a private address"),
        ("ff00::/8", "a multicast address"),
    )
]
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")

_CONTROL = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# By the rule of browsers: a name whose last part is a number is an IPv4 address, in whatever notation.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclasses.dataclass(frozen=True)
class Policy:
    """What the administrator allows."""

    schemes: tuple[str, ...] = ("http", "https")
    ports: tuple[range, ...] = (range(80, 81), range(443, 444))
    #: Networks and host names (`.example.org`: all below) from which may be fetched though they are not public.
    networks: tuple[Network, ...] = ()
    names: tuple[str, ...] = ()
    #: Where `file:` URLs may lead; None: nowhere.
    folder: pathlib.Path | None = None
    #: Authorities (PEM) that are trusted beside the system's.
    ca: pathlib.Path | None = None
    #: Seconds that a source may be silent.
    timeout: float = 60.0
    redirects: int = 5

    @classmethod
    def of(cls, settings: config.Config) -> "Policy":
        """What the settings say."""
        allowed = [(name, values.network(name)) for name in settings.import_allow]
        return cls(
            schemes=settings.import_schemes,
            ports=tuple(values.port_range(text) for text in settings.import_ports),
            networks=tuple(network for _, network in allowed if network),
            names=tuple(_ascii(name) for name, network in allowed if not network),
            folder=pathlib.Path(settings.import_folder) if settings.import_folder else None,
            ca=pathlib.Path(settings.import_ca) if settings.import_ca else None,
            timeout=settings.import_timeout,
            redirects=settings.import_redirects,
        )

    def offers(self, port: int) -> bool:
        return any(port in ports for ports in self.ports)

    def names_it(self, host: str) -> bool:
        """Is this very name allowed, whatever its address?"""
        return any(host == name or (name.startswith(".") and host.endswith(name)) for name in self.names)


@dataclasses.dataclass(frozen=True)
class Target:
    """A URL of the web that may be fetched, as far as it can be told without its addresses. `host` is ASCII, in lower case."""

    scheme: str
    host: str
    port: int
    #: What the request asks for: path and query, with % codes.
    path: str

    @property
    def origin(self) -> str:
        """`https://name:port`."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"

    @property
    def authority(self) -> str:
        """What the Host header says."""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return _bracketed(self.host) + port

    @property
    def shown(self) -> str:
        """For people and logs: without the query, in which there may be a signature."""
        path, mark, _ = self.path.partition("?")
        return f"{self.scheme}://{self.authority}{path}{mark and '?…'}"

    @property
    def name(self) -> str:
        """The file's: the last part of the path, as it is meant; "" if there is none."""
        return urllib.parse.unquote(self.path.partition("?")[0].rpartition("/")[2])


def scheme(url: str) -> str:
    """The URL's scheme, in lower case. Raises BadUrl."""
    _refuse_tricks(url)
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", url)
    if not found:
        raise errors.BadUrl(reason="it does not begin with a scheme such as https:")
    return found[1].lower()


def parse(url: str, policy: Policy) -> Target:
    """The URL of the web that a person gave. Raises BadUrl, UserInUrl, SchemeRefused, PortRefused."""
    kind = scheme(url)
    parts = _split(url)
    if kind not in DEFAULT_PORTS or kind not in policy.schemes:
        raise errors.SchemeRefused(scheme=kind, allowed=", ".join(policy.schemes))
    if parts.fragment:
        raise errors.BadUrl(reason="what follows the # names nothing on a server, leave it out")
    if "@" in parts.netloc:
        raise errors.UserInUrl()
    host = _host(parts)
    try:
        port = DEFAULT_PORTS[kind] if parts.port is None else parts.port
    except ValueError:
        raise errors.BadUrl(reason="its port is not a number from 1 to 65535") from None
    if not policy.offers(port):
        raise errors.PortRefused(port=port)
    # What is encoded already stays so.
    path = urllib.parse.quote(parts.path or "/", safe="/%!$&'()*+,;=:@~-._")
    query = urllib.parse.quote(parts.query, safe="/%!$&'()*+,;=:@~-._?")
    return Target(kind, host, port, f"{path}?{query}" if query else path)


def onward(target: Target, location: str, policy: Policy) -> Target:
    """Where a redirect leads to, checked as if a person had given it. Raises BadRedirect."""
    try:
        _refuse_tricks(location)
        url, _ = urllib.parse.urldefrag(urllib.parse.urljoin(f"{target.origin}{target.path}", location))
        there = parse(url, policy)
    except (errors.ApplianceError, ValueError) as error:
        reason = error.sentence.rstrip(".") if isinstance(error, errors.ApplianceError) else "it cannot be understood"
        raise errors.BadRedirect(host=target.host, reason=reason[:1].lower() + reason[1:]) from error
    if (target.scheme, there.scheme) == ("https", "http"):
        raise errors.BadRedirect(host=target.host, reason="that would leave the encrypted connection")
    return there


def resolve(target: Target, policy: Policy) -> list[Address]:
    """The addresses that the name has now, every one of them checked: what is connected to is one of these, not what is asked for again.

    Raises UnknownName, AddressRefused. The name is looked up by the system, which may take as long as that does.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise errors.UnknownName(host=target.host, reason=_reason(error)) from error
    addresses = list(dict.fromkeys(ipaddress.ip_address(place[0]) for *_, place in found))
    if not policy.names_it(target.host):
        for address in addresses:
            check(target.host, address, policy)
    return addresses


def check(host: str, address: Address, policy: Policy) -> None:
    """Raises AddressRefused unless `address` is public or allowed: itself, and every IPv4 address that is meant by it."""
    if not _allowed(address, policy):
        for each in _within(address) or [address]:
            reason = "" if _allowed(each, policy) else _special(each)
            if reason:
                log.warning("Import refused: %s has the address %s, %s", host, address, reason)
                raise errors.AddressRefused(host=host, reason=reason)


def _allowed(address: Address, policy: Policy) -> bool:
    return any(address in network for network in policy.networks)


def _special(address: Address) -> str:
    """Why it is not public; "" if it is."""
    for network, what in _SPECIAL:
        if address in network:
            return what
    return "a reserved address" if address.version == 6 and address not in _PUBLIC_IPV6 else ""


def _within(address: Address) -> list[Address]:
    """The IPv4 addresses that this IPv6 address is a way of writing, or that packets to it reach through a tunnel."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address.sixtofour:
        return [address.sixtofour]
    if address.teredo:
        return list(address.teredo)
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 0xFFFF):
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return []


def _refuse_tricks(url: str) -> None:
    """What parsers of URLs do not agree about. Raises BadUrl."""
    if not url or len(url) > MAX_URL:
        raise errors.BadUrl(reason=f"it must have 1 to {MAX_URL} characters")
    if _CONTROL.search(url):
        raise errors.BadUrl(reason="there is a blank or a control character in it")
    if "\\" in url:
        raise errors.BadUrl(reason="there is a backslash in it")


def _split(url: str) -> urllib.parse.SplitResult:
    try:
        return urllib.parse.urlsplit(url)
    except ValueError:
        raise errors.BadUrl(reason="it cannot be taken apart") from None


def _host(parts: urllib.parse.SplitResult) -> str:
    """The URL's host in the one way of writing it. Raises BadUrl."""
    host = parts.hostname or ""
    if not host:
        raise errors.BadUrl(reason="it names no server")
    if parts.netloc.startswith("["):
        try:
            # A zone (%eth0) means something on one machine alone.
            return str(ipaddress.IPv6Address(host if "%" not in host else ""))
        except ValueError:
            raise errors.BadUrl(reason="its IPv6 address is none") from None
    try:
        name = _ascii(host).removesuffix(".")
    except UnicodeError:
        raise errors.BadUrl(reason="its server's name cannot be one") from None
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise errors.BadUrl(reason="its server's name cannot be one")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(socket.inet_aton(name)))
        except OSError:
            raise errors.BadUrl(reason="its IPv4 address is none") from None
    return name


def _ascii(name: str) -> str:
    """The name as the domain name system has it. Raises UnicodeError."""
    dot = "." if name.startswith(".") else ""
    return dot + name.removeprefix(".").encode("idna").decode("ascii").lower()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reason(error: OSError | UnicodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it cannot be a name"
