"""The hosts that bytes travel to: for each, its control service and the pool of connections to its images service."""

from __future__ import annotations

import threading
import typing

from appliance import errors

if typing.TYPE_CHECKING:
    from imaged import client


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

    def _find(self, host_id: str) -> tuple[client.Control, client.Images]:
        with self._lock:
            try:
                return self._hosts[host_id]
            except KeyError:
                raise errors.HostDown(host=host_id) from None
