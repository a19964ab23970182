"""`image-appliance domain`: the storage domains. The host that one is added on has to answer."""

import click

from appliance.admin import domains, views
from appliance.admin.pipeline import installed
from appliance.commands import opening, tables
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
@opening.with_books
def add(books: opening.Books, name: str, kind: str, host: str, path: str) -> None:
    """Make a directory of a host a storage domain. Other hosts that see it under one of their roots find it by themselves."""
    added = books.domains.add(views.NewDomain(name, kind, host, path))
    click.echo(f"Storage domain {added.name} was added on host {host}: {units.size(added.available)} available.")


@domain.command("list")
@opening.with_books
def list_domains(books: opening.Books) -> None:
    """List storage domains, with their space and the hosts that see them."""
    tables.show(("name", "kind", "status", "available", "images", "hosts", "path"), map(_row, books.domains.all()))


def _row(one: views.Domain) -> tuple[str, ...]:
    hosts = ", ".join(host.name for host in one.hosts)
    return one.name, one.kind, one.status, units.size(one.available), str(one.images), hosts, one.path


@domain.command()
@click.argument("name")
@click.argument("step", nargs=-1)
@click.option("--usual", is_flag=True, help="What is usual, from now on.")
@opening.with_books
def steps(books: opening.Books, name: str, step: tuple[str, ...], usual: bool) -> None:
    """Show what is done with images that are imported into a storage domain; with STEPs in their order, do that from now on."""
    if step and usual:
        raise click.UsageError("Give either steps, or --usual.")
    found = books.domains.arrange(name, step or None) if step or usual else books.domains.get(name)
    click.echo(f"Imports into {found.name} go through: {', '.join(found.steps)}.")
    if others := [other for other in installed.names() if other not in found.steps]:
        click.echo(f"Installed, too: {', '.join(others)}.")


@domain.command()
@click.argument("name")
@opening.with_books
def remove(books: opening.Books, name: str) -> None:
    """Forget a storage domain without images. Its directory stays, and can be added again."""
    books.domains.remove(name)
    click.echo(f"Storage domain {name} was removed.")
