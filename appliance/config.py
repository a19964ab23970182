"""Every setting, once: its default, its unit, its bounds, what it is for and why it is so.

Sources, each overriding the one before: the defaults below, a TOML file (`config.toml` in the state directory, or the one named by
`--config`), environment variables (`IMAGE_APPLIANCE_` and the name in upper case), the command line. A setting that is unknown or
has a bad value stops the start, with its name and where it stands: a misspelt limit must not be a missing limit.
"""

import dataclasses
import difflib
import os
import pathlib
import re
import socket
import tomllib
import typing
from collections.abc import Mapping

from appliance import values
from appliance.values import DAY, HOUR, MINUTE
from imaged import units

PREFIX = "IMAGE_APPLIANCE_"
FILE_NAME = "config.toml"

#: Read by the first run alone and kept nowhere, so not a setting: `bootstrap` takes the first password from it.
PASSWORD_VARIABLE = f"{PREFIX}ADMIN_PASSWORD"

MAX_FILE_BYTES = 1 << 20

KIB, TIB = 1 << 10, 1 << 40


class BadSetting(Exception):
    """A setting that the program cannot start with. Its text names the setting, where it stands, and what was expected."""

    def __init__(self, what: str, where: str, why: str):
        self.what, self.where, self.why = what, where, why
        super().__init__(f"{what} ({where}): {why}")


def default_state_dir() -> pathlib.Path:
    """`image-appliance` in the user's data home (XDG base directories: a relative or empty XDG_DATA_HOME is to be ignored)."""
    home = os.environ.get("XDG_DATA_HOME", "")
    data = pathlib.Path(home) if os.path.isabs(home) else pathlib.Path.home() / ".local" / "share"
    return data / "image-appliance"


def setting(default, meaning: str, *, unit: str = "", low: float | None = None, high: float | None = None, choices: tuple[str, ...] = ()):
    """A field of Config: `low` and `high` are inclusive and in `unit`; `default` may be a function that makes one."""
    metadata = {"meaning": meaning, "unit": unit, "low": low, "high": high, "choices": choices}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def tcp_port(default: int, meaning: str, *, low: int = 0):
    return setting(default, meaning, unit="TCP port", low=low, high=65535)


def duration(default: float, meaning: str, *, low: float = 1, high: float = 3650 * DAY):
    return setting(default, meaning, unit="seconds", low=low, high=high)


@dataclasses.dataclass(frozen=True)
class Config:
    """All settings of one appliance, checked. Times are seconds (float), sizes bytes (int)."""

    state_dir: pathlib.Path = setting(
        default_state_dir,
        "Where everything the appliance keeps lives: database, certificates, keys, sockets, storage domains.",
        unit="directory",
    )
    host: str = setting(
        "",
        "Address to listen on. Empty: every IPv4 address with HTTPS, but only 127.0.0.1 with plain HTTP, which must not leave "
        "the machine unasked.",
        unit="address",
    )
    port: int = tcp_port(
        8443, "Port of the pages, the API and the bytes: one origin, so that a browser trusts one certificate once.", low=1
    )
    images_port: int = tcp_port(54323, "Second port, for clients that want only /sessions and /images. 0: none.")
    http: bool = setting(False, "Serve plain HTTP, for use behind a reverse proxy that speaks TLS.", unit="true or false")
    hostnames: tuple[str, ...] = setting(
        (), "Names and addresses that the server's certificate is made for, beside this machine's own and localhost.", unit="list of names"
    )
    database_url: str = setting("", "Database, as an SQLAlchemy URL. Empty: database.sqlite in the state directory.", unit="URL")
    threads: int = setting(
        1024, "Threads that serve requests. An idle one costs 15 KiB; each moving chunk holds one.", unit="threads", low=8, high=16384
    )
    threads_reserved: int = setting(
        64,
        "Of these, the threads that bytes may never take, so that pages, API and heartbeats answer whatever is uploaded.",
        unit="threads",
        low=4,
        high=4096,
    )
    max_connections: int = setting(
        4096, "Connections that each port takes; one more is answered with 503 and Retry-After.", unit="connections", low=16, high=65536
    )
    max_connections_per_address: int = setting(
        2048,
        "Of these, connections from one client's address (of IPv6: one /64 network). A reverse proxy is one client.",
        unit="connections",
        low=1,
        high=65536,
    )
    stop_timeout: float = duration(5.0, "Requests that run when the appliance stops have this long to end.", low=0, high=600)
    daemon_port: int = tcp_port(54322, "TLS port of the local imaged's images service, for clients that reach the host directly. 0: none.")
    proxies: tuple[str, ...] = setting(
        (), "Standalone proxies, https://NAME:PORT each: clients' bytes go through them by turns, while they answer.", unit="list of URLs"
    )
    heartbeat_timeout: float = duration(60.0, "A browser's upload whose heartbeat is missing for this long is paused: its page is gone.")
    ticket_lifetime: float = duration(
        300.0, "A ticket on the host lives this long; it is renewed while the transfer is alive, and dies with the appliance.", low=2
    )
    signed_ticket_lifetime: float = duration(300.0, "A client's signed ticket may open a session for this long.")
    clock_skew: float = duration(
        5.0, "Signed tickets are accepted this much before and after their time: clocks differ.", low=0, high=5 * MINUTE
    )
    paused_lifetime: float = duration(7 * DAY, "A paused transfer is given up, and its space freed, after this long.")
    finished_lifetime: float = duration(30 * DAY, "Finished transfers and old events stay listed for this long.")
    monitor_interval: float = duration(1.0, "The watch over hosts, tickets and heartbeats looks this often.", low=0.05, high=MINUTE)
    inactivity_timeout: float = duration(60.0, "A connection on which no byte moves for this long is closed.")
    login_lifetime: float = duration(12 * HOUR, "A browser stays logged in for this long.")
    login_attempts: int = setting(
        5,
        "Failed logins of one user or from one address within login_window before further ones are refused.",
        unit="attempts",
        low=1,
        high=1000,
    )
    login_window: float = duration(5 * MINUTE, "Failed logins are counted over, and refused for, this long.")
    certificate_lifetime: float = duration(
        90 * DAY, "A host's certificate is valid for this long, and renewed when a third of it is left.", low=5
    )
    token_lifetime: int = setting(
        90, "An API token is valid for this long, unless `token add --days` says otherwise.", unit="days", low=1, high=3650
    )
    max_json_bytes: int = setting(64 * KIB, "Largest JSON or XML body of an API request.", unit="bytes", low=KIB, high=16 << 20)
    max_virtual_size: int = setting(64 * TIB, "Largest virtual size of a disk that is accepted.", unit="bytes", low=1, high=(1 << 63) - 1)
    max_image_size: int = setting(64 * TIB, "Largest file that is accepted.", unit="bytes", low=1, high=(1 << 63) - 1)
    import_schemes: tuple[str, ...] = setting(
        ("http", "https", "file"),
        "What URLs that images are imported from may begin with, as far as it is installed; file only with import_folder.",
        unit="list of schemes",
    )
    import_ports: tuple[str, ...] = setting(
        ("80", "443", "8080", "8443"),
        "Ports that images are imported from: others are more often some inner service's.",
        unit="list of ports",
    )
    import_allow: tuple[str, ...] = setting(
        (),
        "Where images may be imported from though it is not public: users reach these with the appliance's rights. Of a name nothing else "
        "is checked.",
        unit="list of networks",
    )
    import_folder: str = setting("", "Folder of this server that file: URLs may lead into. Empty: there are none.", unit="directory")
    import_ca: str = setting("", "Authorities (PEM) that sources' certificates may be signed by, beside the system's.", unit="file")
    import_timeout: float = duration(60.0, "A source that sends nothing for this long is taken for dead, and asked again.")
    import_redirects: int = setting(5, "How often a source may send us elsewhere.", unit="redirects", low=0, high=20)
    import_attempts: int = setting(
        8,
        "How often a source that fails is asked again without a byte more, first at once, then with growing pauses.",
        unit="attempts",
        low=1,
        high=1000,
    )
    import_concurrency: int = setting(3, "Imports that fetch at the same time; others wait for their turn.", unit="imports", low=1, high=64)
    import_step_timeout: float = duration(HOUR, "A third party's import step that takes longer is given up, and the import fails.")
    import_any_content: bool = setting(
        True,
        "Images without a partition table, a known file system or an ISO are imported, with a remark. Switched off, they are refused.",
        unit="true or false",
    )
    import_bandwidth: int = setting(0, "Bytes a second that one import may take. 0: as many as come.", unit="bytes", low=0, high=1 << 40)
    scan_command: tuple[str, ...] = setting(
        (),
        "Command by which the local imaged looks at an image that was imported: it reads it from standard input, and ends with 0 for a "
        "clean one, 1 for a bad one. Empty: none.",
        unit="command",
    )
    glance_store: str = setting(
        "", "Storage domain of images whose Glance client names none. Empty: the one with most room.", unit="name of a storage domain"
    )
    task_lifetime: float = duration(48 * HOUR, "A Glance client's task is forgotten this long after its end; its image stays.")
    log_level: str = setting("info", "What is written to the log: this and what is graver.", choices=("debug", "info", "warning", "error"))

    def __post_init__(self):
        """Fills what follows from other settings when it is left empty."""
        if not self.host:
            object.__setattr__(self, "host", "127.0.0.1" if self.http else "0.0.0.0")
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.state_dir / 'database.sqlite'}")

    @property
    def url(self) -> str:
        """Where others reach the appliance, as far as the settings tell: by its first name, if it listens everywhere or behind a proxy."""
        everywhere = self.host in ("0.0.0.0", "::")
        name = (self.hostnames or (socket.gethostname(),))[0] if everywhere or self.http else self.host
        port = "" if self.http else f":{self.port}"
        return f"https://{f'[{name}]' if ':' in name else name}{port}"


FIELDS = {field.name: field for field in dataclasses.fields(Config)}
TYPES = typing.get_type_hints(Config)


def load(file: pathlib.Path | str | None = None, environ: Mapping[str, str] | None = None, **options) -> Config:
    """The configuration from all sources. `options` are the command line's, by setting name; None means not given.

    `file` replaces `config.toml` of the state directory, and must exist. Raises BadSetting.
    """
    environ = os.environ if environ is None else environ
    given = {name: check(name, value, "the command line") for name, value in options.items() if value is not None}
    given = {**_from_environment(environ), **given}
    path = pathlib.Path(file) if file else pathlib.Path(given.get("state_dir") or default_state_dir()) / FILE_NAME
    written = _from_file(path, required=file is not None)
    if file is None and written.get("state_dir", path.parent) != path.parent:
        raise BadSetting(
            "state_dir", str(path), "this file was found in another state directory; use --state-dir, or --config FILE with it"
        )
    config = Config(**{**written, **given})
    _check_together(config, path)
    return config


def check(name: str, value, where: str):
    """`value` as the setting's own type: bounds kept, "7 d" and "64 TiB" understood. Raises BadSetting."""
    if name not in FIELDS:
        raise BadSetting(name, where, f"there is no such setting; `image-appliance config` lists them all{_nearest(name)}")
    try:
        value = values.convert(TYPES[name], FIELDS[name].metadata["unit"], value)
    except (ValueError, TypeError, OverflowError):
        raise BadSetting(name, where, f"{_shown(value)} is not what was expected: {expected(name)}") from None
    limits = FIELDS[name].metadata
    low, high = limits["low"], limits["high"]
    beyond = (low is not None and value < low) or (high is not None and value > high)
    if beyond or (limits["choices"] and value not in limits["choices"]):
        raise BadSetting(name, where, f"{_shown(value)} is not what was expected: {expected(name)}")
    return value


def expected(name: str) -> str:
    """What the setting takes, in words: `a whole number of bytes, 1024 to 16777216`."""
    kind, facts = TYPES[name], FIELDS[name].metadata
    if facts["choices"]:
        return "one of " + ", ".join(facts["choices"])
    if kind is int or kind is float:
        number = "a whole number" if kind is int else "a number"
        unit = f" of {facts['unit']}" if facts["unit"].endswith("s") else ""
        suffixes = f' (or text such as "5 {list(values.SUFFIXES[facts["unit"]])[1]}")' if facts["unit"] in values.SUFFIXES else ""
        return f"{number}{unit}, {facts['low']} to {_plain(facts['high'])}{suffixes}"
    if facts["unit"] == "command":
        return "a command, as text or as a list of words, that begins with the path or name of a program of this server"
    return {
        bool: "true or false",
        str: f"text ({facts['unit']})",
        pathlib.Path: "the path of a directory",
    }.get(kind, f"a list of {values.ITEMS.get(facts['unit'])} (with commas between them outside a file)")


def _from_environment(environ: Mapping[str, str]) -> dict:
    variables = {variable: value for variable, value in environ.items() if variable.startswith(PREFIX) and variable != PASSWORD_VARIABLE}
    found = {}
    for variable, value in sorted(variables.items()):
        name = variable.removeprefix(PREFIX).lower()
        if variable != variable.upper():
            raise BadSetting(variable, "environment variable", f"names are in upper case: {variable.upper()}")
        found[name] = check(name, value, f"environment variable {variable}")
    return found


def _from_file(path: pathlib.Path, *, required: bool) -> dict:
    """The settings that a TOML file gives, checked; none if it need not exist and does not."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        if required:
            raise BadSetting("--config", str(path), "there is no such file") from None
        return {}
    except OSError as error:
        raise BadSetting("configuration file", str(path), f"cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise BadSetting("configuration file", str(path), f"is larger than {units.size(MAX_FILE_BYTES)}")
    try:
        text = data.decode("utf-8")
        given = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadSetting("configuration file", f"{path}, line {line}", "is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise BadSetting("configuration file", f"{path}, line {_bad_line(text, error)}", f"is not valid TOML: {error}") from None
    return {name: check(name, value, f"{path}, line {line_of(text, name)}") for name, value in given.items()}


def line_of(text: str, key: str) -> int:
    """The line (from 1) of valid TOML `text` on which the statement that gives the top-level `key` begins.

    tomllib tells no lines. A beginning of the text that ends between two statements is itself valid TOML, so the statement begins
    after the longest one that does not have the key: right inside multi-line strings too, where looking for `key =` would not be.
    """
    lines = text.splitlines(keepends=True)
    begins = 1
    for count in range(1, len(lines) + 1):
        try:
            given = tomllib.loads("".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        if key in given:
            break
        begins = count + 1
    return begins


def _bad_line(text: str, error: tomllib.TOMLDecodeError) -> int:
    """Where tomllib stopped; it gives the end of the document no number."""
    match = re.search(r"at line (\d+)", str(error))
    return int(match[1]) if match else max(1, len(text.splitlines()))


def _check_together(config: Config, path: pathlib.Path) -> None:
    """What no single value can show to be wrong. Raises BadSetting."""
    where = f"{path}, environment and command line together"
    if config.threads_reserved >= config.threads:
        raise BadSetting("threads_reserved", where, f"must be below threads ({config.threads}), or no byte could move")
    for name in ("heartbeat_timeout", "ticket_lifetime"):
        if getattr(config, name) <= config.monitor_interval:
            raise BadSetting(
                name, where, f"must be above monitor_interval ({config.monitor_interval:g} s), which is how often it is looked at"
            )
    ports = [(name, getattr(config, name)) for name in ("port", "images_port", "daemon_port") if getattr(config, name)]
    for index, (name, number) in enumerate(ports):
        for other, taken in ports[:index]:
            if number == taken:
                raise BadSetting(name, where, f"is {number}, as {other} is: each listener needs its own port")


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, FIELDS, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _plain(number: float) -> str:
    """Without an idle fraction: 300, 0.5."""
    return str(int(number)) if number == int(number) else str(number)


def _shown(value) -> str:
    """A value for an error message: short, whatever it was."""
    text = str(value) if isinstance(value, pathlib.Path) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
