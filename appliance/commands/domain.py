"""`image-appliance domain`: the storage domains. The host that one is added on has to answer."""

import click
import rich.console
import rich.table

from appliance.admin import domains, views
from appliance.commands import opening, options
from imaged import units


@click.group()
def domain() -> None:
    """Storage domains: directories of hosts, with images in them."""


@domain.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(domains.KINDS), default="data", show_default=True, help="data for disks, iso for ISOs alone.")
@click.option("--host", metavar="HOST", required=True, help="The host that it lies on, or one of those that see it.")
@click.option(
    "--path", metavar="PATH", required=True, help="Its directory there: one of imaged's roots, or directly in one; made if missing."
)
@options.state_dir
def add(name: str, kind: str, host: str, path: str, state_dir) -> None:
    """Make a directory of a host a storage domain. Other hosts that see it under one of their roots find it by themselves."""
    with opening.books(state_dir) as books:
        added = books.domains.add(views.NewDomain(name, kind, host, path))
    click.echo(f"Storage domain {added.name} was added on host {host}: {units.size(added.available)} available.")


@domain.command("list")
@options.state_dir
def list_domains(state_dir) -> None:
    """List storage domains, with their space and the hosts that see them."""
    with opening.books(state_dir) as books:
        found = books.domains.all()
    table = rich.table.Table("name", "kind", "status", "available", "images", "hosts", "path", box=None)
    for one in found:
        hosts = ", ".join(host.name for host in one.hosts)
        table.add_row(one.name, one.kind, one.status, units.size(one.available), str(one.images), hosts, one.path)
    rich.console.Console(highlight=False, markup=False, width=200).print(table)


@domain.command()
@click.argument("name")
@options.state_dir
def remove(name: str, state_dir) -> None:
    """Forget a storage domain without images. Its directory stays, and can be added again."""
    with opening.books(state_dir) as books:
        books.domains.remove(name)
    click.echo(f"Storage domain {name} was removed.")
