"""How a host becomes one of an appliance's: two commands, and no file is carried by hand.

The appliance is known by its authority's fingerprint, which came with the token: the authority is fetched first, over a connection that
nobody vouches for, and counts only if it has that fingerprint. Token and request then travel over one that the authority vouches for.
"""

import hashlib
import http.client
import json
import os
import re
import ssl
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from imaged import files, identity
from imaged.config import MAX_SOCKET_PATH
from imaged.httpd import tls

#: Seconds that the appliance has for each answer, and bytes that one may have.
TIMEOUT = 30.0
MAX_ANSWER = 256 << 10

CONFIG, IDENTITY, AUTHORITY = "imaged.toml", "host.pem", "ca.pem"


class CannotEnrol(Exception):
    """Why the host is not enrolled, and what to do, for the person at its console."""


def default_state_dir() -> Path:
    """The system's place for root, else `imaged` in the user's data home."""
    if os.geteuid() == 0:
        return Path("/var/lib/imaged")
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".local" / "share") / "imaged"


def enrol(
    appliance: str,
    token: str,
    fingerprint: str,
    *,
    state_dir: Path,
    roots: Sequence[Path] = (),
    listen: str | None = None,
    cafile: Path | None = None,
    force: bool = False,
) -> Path:
    """Enrols this host with the appliance (https://host:port); returns the configuration to start the daemon with.

    `roots` are the directories that its storage domains may lie under (default: `domains` in `state_dir`); `listen` the address of both
    services, where it is not to be the host's own; `cafile` the authority of a reverse proxy before the appliance. `force` replaces an
    enrolment that is there. Raises CannotEnrol.
    """
    host, port = _place(appliance)
    wanted = re.sub(r"[:\s]", "", fingerprint).lower()
    if not re.fullmatch("[0-9a-f]{64}", wanted):
        raise CannotEnrol(f"{fingerprint!r} is no SHA-256 fingerprint: copy the whole command that the appliance printed")
    config = state_dir / CONFIG
    if config.exists() and not force:
        raise CannotEnrol(f"{state_dir} holds an enrolment already: use another --state-dir, or replace it with --force")
    roots = [Path(os.path.abspath(root)) for root in roots] or [state_dir / "domains"]
    try:
        for directory in (state_dir, *roots):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        state_dir.chmod(0o700)
    except OSError as error:
        raise CannotEnrol(f"{error.filename}: {error.strerror}") from None
    if not os.access(state_dir, os.W_OK):
        # Before the token is spent.
        raise CannotEnrol(f"{state_dir} cannot be written: run this as the user that imaged runs as, or use another --state-dir")
    authority = _authority(host, port, wanted)
    key = identity.new_key()
    body = {"token": token, "request": identity.request_for(key)}
    try:
        context = tls.client_context(str(cafile)) if cafile else tls.client_context(cadata=authority)
    except OSError as error:
        raise CannotEnrol(f"--cafile {cafile} cannot be read as PEM: {error.strerror or error}") from None
    told = _ask(host, port, context, "POST", "/api/v1/hosts/enrol", body)
    try:
        _write(state_dir, identity.key_pem(key), told, roots, listen or told["address"])
    except OSError as error:
        raise CannotEnrol(f"{error.filename or state_dir}: {error.strerror}; get a new token and try again") from None
    return config


def _place(appliance: str) -> tuple[str, int]:
    try:
        parts = urllib.parse.urlsplit(appliance)
        if parts.scheme == "https" and parts.hostname and parts.path in ("", "/"):
            return parts.hostname, parts.port or 443
    except ValueError:
        pass
    raise CannotEnrol(f"{appliance!r} is no address of an appliance: https://HOST:PORT is expected")


def _authority(host: str, port: int, wanted: str) -> str:
    """The authority (PEM) that has the fingerprint `wanted`."""
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.check_hostname, stranger.verify_mode = False, ssl.CERT_NONE
    pem = _ask(host, port, stranger, "GET", "/api/v1/authority").get("certificate")
    try:
        found = x509.load_pem_x509_certificate(str(pem).encode())
    except ValueError:
        raise CannotEnrol(f"https://{host}:{port} is no appliance: its authority's certificate cannot be read") from None
    if hashlib.sha256(found.public_bytes(serialization.Encoding.DER)).hexdigest() != wanted:
        raise CannotEnrol(
            f"https://{host}:{port} is not the appliance that this token is from: its authority has another fingerprint. "
            "Nothing was sent to it; somebody may stand in between"
        )
    return found.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _ask(host: str, port: int, context: ssl.SSLContext, method: str, path: str, body: dict | None = None) -> dict:
    """The JSON that the appliance answers with. Raises CannotEnrol."""
    place = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        response = connection.getresponse()
        answer = json.loads(response.read(MAX_ANSWER))
    except ssl.SSLCertVerificationError as error:
        raise CannotEnrol(
            f"{place} is not what its certificate says ({error.verify_message}): use a name that the appliance's setting hostnames lists"
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CannotEnrol(f"{place} does not answer as an appliance does: {error or type(error).__name__}") from None
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise CannotEnrol(f"{place} does not answer as an appliance does")
    if response.status >= 300:
        told = " ".join(str(answer.get(part, "")) for part in ("detail", "hint")).strip().removesuffix(".")
        raise CannotEnrol(told or f"the appliance answers {response.status}")
    return answer


def _write(state_dir: Path, key: bytes, told: dict, roots: Sequence[Path], listen: str) -> None:
    """The configuration last: where it is, everything is."""
    files.write(state_dir / IDENTITY, key + told["certificate"].encode("ascii"))
    files.write(state_dir / AUTHORITY, told["ca"].encode("ascii"))
    place = f"[{listen}]" if ":" in listen else listen
    settings: dict[str, str | list[str]] = {
        "root": [str(root) for root in roots],
        "listen": f"{place}:{told['images_port']}",
        "control_listen": f"{place}:{told['control_port']}",
        "control_client": told["client"],
        "tls_cert": str(state_dir / IDENTITY),
        "tls_key": str(state_dir / IDENTITY),
        "tls_ca": str(state_dir / AUTHORITY),
    }
    socket = state_dir / "run" / "control"
    # For imaged-ctl on the host itself.
    if len(os.fsencode(socket)) <= MAX_SOCKET_PATH:
        settings["control_socket"] = str(socket)
    # JSON's texts and lists are TOML's too, but for DEL, which no path should have.
    lines = [f"# Host {told['name']}, written by `imaged enrol`."] + [
        f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in settings.items()
    ]
    files.write(state_dir / CONFIG, ("\n".join(lines) + "\n").encode())
