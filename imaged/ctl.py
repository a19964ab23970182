"""The command `imaged-ctl`: a person's way to the tickets of the daemon on this host, through its control socket."""

import json
import os
import re
import uuid
from typing import Any

import click

from imaged import client, units

SOCKET = "/run/imaged/control.sock"


class Control(client.Control):
    """With what only people ask for."""

    def remove_all(self) -> None:
        self._call("DELETE", "/tickets/")

    def metrics(self) -> str:
        with self._connections.connection() as connection:
            connection.start("GET", "/metrics", [])
            response = connection.response()
            text = response.read()
        if response.status >= 400:
            raise client.refused(response, text)
        return text.decode()


class Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """What a person can put right is said in a sentence, without a traceback."""
        try:
            return super().invoke(ctx)
        except client.Unreachable as error:
            raise click.ClickException(f"{error}. Is imaged running, and is this its control socket (--socket)?") from None
        except client.Refused as error:
            raise click.ClickException(error.message) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option(
    "--socket", default=SOCKET, show_default=True, metavar="PATH", envvar="IMAGED_CONTROL_SOCKET", help="The daemon's control socket."
)
@click.pass_context
def main(ctx: click.Context, socket: str) -> None:
    """Tickets of the imaged on this host: who knows a ticket's id may read or write one image.

    Whoever may open the control socket is the administrator.
    """
    ctx.obj = Control(f"unix:{os.path.abspath(socket)}", timeout=75)


def _size(ctx: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """Bytes, from a number with or without KiB, MiB, GiB, TiB."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]+)\s*(B|KiB|MiB|GiB|TiB)?", text)
    if not match:
        raise click.BadParameter("must be a number of bytes, or one with KiB, MiB, GiB or TiB behind it")
    return int(match[1]) * 1024 ** units.UNITS.index(match[2] or "B")


@main.command()
@click.argument("file", type=click.File("r"), required=False)
@click.option(
    "--url", metavar="URL", help="Where the image is: file:///PATH, nbd:unix:/SOCKET, nbd:HOST:PORT, https://HOST:PORT/images/ID."
)
@click.option("--size", metavar="SIZE", callback=_size, help="Upper limit of the image's size: bytes, or with KiB, MiB, GiB, TiB.")
@click.option(
    "--op", "ops", type=click.Choice(["read", "write"]), multiple=True, help="What it allows; write includes read. [default: read]"
)
@click.option("--id", "uuid_", metavar="ID", help="The ticket's id. [default: a new one]")
@click.option("--timeout", type=click.IntRange(0), metavar="SECONDS", help="Lifetime from the last use. [default: 3600]")
@click.option("--inactivity-timeout", type=click.IntRange(1), metavar="SECONDS", help="How long a connection may be silent. [default: 60]")
@click.option("--filename", metavar="NAME", help="Name that a browser saves a download by.")
@click.option("--sparse", is_flag=True, help="Zeros may be holes.")
@click.option("--dirty", is_flag=True, help="Tell what has changed (NBD exports with a bitmap).")
@click.option("--journal", is_flag=True, help="Keep what is durable in a file beside the image.")
@click.pass_obj
def add(control: Control, file: Any, uuid_: str | None, ops: tuple[str, ...], **words: Any) -> None:
    """Add a ticket, or replace it: from FILE (JSON, - is standard input), from the options, or both. Prints its id."""
    ticket: Any = {}
    if file:
        try:
            ticket = json.load(file)
        except (ValueError, RecursionError):
            raise click.ClickException(f"{file.name} is not JSON") from None
        if not isinstance(ticket, dict):
            raise click.ClickException(f"{file.name} is not a JSON object")
    ticket |= {name: value for name, value in words.items() if value not in (None, False)}
    ticket |= {"ops": list(ops)} if ops else {}
    ticket = {"uuid": str(uuid.uuid4()), "ops": ["read"], "timeout": 3600} | ticket | ({"uuid": uuid_} if uuid_ else {})
    for name in ("url", "size"):
        if name not in ticket:
            raise click.UsageError(f"--{name} is missing (or {name!r} in the file)")
    if not isinstance(ticket["uuid"], str):
        raise click.ClickException("'uuid' must be a text")
    control.put_ticket(ticket)
    click.echo(ticket["uuid"])


@main.command()
@click.argument("ticket")
@click.pass_obj
def show(control: Control, ticket: str) -> None:
    """All that is known of a ticket, as JSON: its terms, and what has arrived."""
    click.echo(json.dumps(control.ticket(ticket), indent=2))


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="All that is known, as JSON.")
@click.pass_obj
def list_(control: Control, as_json: bool) -> None:
    """The tickets, one on a line: id, what it allows, what it does now, bytes transferred, size, URL."""
    tickets = list(control.tickets())
    if as_json:
        click.echo(json.dumps(tickets, indent=2))
        return
    for ticket in tickets:
        state = "canceled" if ticket["canceled"] else "active" if ticket["active"] else "idle"
        sizes = f"{units.size(ticket['transferred'])}\t{units.size(ticket['size'])}"
        click.echo(f"{ticket['uuid']}\t{','.join(ticket['ops'])}\t{state}\t{sizes}\t{ticket['url']}")


@main.command()
@click.argument("ticket")
@click.option("--timeout", type=click.IntRange(0), default=3600, show_default=True, metavar="SECONDS", help="From now.")
@click.pass_obj
def renew(control: Control, ticket: str, timeout: int) -> None:
    """Let a ticket, also an expired one, live on."""
    control.renew_ticket(ticket, timeout)


@main.command()
@click.argument("ticket", required=False)
@click.option("--all", "everything", is_flag=True, help="All tickets.")
@click.pass_obj
def remove(control: Control, ticket: str | None, everything: bool) -> None:
    """Revoke a ticket: its connections end at once, and when this returns nobody writes with it any more."""
    if bool(ticket) == everything:
        raise click.UsageError("Name a ticket, or say --all")
    if ticket:
        control.delete_ticket(ticket)
    else:
        control.remove_all()


@main.command()
@click.pass_obj
def metrics(control: Control) -> None:
    """What the daemon counts, as Prometheus reads it: bytes by the road that they took, tickets, memory."""
    click.echo(control.metrics(), nl=False)
