"""`image-appliance token`: API tokens for scripts. Works while the appliance runs."""

import click
import rich.console
import rich.table

from appliance.commands import opening, options


@click.group()
def token() -> None:
    """API tokens for scripts: `Authorization: Bearer TOKEN`."""


@token.command()
@click.option("--user", "user_name", metavar="NAME", required=True, help="Whose token: it may do what this user may.")
@click.option("--days", metavar="N", type=int, help="How long it is valid. Default: the setting token_lifetime.")
@options.state_dir
def add(user_name: str, days: int | None, state_dir) -> None:
    """Make a token and print it alone; it is stored as a hash and cannot be shown again."""
    with opening.books(state_dir) as books:
        click.echo(books.tokens.add(user_name, days))


@token.command("list")
@click.option("--user", "user_name", metavar="NAME", help="Only this user's.")
@options.state_dir
def list_tokens(user_name: str | None, state_dir) -> None:
    """List tokens: ids and dates, not the secrets."""
    with opening.books(state_dir) as books:
        tokens = books.tokens.all(user_name)
    table = rich.table.Table("id", "user", "made", "valid until", box=None)
    for one in tokens:
        table.add_row(one.id, one.user, f"{one.created_at:%Y-%m-%d %H:%M} UTC", f"{one.expires_at:%Y-%m-%d %H:%M} UTC")
    # As wide as it needs: an id that was cut off cannot be revoked.
    rich.console.Console(highlight=False, markup=False, width=140).print(table)


@token.command()
@click.argument("token_id", metavar="ID")
@options.state_dir
def revoke(token_id: str, state_dir) -> None:
    """Revoke the token of that ID (see `token list`), at once."""
    with opening.books(state_dir) as books:
        books.tokens.revoke(token_id)
    click.echo("The token was revoked.")
