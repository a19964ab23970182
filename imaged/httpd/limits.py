"""How many connections there may be: in all, and from one address, so that one client cannot take everybody's."""

import collections
import ipaddress
import threading

#: IPv6 clients have a whole network of addresses each: they count by that.
IPV6_NETWORK = 64


class Limits:
    """Counts connections. Thread-safe."""

    def __init__(self, most: int, most_each: int):
        """`most` connections in all, `most_each` from one address."""
        self._most, self._most_each = most, most_each
        self._count = 0
        self._each: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()

    def enter(self, address: str) -> str | None:
        """Counts one more from `address`, until `leave`; or does not, and says why there cannot be one more."""
        client = _client(address)
        with self._lock:
            if self._each[client] >= self._most_each:
                return f"There are {self._most_each} connections from this address already"
            if self._count >= self._most:
                return f"There are {self._most} connections already"
            self._count += 1
            self._each[client] += 1
        return None

    def leave(self, address: str) -> None:
        client = _client(address)
        with self._lock:
            self._count -= 1
            self._each[client] -= 1
            if not self._each[client]:
                del self._each[client]


def _client(address: str) -> str:
    """What counts as one client."""
    if ":" not in address:
        return address
    found = ipaddress.IPv6Address(address.partition("%")[0])
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, IPV6_NETWORK), strict=False).network_address)
