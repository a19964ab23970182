"""Opens the database of an appliance, running or not, for the commands that look after it."""

import contextlib
import functools
import os
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping

import click

from appliance import authority, config
from appliance.admin import database, domains, enrolment, fleet, ground, hosts, tokens, users
from appliance.commands import options
from appliance.transfer import hosts as connections

#: A new password for `user add` and `user passwd`, for scripts. Never an argument: the machine's other users could read it.
PASSWORD_VARIABLE = "IMAGE_APPLIANCE_USER_PASSWORD"


class Books:
    """What these commands look after: `users`, `tokens`, `hosts`, `enrolment` and `domains`."""

    def __init__(self, opened: database.Database, settings: config.Config):
        self._settings = settings
        self._ground = ground.Ground.on(settings, opened)
        self.users = users.Users(self._ground)
        self.tokens = tokens.Tokens(self._ground)

    @property
    def hosts(self) -> hosts.Hosts:
        return self._fleet.hosts

    @functools.cached_property
    def domains(self) -> domains.Domains:
        """The hosts are asked, by connections of our own."""
        self.hosts.load()
        return self._fleet.domains

    @functools.cached_property
    def enrolment(self) -> enrolment.Enrolment:
        # Where it listens now, whatever it was started with; else where the settings say that it will.
        running = self._settings.state_dir / "run" / "address"
        url = running.read_text("ascii") if running.exists() else self._settings.url
        return enrolment.Enrolment(self._ground, self.hosts, self._authority, url)

    @functools.cached_property
    def _fleet(self) -> fleet.Fleet:
        return fleet.Fleet(self._ground, connections.Hosts(), self._authority)

    @functools.cached_property
    def _authority(self) -> authority.Authority:
        return authority.Authority(self._settings.state_dir, self._settings.certificate_lifetime)


@contextlib.contextmanager
def books(state_dir: pathlib.Path | None, environ: Mapping[str, str] = os.environ) -> Iterator[Books]:
    """The appliance's books in `state_dir`. Raises config.BadSetting, click.ClickException where there is no appliance."""
    settings = config.load(None, {name: value for name, value in environ.items() if name != PASSWORD_VARIABLE}, state_dir=state_dir)
    file = settings.database_url.removeprefix("sqlite:///")
    if file != settings.database_url and not pathlib.Path(file).is_file():
        raise click.ClickException(
            f"There is no appliance in {settings.state_dir}: start it with `image-appliance run`, or name its directory with --state-dir."
        )
    opened = database.Database(settings.database_url)
    try:
        yield Books(opened, settings)
    finally:
        opened.close()


def with_books(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the books of the appliance, before its own arguments, and the option --state-dir to say of which one."""

    @options.state_dir
    @functools.wraps(command)
    def opened(state_dir: pathlib.Path | None, **arguments) -> None:
        with books(state_dir) as found:
            command(found, **arguments)

    return opened


def new_password(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """From the environment, else asked for twice at a terminal, else the first line of standard input."""
    if environ.get(PASSWORD_VARIABLE):
        return environ[PASSWORD_VARIABLE]
    if sys.stdin.isatty():
        return click.prompt(f"New password of {name}", hide_input=True, confirmation_prompt=True, err=True)
    line = sys.stdin.readline(4096)
    if not line.strip("\r\n"):
        raise click.ClickException(f"There is no password: write it to standard input, or set {PASSWORD_VARIABLE}.")
    return line.rstrip("\r\n")
