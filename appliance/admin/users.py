"""The users: names, roles and passwords."""

import functools
import hashlib
import hmac
import secrets
import threading
from typing import Any

import argon2
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.exc import IntegrityError

from appliance import errors
from appliance.admin import models, rights, views
from appliance.admin.ground import Ground

MIN_PASSWORD, MAX_PASSWORD = 8, 1024
MAX_NAME = 64
#: Passwords that are compared at once. Each takes 64 MiB and a processor for a while: a crowd at the login must not take them all.
COMPARED_AT_ONCE = 4
#: A password that was right is remembered this long, in seconds: scripts that send it with each request need not wait for Argon2 each time.
REMEMBERED = 60.0
MAX_REMEMBERED = 1000


class Users:
    """Passwords are stored as Argon2id digests, with the parameters that the library recommends."""

    def __init__(self, ground: Ground):
        self._ground = ground
        self._hasher = argon2.PasswordHasher()
        self._turns = threading.BoundedSemaphore(COMPARED_AT_ONCE)
        # Made anew by each process and never stored: what is remembered can be compared with nothing outside of it.
        self._key = secrets.token_bytes(32)
        self._remembered: dict[bytes, float] = {}

    @functools.cached_property
    def _nobody(self) -> str:
        return self._hasher.hash("nobody has this password")

    def add(self, name: str, password: str, role: str) -> views.User:
        """Raises errors.Invalid (name, role), errors.BadPassword, errors.UserExists."""
        _check_name(name)
        _check_role(role)
        _check_password(password, name)
        user = models.User(name=name, role=role, password_hash=self._hasher.hash(password), created_at=self._ground.clock.now())
        try:
            with self._ground.database.session() as session:
                session.add(user)
                session.flush()
                self._ground.events.record(session, "user-added", f"User {name} was added with the role {role}")
        except IntegrityError:
            raise errors.UserExists(name=name) from None
        return view(user)

    def ensure_admin(self, name: str, password: str) -> bool:
        """Makes the first user, an admin. Does nothing, and returns False, where there already is a user. Raises as `add`."""
        if self.all():
            return False
        self.add(name, password, rights.ADMIN)
        return True

    def all(self) -> tuple[views.User, ...]:
        """By name."""
        with self._ground.database.reading() as session:
            return tuple(view(user) for user in session.scalars(sa.select(models.User).order_by(models.User.name)))

    def get(self, name: str) -> views.User:
        """The user of that name. Raises errors.NotFound."""
        with self._ground.database.reading() as session:
            return view(_find(session, name))

    def set_password(self, name: str, password: str) -> None:
        """Raises errors.NotFound, errors.BadPassword. Ends the user's logins: whoever knew the old password is out."""
        _check_password(password, name)
        digest = self._hasher.hash(password)
        with self._ground.database.session() as session:
            user = _find(session, name)
            user.password_hash = digest
            session.execute(sa.delete(models.Login).where(models.Login.user_id == user.id))
            self._ground.events.record(session, "user-password", f"User {name} has a new password")

    def set_role(self, name: str, role: str) -> views.User:
        """Raises errors.NotFound, errors.Invalid, errors.LastAdmin. Holds from the user's next request on."""
        _check_role(role)
        with self._ground.database.session() as session:
            user = _find(session, name)
            admins = session.scalar(sa.select(sa.func.count()).where(models.User.role == rights.ADMIN))
            if user.role == rights.ADMIN and role != rights.ADMIN and admins == 1:
                raise errors.LastAdmin(name=name)
            user.role = role
            self._ground.events.record(session, "user-role", f"User {name} has the role {role}")
            return view(user)

    def verify(self, name: str, password: str) -> views.User:
        """The user whose name and password these are. Raises errors.WrongPassword, after the same time whether the user exists or not."""
        with self._ground.database.reading() as session:
            user = session.scalar(sa.select(models.User).where(models.User.name == name))
        # An unknown user's password is compared too, and the digest for that made whoever asks first: nothing is told by the time it takes.
        nobody = self._nobody
        try:
            with self._turns:
                self._hasher.verify(user.password_hash if user else nobody, password[:MAX_PASSWORD])
        except (argon2.exceptions.VerifyMismatchError, UnicodeEncodeError):
            raise errors.WrongPassword from None
        if user is None:
            raise errors.WrongPassword
        return view(user)

    def verify_often(self, name: str, password: str) -> views.User:
        """As `verify`, but a password that was right within `REMEMBERED` seconds, and has not been changed since, is known at once."""
        with self._ground.database.reading() as session:
            user = session.scalar(sa.select(models.User).where(models.User.name == name))
        # With the digest in it: a new password ends the memory of the old one.
        text = "\0".join((user.password_hash if user else "", name, password)).encode("utf-8", "surrogatepass")
        proof = hmac.new(self._key, text, hashlib.sha256).digest()
        now = self._ground.clock.steady()
        if user is not None and now - self._remembered.get(proof, -REMEMBERED) < REMEMBERED:
            return view(user)
        found = self.verify(name, password)
        kept = {key: time for key, time in self._remembered.copy().items() if now - time < REMEMBERED}
        self._remembered = {proof: now} if len(kept) >= MAX_REMEMBERED else {**kept, proof: now}
        return found


#: The columns of a `view`.
VIEW = (models.User.id, models.User.name, models.User.role, models.User.created_at)


def view(user: Any) -> views.User:
    """Of a user, or of a row with the columns VIEW."""
    return views.User(id=user.id, name=user.name, role=user.role, created_at=user.created_at)


def _find(session: orm.Session, name: str) -> models.User:
    user = session.scalar(sa.select(models.User).where(models.User.name == name))
    if user is None:
        raise errors.NotFound(what="user")
    return user


def _check_name(name: str) -> None:
    allowed = all(character.isalnum() or character in "._-@+" for character in name)
    if not (name.isascii() and allowed and 0 < len(name) <= MAX_NAME and name[0].isalnum()):
        raise errors.Invalid(
            field="name", reason=f"it must begin with a letter or digit, and have at most {MAX_NAME} of A-Z, a-z, 0-9 and . _ - @ +"
        )


def _check_role(role: str) -> None:
    if role not in rights.ROLES:
        raise errors.Invalid(field="role", reason=f"it must be one of {', '.join(rights.ROLES)}")


def _check_password(password: str, name: str) -> None:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise errors.BadPassword(reason=f"it has {len(password)} characters, and {MIN_PASSWORD} to {MAX_PASSWORD} are needed")
    if password.casefold() == name.casefold():
        raise errors.BadPassword(reason="it is the user's name")
    if len(set(password)) == 1:
        raise errors.BadPassword(reason="it is one character, repeated")
    try:
        password.encode()
    except UnicodeEncodeError:
        raise errors.BadPassword(reason="it is not valid text") from None
