"""How many bytes went which road: both programs count in the same words, for Prometheus.

`splice`: from socket to file or socket without entering the process. `mapped`: between a socket and the page cache, by the one
copy that the kernel makes. `direct`: through a
buffer of ours to the disk, past the page cache. `buffer`: through a buffer, since somebody has to see them or they are few. `tls`: the
same, encrypted on one side at least.
"""

import socket
import ssl
from collections.abc import Callable

import prometheus_client

SPLICE, MAPPED, DIRECT, BUFFER, TLS = "splice", "mapped", "direct", "buffer", "tls"

#: What a scrape is answered with.
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST


class Traffic:
    """The counters `PREFIX_bytes_total` and `PREFIX_requests_total`, each by operation and path. Thread-safe."""

    def __init__(self, prefix: str):
        labels = ("operation", "path")
        # In no registry: whoever answers scrapes puts together what belongs in them.
        self.bytes = prometheus_client.Counter(f"{prefix}_bytes", "Bytes of images that were moved", labels, registry=None)
        self.requests = prometheus_client.Counter(f"{prefix}_requests", "Requests that moved bytes of images", labels, registry=None)
        self._known: dict[tuple[str, str], tuple[Callable[[], None], Callable[[int], None]]] = {}

    def begin(self, operation: str, path: str) -> Callable[[int], None]:
        """Counts a request; returns what counts its bytes, as they move."""
        count, moved = self._counters(operation, path)
        count()
        return moved

    def _counters(self, operation: str, path: str) -> tuple[Callable[[], None], Callable[[int], None]]:
        # Looking them up takes longer than counting.
        known = self._known.get((operation, path))
        if known is None:
            known = self.requests.labels(operation, path).inc, self.bytes.labels(operation, path).inc
            self._known[operation, path] = known
        return known

    def register(self, registry: prometheus_client.CollectorRegistry) -> None:
        for counter in (self.bytes, self.requests):
            registry.register(counter)


def path_of(connection: socket.socket) -> str:
    """The road of bytes that pass through a buffer on their way from or to `connection`."""
    return TLS if isinstance(connection, ssl.SSLSocket) else BUFFER


def registry() -> prometheus_client.CollectorRegistry:
    """With what is known of every process: its memory, processor time and open files."""
    made = prometheus_client.CollectorRegistry()
    prometheus_client.ProcessCollector(registry=made)
    return made


def rendered(made: prometheus_client.CollectorRegistry) -> bytes:
    """The text that Prometheus reads, of CONTENT_TYPE."""
    return prometheus_client.generate_latest(made)
