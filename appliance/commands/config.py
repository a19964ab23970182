"""`image-appliance config`: all settings, as a file that can be used again."""

import dataclasses
import json
import pathlib
import shutil
import textwrap

import click
import rich.console
import rich.text

from appliance import config as settings
from appliance.commands import options

WIDTH = 100


@click.command()
@options.state_dir
@options.config_file
def config(state_dir, config_file) -> None:
    """Print every setting: what it is now, its default, its unit and its meaning.

    The output is TOML: what you keep of it in config.toml in the state directory is read at the next start.
    """
    loaded = settings.load(config_file, state_dir=state_dir)
    console = rich.console.Console(highlight=False, soft_wrap=True)
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 0)).columns)
    for name, field in settings.FIELDS.items():
        for line in explanation(name, field, width):
            console.print(rich.text.Text(line, style="dim"))
        console.print(statement(name, said(loaded, name)), end="\n\n")


def said(loaded: settings.Config, name: str):
    """The setting's value; empty where it only follows from others: kept in the file, `host` would let plain HTTP out of the machine."""
    value = getattr(loaded, name)
    following = dataclasses.replace(loaded, host="", database_url="")
    return "" if settings.FIELDS[name].default == "" and value == getattr(following, name) else value


def explanation(name: str, field: dataclasses.Field, width: int) -> list[str]:
    """The comment above a setting, at most `width` columns wide."""
    unit = field.metadata["unit"]
    facts = [
        f"Default: {default(name)}" + (f" {unit}" if unit in ("seconds", "bytes", "threads", "days", "attempts") else ""),
        f"expected: {settings.expected(name)}",
        f"environment: {settings.PREFIX}{name.upper()}",
    ]
    return [
        f"# {line}"
        for text in (field.metadata["meaning"], "; ".join(facts) + ".")
        for line in textwrap.wrap(text, width - 2, break_on_hyphens=False)
    ]


def default(name: str) -> str:
    """A setting's default, as it would be written in the file."""
    field = settings.FIELDS[name]
    made = field.default_factory
    return toml(field.default if made is dataclasses.MISSING else made())


def statement(name: str, value) -> rich.text.Text:
    """`name = value` in TOML. A URL with a password is shown without it, and therefore as a comment."""
    line = rich.text.Text.assemble((name, "bold cyan"), " = ", (toml(value), "green"))
    if name == "database_url" and value and (hidden := without_password(value)) != value:
        line = rich.text.Text.assemble("# ", (name, "bold cyan"), " = ", (toml(hidden), "green"), ("  # the password is not shown", "dim"))
    return line


def without_password(url: str) -> str:
    """`url` with *** for its password; what is no URL is hidden altogether, as there is no telling what is secret in it."""
    import sqlalchemy.engine

    try:
        return sqlalchemy.engine.make_url(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return "***"


def toml(value) -> str:
    """A setting's value in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(toml(part) for part in value) + "]"
    # A TOML basic string is JSON's, but for DEL, which JSON leaves bare.
    return json.dumps(str(value) if isinstance(value, pathlib.Path) else value, ensure_ascii=False).replace("\x7f", "\\u007f")
