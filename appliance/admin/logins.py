"""Browsers that are logged in, and how often a password may be tried."""

import collections
import datetime
import math
import secrets
import threading
from collections.abc import Callable

import sqlalchemy as sa

from appliance import errors
from appliance.admin import digests, events, models, users, views
from appliance.admin.clock import Clock
from appliance.admin.ground import Ground

#: Names and addresses whose failures are remembered; the oldest are forgotten first.
MAX_REMEMBERED = 10_000
#: Locks that the names share.
TURNS = 64

#: Whose login it is, and until when.
OWNER = sa.select(*users.VIEW, models.Login.expires_at).join(models.Login.user).where(models.Login.digest == sa.bindparam("digest"))


class Logins:
    """After `login_attempts` failures within the `login_window` a name, or an address, has to wait."""

    def __init__(self, ground: Ground, users: users.Users):
        self._ground = ground
        self._users = users
        self._throttle = Throttle(ground.clock, ground.config.login_attempts, ground.config.login_window)
        self._turns = tuple(threading.Lock() for _ in range(TURNS))

    def login(self, name: str, password: str, address: str) -> tuple[str, views.User]:
        """The secret of a new login, for the browser's cookie, and its user. Raises errors.WrongPassword, errors.TooManyAttempts."""
        user = self._verified(self._users.verify, name, password, address)
        secret = secrets.token_urlsafe(32)
        now = self._ground.clock.now()
        expires = now + datetime.timedelta(seconds=self._ground.config.login_lifetime)
        with self._ground.database.session() as session:
            session.add(models.Login(digest=digests.of(secret), user_id=user.id, created_at=now, expires_at=expires))
            self._ground.events.record(session, "login", f"{user.name} logged in from {address}", user=user)
        return secret, user

    def check(self, name: str, password: str, address: str) -> views.User:
        """The user, for a request that brings name and password with it: no login is made. Raises as `login`."""
        return self._verified(self._users.verify_often, name, password, address)

    def _verified(self, verify: Callable[[str, str], views.User], name: str, password: str, address: str) -> views.User:
        keys = (f"user {name[:256]}", f"address {address}")
        # One of a name at a time: an attempt counts as failed until it has succeeded, and a script's ten connections are not ten failures.
        with self._turns[hash(name) % TURNS]:
            self._throttle.attempt(keys)
            try:
                user = verify(name, password)
            except errors.WrongPassword:
                # What was typed as a name may be a password: it is not recorded.
                with self._ground.database.session() as session:
                    self._ground.events.record(session, "login-failed", f"A login from {address} failed", severity=events.WARNING)
                raise
            self._throttle.succeeded(keys)
            return user

    def user(self, secret: str) -> views.User | None:
        """The user whose login this is; None for one that is unknown, ended or expired."""
        found = self._ground.database.row(OWNER, digest=digests.of(secret))
        return users.view(found) if found and found.expires_at > self._ground.clock.now() else None

    def logout(self, secret: str) -> None:
        """Ends the login. Does nothing if there is none."""
        with self._ground.database.session() as session:
            session.execute(sa.delete(models.Login).where(models.Login.digest == digests.of(secret)))

    def forget(self) -> None:
        """Removes expired logins."""
        with self._ground.database.session() as session:
            session.execute(sa.delete(models.Login).where(models.Login.expires_at <= self._ground.clock.now()))


class Throttle:
    """Counts failed attempts in memory. Thread-safe."""

    def __init__(self, clock: Clock, attempts: int, window: float):
        self._clock = clock
        self._attempts = attempts
        self._window = window
        self._lock = threading.Lock()
        self._times: collections.OrderedDict[str, list[float]] = collections.OrderedDict()

    def attempt(self, keys: tuple[str, ...]) -> None:
        """Counts one attempt under each key, as failed until `succeeded` says otherwise: many at once are counted before any has an answer.

        Raises errors.TooManyAttempts, and then counts nothing.
        """
        now = self._clock.steady()
        with self._lock:
            recent = {key: [time for time in self._times.get(key, ()) if time > now - self._window] for key in keys}
            waits = [times[-self._attempts] + self._window - now for times in recent.values() if len(times) >= self._attempts]
            if waits:
                raise errors.TooManyAttempts(max(1, math.ceil(max(waits))))
            for key, times in recent.items():
                self._times[key] = [*times, now]
                self._times.move_to_end(key)
            while len(self._times) > MAX_REMEMBERED:
                self._times.popitem(last=False)

    def succeeded(self, keys: tuple[str, ...]) -> None:
        """Forgets the name's failures, and this one attempt of the address: an attacker's own login does not clear the others."""
        name, *others = keys
        with self._lock:
            self._times.pop(name, None)
            for key in others:
                if self._times.get(key):
                    self._times[key].pop()
