"""`image-appliance token`: API tokens for scripts. Works while the appliance runs."""

import click

from appliance.admin import rights, views
from appliance.commands import opening, tables


@click.group()
def token() -> None:
    """API tokens for scripts: `Authorization: Bearer TOKEN`."""


@token.command()
@click.option("--user", "user_name", metavar="NAME", required=True, help="Whose token: it may do what this user may, or less.")
@click.option("--days", metavar="N", type=int, help="How long it is valid. Default: the setting token_lifetime.")
@click.option("--scope", type=click.Choice(rights.ROLES), help="What it may do at most: what this role may. Default: what its user may.")
@opening.with_books
def add(books: opening.Books, user_name: str, days: int | None, scope: str | None) -> None:
    """Make a token and print it alone; it is stored as a hash and cannot be shown again."""
    click.echo(books.tokens.add(user_name, days, scope))


@token.command("list")
@click.option("--user", "user_name", metavar="NAME", help="Only this user's.")
@opening.with_books
def list_tokens(books: opening.Books, user_name: str | None) -> None:
    """List tokens: ids and dates, not the secrets."""
    tables.show(("id", "user", "scope", "made", "valid until"), map(_row, books.tokens.all(user_name)))


def _row(one: views.Token) -> tuple[str, ...]:
    return one.id, one.user, one.scope or "the user's", tables.minute(one.created_at), tables.minute(one.expires_at)


@token.command()
@click.argument("token_id", metavar="ID")
@opening.with_books
def revoke(books: opening.Books, token_id: str) -> None:
    """Revoke the token of that ID (see `token list`), at once."""
    books.tokens.revoke(token_id)
    click.echo("The token was revoked.")
