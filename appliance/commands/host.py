"""`image-appliance host`: the hosts that images are stored on. Works while the appliance runs: it sees changes at its next look."""

import click
import rich.console
import rich.table

from appliance.admin import views
from appliance.commands import opening, options


@click.group()
def host() -> None:
    """Hosts: add them, take them out of service and back."""


@host.command()
@click.argument("name")
@click.argument("address")
@click.option("--images-port", metavar="N", type=int, default=views.NewHost.images_port, show_default=True, help="Its images service.")
@click.option("--control-port", metavar="N", type=int, default=views.NewHost.control_port, show_default=True, help="Its control service.")
@options.state_dir
def add(name: str, address: str, images_port: int, control_port: int, state_dir) -> None:
    """Add the host that the appliance reaches at ADDRESS (a name or an IP address).

    Prints the command that enrols it, to be run there: its token is good once, for an hour.
    """
    with opening.books(state_dir) as books:
        click.echo(books.enrolment.add(views.NewHost(name, address, images_port, control_port)).command)


@host.command()
@click.argument("name")
@options.state_dir
def token(name: str, state_dir) -> None:
    """Print a new command to enrol a host that is there: the one before was lost, or the host is a new machine."""
    with opening.books(state_dir) as books:
        click.echo(books.enrolment.invite(name).command)


@host.command("list")
@options.state_dir
def list_hosts(state_dir) -> None:
    """List hosts: how they are, what they see, until when their certificates are valid."""
    with opening.books(state_dir) as books:
        hosts = books.hosts.all()
    table = rich.table.Table("name", "address", "status", "transfers", "storage domains", "certificate until", "reason", box=None)
    for one in hosts:
        until = f"{one.certificate_expires_at:%Y-%m-%d}" if one.certificate_expires_at else ""
        table.add_row(one.name, one.address, one.status, str(one.transfers), ", ".join(one.domains), until, one.reason or "")
    # As wide as it needs: a name that was cut in two is not one that can be typed.
    rich.console.Console(highlight=False, markup=False, width=200).print(table)


@host.command()
@click.argument("name")
@options.state_dir
def remove(name: str, state_dir) -> None:
    """Forget a host. Not while it has transfers, or alone sees a storage domain."""
    with opening.books(state_dir) as books:
        books.hosts.remove(name)
    click.echo(f"Host {name} was removed.")


@host.command()
@click.argument("name")
@options.state_dir
def maintenance(name: str, state_dir) -> None:
    """Take a host out of service: no new transfers; running ones go on on other hosts that see their storage, or wait."""
    with opening.books(state_dir) as books:
        books.hosts.maintain(name, True)
    click.echo(f"Host {name} is in maintenance.")


@host.command()
@click.argument("name")
@options.state_dir
def activate(name: str, state_dir) -> None:
    """Take a host back into service; what waited for it goes on."""
    with opening.books(state_dir) as books:
        books.hosts.maintain(name, False)
    click.echo(f"Host {name} is active.")
