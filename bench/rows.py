"""What is measured: one row for each path that bytes take, who else takes it, and what must come of it."""

import dataclasses

from bench import load

KIB, MIB = 1 << 10, 1 << 20


@dataclasses.dataclass(frozen=True)
class Row:
    """`floor` is the ratio to `theirs` that must hold, `goal` the one that we are after, `cpu` the most CPU (as a part of theirs).

    `size` (bytes) of one upload or image; `quick` for a short look. `digest`: ours gets and verifies a Content-Digest.
    """

    name: str
    path: str
    ours: str
    theirs: str
    does: load.Load | str  # or the act of oVirt's client: "upload", "download"; or "import"
    size: int
    quick: int
    floor: float | None = None
    goal: float | None = None
    cpu: float | None = None
    rounds: int = 10
    query: str = ""
    digest: bool = False
    disk: bool = False

    @property
    def counts_requests(self) -> bool:
        """Requests a second are its speed, not bytes."""
        return isinstance(self.does, load.Load) and bool(self.does.chunk)


PUT, PUT_TLS = load.Load("put"), load.Load("put", tls=True)
GET, GET_TLS = load.Load("get"), load.Load("get", tls=True)
GIB = 1024 * MIB
PAIR = "nginx → nginx"

ROWS = (
    Row("put", "PUT to the daemon", "imaged", "nginx", PUT, GIB, 128 * MIB, 1.3, 2.5, 0.6),
    Row("put-4", "PUT to the daemon, 4 connections", "imaged", "nginx", load.Load("put", connections=4), GIB // 2, 64 * MIB, 1.0, 1.5, 0.6),
    Row(
        "disk",
        "PUT to the daemon, to disk, flushed",
        "imaged",
        "ovirt-imageio",
        PUT,
        GIB,
        128 * MIB,
        1.0,
        1.3,
        1.1,
        query="?flush=y",
        disk=True,
    ),
    Row("plain", "PUT through both", "appliance", PAIR, PUT, GIB, 128 * MIB, 1.2, 2.0, 0.6),
    Row("digest", "PUT through both, with Content-Digest", "appliance", PAIR, PUT, GIB, 128 * MIB, 0.7, 1.0, digest=True),
    Row("tls", "PUT through both, TLS", "appliance, TLS", PAIR, PUT_TLS, GIB, 128 * MIB, 0.9, 1.2, 1.1),
    Row(
        "tls-4",
        "PUT through both, TLS, 4 connections",
        "appliance, TLS",
        PAIR,
        load.Load("put", connections=4, tls=True),
        GIB // 2,
        64 * MIB,
        0.75,
        1.0,
    ),
    Row("tls-digest", "PUT through both, TLS, with Content-Digest", "appliance, TLS", PAIR, PUT_TLS, GIB, 128 * MIB, digest=True),
    Row("get", "GET from the daemon", "imaged", "nginx", GET, GIB, 128 * MIB, 1.2, 1.4, 0.8),
    Row("get-tls", "GET from the daemon, TLS", "imaged, TLS", "nginx", GET_TLS, GIB, 128 * MIB, 1.1, 1.25, 1.0),
    Row("chunks", "Chunks of 64 KiB through both", "appliance", PAIR, load.Load("put", 64 * KIB), 256 * MIB, 32 * MIB, 0.3, 0.6),
    Row(
        "reads",
        "4 KiB reads from the daemon, 8 connections",
        "imaged",
        "ovirt-imageio",
        load.Load("read", 4 * KIB, 8),
        32 * MIB,
        8 * MIB,
        1.0,
        1.5,
    ),
    Row(
        "writes",
        "4 KiB writes to the daemon, 8 connections",
        "imaged",
        "ovirt-imageio",
        load.Load("write", 4 * KIB, 8),
        32 * MIB,
        8 * MIB,
        1.0,
        1.5,
        query="?flush=n",
    ),
    Row("upload", "oVirt's client, upload of a sparse disk", "imaged", "ovirt-imageio", "upload", 20 * GIB, 2 * GIB, 1.0, 1.5, rounds=5),
    Row(
        "download",
        "oVirt's client, download of a sparse disk",
        "imaged",
        "ovirt-imageio",
        "download",
        20 * GIB,
        2 * GIB,
        5.0,
        10.0,
        rounds=3,
    ),
    Row(
        "import",
        "Import from nginx, to disk, with its SHA-256",
        "imaged",
        "curl, sha256sum",
        "import",
        4 * GIB,
        256 * MIB,
        1.0,
        1.3,
        1.0,
        rounds=5,
    ),
)
