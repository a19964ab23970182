"""`image-appliance host`: the hosts that images are stored on. Works while the appliance runs: it sees changes at its next look."""

import click

from appliance.admin import views
from appliance.commands import opening, tables


@click.group()
def host() -> None:
    """Hosts: add them, take them out of service and back."""


@host.command()
@click.argument("name")
@click.argument("address")
@click.option("--images-port", metavar="N", type=int, default=views.NewHost.images_port, show_default=True, help="Its images service.")
@click.option("--control-port", metavar="N", type=int, default=views.NewHost.control_port, show_default=True, help="Its control service.")
@opening.with_books
def add(books: opening.Books, name: str, address: str, images_port: int, control_port: int) -> None:
    """Add the host that the appliance reaches at ADDRESS (a name or an IP address).

    Prints the command that enrols it, to be run there: its token is good once, for an hour.
    """
    click.echo(books.enrolment.add(views.NewHost(name, address, images_port, control_port)).command)


@host.command()
@click.argument("name")
@opening.with_books
def token(books: opening.Books, name: str) -> None:
    """Print a new command to enrol a host that is there: the one before was lost, or the host is a new machine."""
    click.echo(books.enrolment.invite(name).command)


@host.command("list")
@opening.with_books
def list_hosts(books: opening.Books) -> None:
    """List hosts: how they are, what they see, until when their certificates are valid."""
    columns = "name", "address", "status", "transfers", "storage domains", "certificate until", "reason"
    tables.show(columns, map(_row, books.hosts.all()))


def _row(one: views.Host) -> tuple[str, ...]:
    until = f"{one.certificate_expires_at:%Y-%m-%d}" if one.certificate_expires_at else ""
    return one.name, one.address, one.status, str(one.transfers), ", ".join(one.domains), until, one.reason or ""


@host.command()
@click.argument("name")
@opening.with_books
def remove(books: opening.Books, name: str) -> None:
    """Forget a host. Not while it has transfers, or alone sees a storage domain."""
    books.hosts.remove(name)
    click.echo(f"Host {name} was removed.")


@host.command()
@click.argument("name")
@opening.with_books
def maintenance(books: opening.Books, name: str) -> None:
    """Take a host out of service: no new transfers; running ones go on on other hosts that see their storage, or wait."""
    books.hosts.maintain(name, True)
    click.echo(f"Host {name} is in maintenance.")


@host.command()
@click.argument("name")
@opening.with_books
def activate(books: opening.Books, name: str) -> None:
    """Take a host back into service; what waited for it goes on."""
    books.hosts.maintain(name, False)
    click.echo(f"Host {name} is active.")
