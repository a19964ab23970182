"""The first run, and every other: makes of the state directory what is missing. Interrupted anywhere, the next start completes it."""

import dataclasses
import datetime
import fcntl
import os
import pathlib
import secrets
import uuid

from cryptography import fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from appliance import certificates, config, errors, files

DIRECTORIES = ("ca", "tls", "keys", "run", "domains", "domains/data", "domains/iso", "log")


@dataclasses.dataclass(frozen=True)
class Installation:
    """What one installation is made of. `id` names it in signed tickets; fingerprints are SHA-256."""

    id: str
    state_dir: pathlib.Path
    ticket_key: ed25519.Ed25519PrivateKey
    csrf_key: bytes
    import_key: bytes
    ca: pathlib.Path
    certificate: pathlib.Path
    certificate_key: pathlib.Path
    fingerprint: str
    ca_fingerprint: str


def prepare(settings: config.Config, now: datetime.datetime | None = None) -> Installation:
    """Directories, keys and certificates that are good at `now` (None: now); whoever calls it holds the lock.

    Raises errors.BadState, config.BadSetting.
    """
    state = settings.state_dir
    try:
        for name in ("", *DIRECTORIES):
            files.make_private(state / name)
        names = certificates.local_names(settings.hostnames, settings.host)
        ca, ca_key = certificates.authority(state / "ca")
        certificate = certificates.server(state / "tls", ca, ca_key, names, now or datetime.datetime.now(datetime.UTC))
        return Installation(
            id=_kept(state / "keys" / "installation", lambda: str(uuid.uuid4()).encode()).decode(),
            state_dir=state,
            ticket_key=_ticket_key(state / "keys" / "tickets.pem"),
            csrf_key=_kept(state / "keys" / "csrf", lambda: secrets.token_bytes(32)),
            import_key=_kept(state / "keys" / "imports", fernet.Fernet.generate_key),
            ca=state / "ca" / "ca.pem",
            certificate=state / "tls" / "server.pem",
            certificate_key=state / "tls" / "server.key",
            fingerprint=certificates.fingerprint(certificate),
            ca_fingerprint=certificates.fingerprint(ca),
        )
    except certificates.BadName as error:
        raise config.BadSetting("hostnames", "configuration", f"{str(error)!r} is neither a host name nor an address") from None
    except OSError as error:
        raise errors.BadState(reason=f"{error.filename or state}: {error.strerror}") from None
    except ValueError as error:
        raise errors.BadState(reason=str(error)) from None


class Lock:
    """Holds the state directory for this process, until `release` or the process's end. Raises errors.AlreadyRunning, BadState."""

    def __init__(self, state_dir: pathlib.Path):
        try:
            files.make_private(state_dir)
            files.make_private(state_dir / "run")
            self._descriptor = os.open(state_dir / "run" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise errors.BadState(reason=f"{error.filename or state_dir}: {error.strerror}") from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise errors.AlreadyRunning(state_dir=state_dir, pid=pid or "unknown") from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)


def first_password() -> tuple[str, bool]:
    """The password for the first user: the environment's, or a random one. And whether it must be shown, because nobody knows it yet."""
    # Taken out of the environment: the daemon, and what it starts, need not inherit it.
    given = os.environ.pop(config.PASSWORD_VARIABLE, None)
    return (given, False) if given else (secrets.token_urlsafe(15), True)


def _kept(path: pathlib.Path, make) -> bytes:
    """What the file holds; what `make` returns is written there first if it is missing."""
    if not path.exists():
        files.write(path, make())
    return path.read_bytes()


def _ticket_key(path: pathlib.Path) -> ed25519.Ed25519PrivateKey:
    def make() -> bytes:
        key = ed25519.Ed25519PrivateKey.generate()
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    key = serialization.load_pem_private_key(_kept(path, make), None)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ValueError(f"{path} holds a key of another kind")
    return key
