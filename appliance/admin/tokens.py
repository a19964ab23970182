"""API tokens: long random secrets for scripts, shown once and stored as digests."""

import datetime
import secrets

import sqlalchemy as sa

from appliance import errors
from appliance.admin import admission, digests, models, rights, users, views
from appliance.admin.ground import Ground

#: Lets people, and scanners for leaked secrets, recognise one.
PREFIX = "iat_"

#: Whose it is, until when, and with what bounds.
OWNER = (
    sa.select(*users.VIEW, models.Token.expires_at, models.Token.scope)
    .join(models.Token.user)
    .where(models.Token.digest == sa.bindparam("digest"))
)


class Tokens:
    def __init__(self, ground: Ground):
        self._ground = ground

    def add(self, user_name: str, days: int | None = None, scope: str | None = None) -> str:
        """A new token of the user, which is shown now and never again.

        `scope`: a role, beyond which it may do nothing, whatever its user may. Raises errors.NotFound, errors.Invalid.
        """
        days = self._ground.config.token_lifetime if days is None else days
        if not 1 <= days <= 3650:
            raise errors.Invalid(field="days", reason="it must be a number from 1 to 3650")
        if scope is not None:
            admission.one_of("scope", scope, rights.ROLES)
        secret = PREFIX + secrets.token_urlsafe(32)
        now = self._ground.clock.now()
        with self._ground.database.session() as session:
            user = session.scalar(sa.select(models.User).where(models.User.name == user_name))
            if user is None:
                raise errors.NotFound(what="user")
            expires = now + datetime.timedelta(days=days)
            session.add(models.Token(user_id=user.id, digest=digests.of(secret), scope=scope, created_at=now, expires_at=expires))
            bounds = f", and may do what the role {scope} may" if scope else ""
            message = f"An API token of user {user_name} was made; it is valid for {days} days{bounds}"
            self._ground.events.record(session, "token-added", message)
        return secret

    def user(self, secret: str) -> views.User | None:
        """The user whose token this is; None for one that is unknown, revoked or expired."""
        if not secret.startswith(PREFIX):
            return None
        # Looked up by its digest: how long that takes tells nothing of any token.
        found = self._ground.database.row(OWNER, digest=digests.of(secret))
        if found is None or found.expires_at <= self._ground.clock.now():
            return None
        return rights.within(users.view(found), found.scope)

    def all(self, user_name: str | None = None) -> tuple[views.Token, ...]:
        """All tokens, or one user's, newest first; without the secrets."""
        query = sa.select(models.Token).join(models.Token.user).order_by(models.Token.created_at.desc(), models.Token.id)
        if user_name is not None:
            query = query.where(models.User.name == user_name)
        with self._ground.database.reading() as session:
            return tuple(_view(token) for token in session.scalars(query))

    def revoke(self, token_id: str, user: views.User | None = None) -> None:
        """From now on it is refused. `user` must own it or be admin; None is the system's administrator.

        Raises errors.NotFound, errors.Forbidden.
        """
        with self._ground.database.session() as session:
            token = session.get(models.Token, token_id)
            if token is None:
                raise errors.NotFound(what="API token")
            if user is not None and user.id != token.user_id and user.role != rights.ADMIN:
                raise errors.Forbidden(role=user.role, action="revoke another user's token: that takes the role admin")
            session.delete(token)
            self._ground.events.record(session, "token-revoked", f"An API token of user {token.user.name} was revoked", user=user)

    def forget(self) -> None:
        """Removes expired tokens."""
        with self._ground.database.session() as session:
            session.execute(sa.delete(models.Token).where(models.Token.expires_at <= self._ground.clock.now()))


def _view(token: models.Token) -> views.Token:
    return views.Token(id=token.id, user=token.user.name, scope=token.scope, created_at=token.created_at, expires_at=token.expires_at)
