"""`image-appliance user`: who may use the appliance. Works while it runs."""

import click
import rich.console
import rich.table

from appliance.admin import rights
from appliance.commands import opening, options

ROLE = click.Choice(rights.ROLES)


@click.group()
def user() -> None:
    """Users: add them, change passwords and roles.

    A password is asked for; scripts write it to standard input or set IMAGE_APPLIANCE_USER_PASSWORD.
    """


@user.command()
@click.argument("name")
@click.option("--role", type=ROLE, default=rights.VIEWER, show_default=True, help="What the user may do.")
@options.state_dir
def add(name: str, role: str, state_dir) -> None:
    """Add a user.

    An admin may do everything, an uploader manages their own images, a viewer looks and downloads.
    """
    with opening.books(state_dir) as books:
        books.users.add(name, opening.new_password(name), role)
    click.echo(f"User {name} was added with the role {role}.")


@user.command()
@click.argument("name")
@options.state_dir
def passwd(name: str, state_dir) -> None:
    """Give a user a new password; their browsers are logged out."""
    with opening.books(state_dir) as books:
        books.users.get(name)
        books.users.set_password(name, opening.new_password(name))
    click.echo(f"User {name} has a new password.")


@user.command()
@click.argument("name")
@click.argument("role", type=ROLE)
@options.state_dir
def role(name: str, role: str, state_dir) -> None:
    """Give a user another role, from their next request on."""
    with opening.books(state_dir) as books:
        books.users.set_role(name, role)
    click.echo(f"User {name} has the role {role}.")


@user.command("list")
@options.state_dir
def list_users(state_dir) -> None:
    """List all users with their roles."""
    with opening.books(state_dir) as books:
        users = books.users.all()
    table = rich.table.Table("name", "role", "since", box=None)
    for one in users:
        table.add_row(one.name, one.role, f"{one.created_at:%Y-%m-%d %H:%M} UTC")
    # As wide as it needs: a name that was cut in two is not one that can be typed.
    rich.console.Console(highlight=False, markup=False, width=140).print(table)
