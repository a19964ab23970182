"""What the value of a setting may be written like: numbers with units, lists, networks, names and URLs in one way of writing each."""

import contextlib
import ipaddress
import math
import os
import pathlib
import re
import shlex
import shutil
import urllib.parse
from collections.abc import Mapping

from imaged import units

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

#: What lists are of, by their unit.
ITEMS = {
    "list of names": "host names or addresses",
    "list of URLs": "URLs like https://proxy.example.org:54324",
    "list of schemes": "what URLs begin with, like https",
    "list of ports": "TCP ports, or ranges of them like 8000-8999",
    "list of networks": "networks like 10.0.0.0/8, addresses, host names, or .example.org for all below it",
}

#: What a value may be followed by, when written as text: "7 d", "64 TiB".
SUFFIXES = {
    "bytes": {name: 1024**power for power, name in enumerate(units.UNITS)},
    "seconds": {"s": 1, "min": MINUTE, "h": HOUR, "d": DAY},
}


def convert(kind: object, unit: str, value):
    """`value` as the type `kind` of a setting in `unit`. Raises ValueError or TypeError."""
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
        if isinstance(value, str) and value.lower() in words:
            return words[value.lower()]
        if not isinstance(value, bool):
            raise TypeError(value)
        return value
    if kind is int or kind is float:
        if isinstance(value, str):
            value = _number(value, SUFFIXES.get(unit, {}))
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise TypeError(value)
        if kind is int and value != int(value):
            raise ValueError(value)
        return int(value) if kind is int else float(value)
    if kind is pathlib.Path:
        if not isinstance(value, str | os.PathLike) or not str(value).strip() or "\0" in str(value):
            raise TypeError(value)
        return pathlib.Path(value).expanduser().absolute()
    if kind is str:
        if not isinstance(value, str) or any(ord(character) < 32 for character in value):
            raise TypeError(value)
        return value
    if unit == "command":
        return _command(value)
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise TypeError(value)
    return tuple(dict.fromkeys(_item(unit, part) for part in value))


def _command(value) -> tuple[str, ...]:
    """The command's words, separated as a shell does it; none of them for none. Raises ValueError or TypeError."""
    words = shlex.split(value) if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise TypeError(value)
    # The daemon would not start: here the setting is told with its place.
    if words and shutil.which(words[0]) is None:
        raise ValueError(value)
    return tuple(words)


def _item(unit: str, text: str) -> str:
    """One item of a list, in the one way of writing it. Raises ValueError."""
    match unit:
        case "list of URLs":
            return origin(text)
        case "list of schemes" if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,31}", text):
            return text.lower()
        case "list of ports":
            port_range(text)
            return text
        case "list of networks" if network(text) or (is_name(text.removeprefix(".")) and "*" not in text):
            return text.lower()
        case "list of names" if is_name(text):
            return text
    raise ValueError(text)


def port_range(text: str) -> range:
    """The ports of "443" or "8000-8999". Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", text, re.ASCII)
    if not match or not 0 < int(match[1]) <= int(match[2] or match[1]) <= 65535:
        raise ValueError(text)
    return range(int(match[1]), int(match[2] or match[1]) + 1)


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The network, or the address as one; None if it is neither."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_network(text, strict=False)
    return None


def origin(url: str) -> str:
    """A server's URL as one way of writing it, `https://name:port`, in lower case. Raises ValueError if it is another kind of URL."""
    parts = urllib.parse.urlsplit(url)
    name = parts.hostname or ""
    if (parts.scheme, parts.path.strip("/"), parts.query, parts.fragment, parts.username) != ("https", "", "", "", None):
        raise ValueError(url)
    if not is_name(name) or not name.isascii() or {"*", "%"} & set(name) or parts.port == 0:
        raise ValueError(url)
    return f"https://{f'[{name}]' if ':' in name else name}:{parts.port or 443}"


def is_name(text: str) -> bool:
    """Whether `text` is an address, or a name that a host may have; or `*.example.org`, which a certificate may be for."""
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(text))
    try:
        labels = text.removeprefix("*.").encode("idna").decode("ascii").removesuffix(".").split(".")
    except UnicodeError:
        return False
    return all(re.fullmatch(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)", label) for label in labels)


def _number(text: str, suffixes: Mapping[str, float]) -> int | float:
    """The number in `text`, times its suffix. Raises ValueError."""
    match = re.fullmatch(r"\s*(-?\d{1,20}(?:\.\d{1,9})?)\s*([A-Za-z]*)\s*", text, re.ASCII)
    if not match or (match[2] and match[2] not in suffixes):
        raise ValueError(text)
    number = float(match[1]) if "." in match[1] else int(match[1])
    return number * suffixes[match[2]] if match[2] else number
