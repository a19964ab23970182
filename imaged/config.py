"""Every setting of the daemon, once: its meaning, its unit, its default.

Sources: a TOML file (`--config`), and the command line, which overrides it; the names are the same (`control_socket` is
`--control-socket`). What is unknown or bad stops the start, with its name and where it stands.
"""

import dataclasses
import difflib
import os
import re
import shlex
import shutil
import socket
import stat
import tomllib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imaged.backends.policy import Policy

#: The port of the images service that oVirt's clients expect.
IMAGES_PORT = 54322
#: Where ovirt-imageio's daemon has its control socket, unless it is told otherwise.
IMAGEIO_SOCKET = "/run/ovirt-imageio/sock"
#: Bytes that fit the address of a unix socket, without its closing NUL.
MAX_SOCKET_PATH = 107
MAX_FILE = 1 << 20
#: What settings that are numbers may be, at least and at most.
NUMBERS = {"threads": (4, 4096), "max_connections": (16, 65536), "max_connections_per_address": (1, 65536), "stop_timeout": (0, 3600)}
LOG_LEVELS = ("debug", "info", "warning", "error")
#: Names the same host the same way each time it starts, without giving its machine id away.
HOST_NAMESPACE = uuid.UUID("5a1f8a0e-6f0c-4e0c-9c43-0f6f2b6f7f3d")


class BadSetting(Exception):
    """A setting that the daemon cannot start with. The text names it, where it stands, and what was expected."""


def setting(default: Any, meaning: str) -> Any:
    return dataclasses.field(default=default, metadata={"meaning": meaning})


@dataclasses.dataclass(frozen=True)
class Config:
    """All settings, checked. Paths are absolute."""

    root: tuple[Path, ...] = setting((), "Directory that storage domains and tickets' files may lie under. May be given many times.")
    allow: tuple[str, ...] = setting(
        (),
        "What tickets may lead to besides files under the roots: nbd, http or https (any server), nbd:unix:/DIRECTORY, nbd:HOST:PORT, "
        "https://HOST:PORT, http://HOST:PORT, file:///DEVICE. May be given many times.",
    )
    upstream_ca: Path | None = setting(None, "Authority (PEM) of the images servers that tickets lead to; without it the system's.")
    images_service: str | None = setting(
        None,
        "Address (https://HOST:PORT, http://HOST:PORT) of another images service on this host, ovirt-imageio's, which reads and writes "
        "files in our place.",
    )
    images_control: Path | None = setting(None, "Unix socket of that one's control service. Without it " + IMAGEIO_SOCKET + ".")
    local_socket: Path | None = setting(None, "Unix socket of the images service (mode 0600), for clients on this host.")
    listen: tuple[str, int] | None = setting(
        None,
        f"Address of the images service for other hosts, with TLS. Port {IMAGES_PORT} where none is given; [::]:{IMAGES_PORT} is all.",
    )
    control_socket: Path | None = setting(None, "Unix socket of the control service (mode 0600): who may open it is the administrator.")
    control_listen: tuple[str, int] | None = setting(
        None, "Address of the control service for other hosts, with mutual TLS: needs --tls-cert, --tls-key and --tls-ca."
    )
    tls_cert: Path | None = setting(None, "Certificate (PEM, with its chain) of what listens on TCP.")
    tls_key: Path | None = setting(None, "The certificate's private key (PEM, without passphrase).")
    tls_ca: Path | None = setting(None, "Authority (PEM) whose clients may use the control service over TCP.")
    control_client: str | None = setting(
        None, "Common name that the certificate of a client of the control service must have. Without it every client of --tls-ca is one."
    )
    no_tls: bool = setting(
        False, "Images service without TLS: whoever sees the traffic can read and change images. For tests and trusted wires."
    )
    supervised: bool = setting(False, "Stop when standard input ends: the program that started this one is gone.")
    host_id: str = setting("", "Name of this host for programs. Empty: made from the machine id.")
    threads: int = setting(512, "Requests that each address serves at once, 4 to 4096; idle connections need none.")
    max_connections: int = setting(4096, "Connections that each TCP address takes, 16 to 65536; one more is answered with 503.")
    max_connections_per_address: int = setting(
        2048, "Of these, connections from one client's address, 1 to 65536. An IPv6 client counts by its /64 network."
    )
    stop_timeout: int = setting(10, "Seconds, 0 to 3600, that running requests have to end when the daemon stops.")
    scan_command: tuple[str, ...] = setting(
        (),
        "Command that looks at an image which has arrived, as 'clamscan --no-summary -': the image is its standard input. It ends with "
        "status 0 for a clean one, 1 for a bad one. Its words are separated as a shell does it, but no shell sees them.",
    )
    log_level: str = setting("info", f"Least severity that is logged, to standard error: {', '.join(LOG_LEVELS)}.")


NAMES = tuple(field.name for field in dataclasses.fields(Config))
MEANINGS = {field.name: field.metadata["meaning"] for field in dataclasses.fields(Config)}


def option(name: str) -> str:
    return "--" + name.replace("_", "-")


def load(words: Mapping[str, Any], file: Path | None) -> Config:
    """The configuration of the command line's `words` (those given) over the `file`. Raises BadSetting."""
    values: dict[str, Any] = {}
    where: dict[str, str] = {}
    if file is not None:
        values, where = _read(file)
    for name, value in words.items():
        values[name], where[name] = value, f"option {option(name)}"
    known = {name: _convert(name, value, where[name]) for name, value in values.items()}
    config = Config(**known)
    _check(config, where)
    return config if config.host_id else dataclasses.replace(config, host_id=_host_id())


def _read(file: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The file's settings, and where each stands."""
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_FILE + 1).decode()
        if len(text) > MAX_FILE:
            raise BadSetting(f"{file} is no configuration: it has more than {MAX_FILE} bytes")
        values = tomllib.loads(text)
    except OSError as error:
        raise BadSetting(f"Configuration {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadSetting(f"Configuration {file} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"Configuration {file} is not TOML: {error}") from None
    where = {name: f"{file}, line {_line(text, name)}" for name in values}
    for name in values:
        if name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"settings are {', '.join(NAMES)}"
            raise BadSetting(f"{name} ({where[name]}): there is no such setting; {hint}")
    return values, where


def _line(text: str, name: str) -> int:
    """The line on which `name` is set: TOML's reader does not tell."""
    pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(name)}["']?\s*[=.\]]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)


def _convert(name: str, value: Any, where: str) -> Any:
    """`value` as Config has it. Raises BadSetting."""

    def bad(expected: str) -> BadSetting:
        return BadSetting(f"{name} ({where}): {value!r} is not {expected}")

    if name in ("no_tls", "supervised"):
        if not isinstance(value, bool):
            raise bad("true or false")
        return value
    if name in NUMBERS:
        least, most = NUMBERS[name]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise bad(f"a number from {least} to {most}")
        return value
    if name == "root":
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
            raise bad("a list of directories")
        return tuple(Path(os.path.abspath(item)) for item in value)
    if name == "scan_command":
        return _command(value, bad("a command, as a text or a list of words, that begins with the path or name of a program on this host"))
    if name == "allow":
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise bad("a list of places")
        try:
            Policy.parse((), value)
        except ValueError as error:
            raise BadSetting(f"{name} ({where}): {str(error)!r} is not a place: {MEANINGS['allow']}") from None
        return tuple(value)
    if not isinstance(value, str) or not value or "\0" in value:
        raise bad("a text with something in it")
    if name in ("listen", "control_listen"):
        return _address(
            value, bad(f"HOST:PORT, as 192.0.2.1:{IMAGES_PORT} or [::]:{IMAGES_PORT}"), IMAGES_PORT if name == "listen" else None
        )
    if name == "host_id":
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,128}", value):
            raise bad("1 to 128 of a-z, A-Z, 0-9, dot, dash and underscore")
        return value
    if name == "images_service":
        if not re.fullmatch(r"https?://(\[[0-9A-Fa-f:.]+\]|[^:/\s\[\]@]+):[0-9]{1,5}/?", value):
            raise bad("https://HOST:PORT or http://HOST:PORT")
        return value.rstrip("/")
    if name == "control_client":
        if len(value) > 64:
            raise bad("a name of at most 64 characters")
        return value
    if name == "log_level":
        if value not in LOG_LEVELS:
            raise bad(f"one of {', '.join(LOG_LEVELS)}")
        return value
    return Path(os.path.abspath(value))


def _command(value: Any, bad: BadSetting) -> tuple[str, ...]:
    """The command's words, the first of them the path of a program. Raises `bad`."""
    try:
        words = shlex.split(value) if isinstance(value, str) else value
    except ValueError:  # quotes without an end
        raise bad from None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise bad
    program = shutil.which(words[0])
    if program is None:
        raise bad
    return os.path.abspath(program), *words[1:]


def _address(text: str, bad: BadSetting, port: int | None) -> tuple[str, int]:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:\[\]\s]+))(?::([0-9]{1,5}))?", text)
    if match is None or (match[3] is None and port is None):
        raise bad
    number = port if match[3] is None else int(match[3])
    if number is None or number > 65535:
        raise bad
    return match[1] or match[2], number


def _check(config: Config, where: Mapping[str, str]) -> None:
    """What the settings mean together, and to this host. Raises BadSetting."""
    if not config.root:
        raise BadSetting("root is missing: say with --root under which directories images may lie")
    for root in config.root:
        if not root.is_dir():
            raise BadSetting(f"root ({where['root']}): {root} is not a directory: make it first")
    if not (config.local_socket or config.listen):
        raise BadSetting("local_socket or listen is missing: without one of them there is no images service")
    if not (config.control_socket or config.control_listen):
        raise BadSetting("control_socket or control_listen is missing: without one of them nobody can authorise anything")
    for name in ("local_socket", "control_socket"):
        path = getattr(config, name)
        if path and len(os.fsencode(path)) > MAX_SOCKET_PATH:
            length = len(os.fsencode(path))
            raise BadSetting(
                f"{name} ({where[name]}): {path} has {length} bytes, and a socket's path at most {MAX_SOCKET_PATH}: use a shorter one"
            )
    if config.local_socket and config.local_socket == config.control_socket:
        raise BadSetting(f"control_socket ({where['control_socket']}): is the path of local_socket too: each service needs its own")
    _check_tls(config, where)


def _check_tls(config: Config, where: Mapping[str, str]) -> None:
    certified = config.tls_cert is not None and config.tls_key is not None
    if (config.tls_cert is None) != (config.tls_key is None):
        raise BadSetting("tls_cert and tls_key belong together: give both or none")
    if config.listen and not certified and not config.no_tls:
        raise BadSetting(f"listen ({where['listen']}): needs tls_cert and tls_key (or no_tls, for a wire that is trusted)")
    if config.control_listen and not (certified and config.tls_ca):
        raise BadSetting(
            f"control_listen ({where['control_listen']}): needs tls_cert, tls_key and tls_ca: who controls shows a certificate"
        )
    if config.images_control and not config.images_service:
        raise BadSetting(f"images_control ({where['images_control']}): needs images_service, which it belongs to")
    if config.control_client and not config.control_listen:
        raise BadSetting(f"control_client ({where['control_client']}): needs control_listen: on a socket nobody shows a certificate")
    for name in ("tls_cert", "tls_key", "tls_ca", "upstream_ca"):
        path = getattr(config, name)
        if path is None:
            continue
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise BadSetting(f"{name} ({where[name]}): {path} is not a file")
            with path.open("rb"):
                pass
        except OSError as error:
            raise BadSetting(f"{name} ({where[name]}): {path} cannot be read: {error.strerror}") from None


def _host_id() -> str:
    """The same for every start on this machine."""
    try:
        machine = Path("/etc/machine-id").read_text("ascii").strip()
    except (OSError, ValueError):
        machine = ""
    return str(uuid.uuid5(HOST_NAMESPACE, machine or socket.gethostname()))
