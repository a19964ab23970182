"""`image-appliance user`: who may use the appliance. Works while it runs."""

import click

from appliance.admin import rights
from appliance.commands import opening, tables

ROLE = click.Choice(rights.ROLES)


@click.group()
def user() -> None:
    """Users: add them, change passwords and roles.

    A password is asked for; scripts write it to standard input or set IMAGE_APPLIANCE_USER_PASSWORD.
    """


@user.command()
@click.argument("name")
@click.option("--role", type=ROLE, default=rights.VIEWER, show_default=True, help="What the user may do.")
@opening.with_books
def add(books: opening.Books, name: str, role: str) -> None:
    """Add a user.

    An admin may do everything, an uploader manages their own images, a viewer looks and downloads.
    """
    books.users.add(name, opening.new_password(name), role)
    click.echo(f"User {name} was added with the role {role}.")


@user.command()
@click.argument("name")
@opening.with_books
def passwd(books: opening.Books, name: str) -> None:
    """Give a user a new password; their browsers are logged out."""
    books.users.get(name)
    books.users.set_password(name, opening.new_password(name))
    click.echo(f"User {name} has a new password.")


@user.command()
@click.argument("name")
@click.argument("role", type=ROLE)
@opening.with_books
def role(books: opening.Books, name: str, role: str) -> None:
    """Give a user another role, from their next request on."""
    books.users.set_role(name, role)
    click.echo(f"User {name} has the role {role}.")


@user.command("list")
@opening.with_books
def list_users(books: opening.Books) -> None:
    """List all users with their roles."""
    tables.show(("name", "role", "since"), ((one.name, one.role, tables.minute(one.created_at)) for one in books.users.all()))
