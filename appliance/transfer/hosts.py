"""The hosts that bytes travel to: for each, its control service and the pool of connections to its images service."""

from __future__ import annotations

import collections
import ssl
import threading
import time
import typing

from appliance import errors
from imaged import client

if typing.TYPE_CHECKING:
    from appliance.transfer import tickets

#: Seconds that a host may be silent while a chunk reaches its disk: one PUT of many GB is flushed at its end.
FLUSH = 300.0


class Leading(typing.Protocol):
    """Whoever knows the way to a ticket's host."""

    def leading(self, ticket: tickets.Ticket) -> client.Images:
        """The images service of the ticket's host. Raises errors.HostDown."""


class Hosts:
    """Host id → its clients. Thread-safe; a host that is not registered is a host that does not answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[str, tuple[client.Control, client.Images]] = {}

    def register(self, host_id: str, control: client.Control, images: client.Images) -> None:
        """Makes the host reachable under `host_id`; replaces what was registered before."""
        with self._lock:
            self._hosts[host_id] = (control, images)

    def forget(self, host_id: str) -> None:
        """Nothing is sent to the host any more. Does nothing if it is not known."""
        with self._lock:
            self._hosts.pop(host_id, None)

    def control(self, host_id: str) -> client.Control:
        """The host's control service. Raises errors.HostDown if the host is not registered."""
        return self._find(host_id)[0]

    def images(self, host_id: str) -> client.Images:
        """The host's images service. Raises errors.HostDown if the host is not registered."""
        return self._find(host_id)[1]

    def leading(self, ticket: tickets.Ticket) -> client.Images:
        return self.images(ticket.host)

    def _find(self, host_id: str) -> tuple[client.Control, client.Images]:
        with self._lock:
            try:
                return self._hosts[host_id]
            except KeyError:
                raise errors.HostDown(host=host_id) from None


class Addresses:
    """For a proxy, which knows no hosts but those that verified tickets name by their address. Thread-safe.

    At most `limit` pools of connections are kept, and each for `lifetime` seconds after its last use.
    """

    def __init__(self, tls: ssl.SSLContext, *, limit: int = 256, lifetime: float = 300, timeout: float = FLUSH):
        """`tls` says which hosts are trusted, `timeout` (seconds) how long one may be silent."""
        self._tls = tls
        self._limit = limit
        self._lifetime = lifetime
        self._timeout = timeout
        self._lock = threading.Lock()
        #: The longest unused first, with the time of the last use.
        self._pools: collections.OrderedDict[str, tuple[client.Images, float]] = collections.OrderedDict()

    def leading(self, ticket: tickets.Ticket) -> client.Images:
        address = ticket.address or ""
        with self._lock:
            pool, _ = self._pools.pop(address, (None, 0.0))
            if pool is None:
                try:
                    pool = client.Images(address, timeout=self._timeout, tls=self._tls)
                except ValueError:
                    raise errors.HostDown(host=ticket.host) from None
            self._pools[address] = pool, time.monotonic()
        self.tend()
        return pool

    def tend(self) -> None:
        """Forgets what is too much or too old; requests that run go on."""
        old = time.monotonic() - self._lifetime
        forgotten = []
        with self._lock:
            while self._pools:
                address, (pool, used) = next(iter(self._pools.items()))
                if len(self._pools) <= self._limit and used >= old:
                    break
                del self._pools[address]
                forgotten.append(pool)
        for pool in forgotten:
            pool.close()
