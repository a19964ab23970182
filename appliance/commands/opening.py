"""Opens the database of an appliance, running or not, for the commands that look after users and tokens."""

import contextlib
import os
import pathlib
import sys
from collections.abc import Iterator, Mapping

import click

from appliance import config
from appliance.admin import clock, database, events, tokens, users

#: A new password for `user add` and `user passwd`, for scripts. Never an argument: the machine's other users could read it.
PASSWORD_VARIABLE = "IMAGE_APPLIANCE_USER_PASSWORD"


class Books:
    """What these commands look after: `users` and `tokens`."""

    def __init__(self, opened: database.Database, settings: config.Config):
        now = clock.Clock()
        recorded = events.Events(opened, now)
        self.users = users.Users(opened, recorded, now)
        self.tokens = tokens.Tokens(opened, recorded, now, settings.token_lifetime)


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
