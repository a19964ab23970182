"""Users, logins and tokens."""

import concurrent.futures

import argon2
import pytest
import sqlalchemy as sa

from appliance import config, errors
from appliance.admin import models
from appliance.admin.ground import Ground
from appliance.admin.logins import Logins
from appliance.admin.tokens import Tokens
from appliance.admin.users import Users
from tests.admin.house import PASSWORD, TurnedClock

DAY = 86400


class Desk:
    def __init__(self, database):
        self.clock = TurnedClock()
        self.database = database
        settings = config.Config(login_lifetime=3600, login_attempts=3, login_window=300)
        ground = Ground.on(settings, self.database, self.clock)
        self.events = ground.events
        self.users = Users(ground)
        self.tokens = Tokens(ground)
        self.logins = Logins(ground, self.users)

    def fail(self, name="ann", address="192.0.2.1"):
        with pytest.raises(errors.WrongPassword):
            self.logins.login(name, "wrong password", address)

    def stored(self):
        """Everything in the database, as text."""
        with self.database.engine.connect() as connection:
            return " ".join(str(row) for table in models.Base.metadata.sorted_tables for row in connection.execute(sa.select(table)))


@pytest.fixture
def desk(database):
    return Desk(database)


@pytest.fixture
def ann(desk):
    return desk.users.add("ann", PASSWORD, "uploader")


def test_a_user_is_known_by_name_and_password(desk, ann):
    assert desk.users.verify("ann", PASSWORD) == ann


@pytest.mark.parametrize(
    ("name", "password"), [("ann", "wrong"), ("ann", ""), ("nobody", PASSWORD), ("", ""), ("ann", "\ud800"), ("ann", "x" * 5000)]
)
def test_a_wrong_name_and_a_wrong_password_look_alike(desk, ann, name, password):
    with pytest.raises(errors.WrongPassword, match="The name or the password is wrong"):
        desk.users.verify(name, password)


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 65, "é", "a/b", "a\n"])
def test_a_bad_user_name_is_refused(desk, name):
    with pytest.raises(errors.Invalid, match="name: it must begin"):
        desk.users.add(name, PASSWORD, "viewer")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "5 characters"),
        ("x" * 1025, "1025 characters"),
        ("zzzzzzzzz", "repeated"),
        ("Ann-the-Admin", "user's name"),
        ("\ud800" + "abcdefgh", "text"),
    ],
)
def test_a_bad_password_is_refused(desk, password, reason):
    with pytest.raises(errors.BadPassword, match=reason):
        desk.users.add("ann-the-admin", password, "viewer")


def test_an_unknown_role_is_refused(desk):
    with pytest.raises(errors.Invalid, match="admin, uploader, viewer"):
        desk.users.add("ann", PASSWORD, "root")


def test_a_name_is_given_once(desk, ann):
    with pytest.raises(errors.UserExists):
        desk.users.add("ann", PASSWORD, "viewer")


def test_the_first_user_is_made_once(desk):
    assert desk.users.ensure_admin("admin", PASSWORD)
    assert not desk.users.ensure_admin("other", PASSWORD)
    assert [(user.name, user.role) for user in desk.users.all()] == [("admin", "admin")]


def test_the_last_admin_stays_one(desk):
    desk.users.add("root", PASSWORD, "admin")

    with pytest.raises(errors.LastAdmin):
        desk.users.set_role("root", "viewer")


def test_a_role_is_changed(desk, ann):
    desk.users.set_role("ann", "viewer")

    assert desk.users.get("ann").role == "viewer"


def test_a_new_password_ends_logins(desk, ann):
    secret, _ = desk.logins.login("ann", PASSWORD, "192.0.2.1")

    desk.users.set_password("ann", "another good one")

    assert desk.logins.user(secret) is None
    assert desk.users.verify("ann", "another good one") == ann


@pytest.mark.parametrize(
    "ask", [lambda users: users.get("x"), lambda users: users.set_role("x", "admin"), lambda users: users.set_password("x", PASSWORD)]
)
def test_an_unknown_user_is_not_found(desk, ask):
    with pytest.raises(errors.NotFound, match="no such user"):
        ask(desk.users)


def test_a_login_is_its_users_until_it_ends(desk, ann):
    secret, user = desk.logins.login("ann", PASSWORD, "192.0.2.1")
    assert user == ann and desk.logins.user(secret) == ann

    desk.logins.logout(secret)

    assert desk.logins.user(secret) is None


def test_a_login_expires(desk, ann):
    secret, _ = desk.logins.login("ann", PASSWORD, "192.0.2.1")

    desk.clock.turn(3600)

    assert desk.logins.user(secret) is None
    desk.logins.forget()
    with desk.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(models.Login)) == 0


@pytest.mark.parametrize("secret", ["", "x", "é", "\ud800"])
def test_an_unknown_login_is_nobodys(desk, secret):
    assert desk.logins.user(secret) is None


def test_guessing_is_slowed_down_even_with_the_right_password(desk, ann):
    for _ in range(3):
        desk.fail()

    with pytest.raises(errors.TooManyAttempts) as refused:
        desk.logins.login("ann", PASSWORD, "198.51.100.7")

    assert refused.value.retry_after == 300
    desk.clock.turn(300)
    desk.logins.login("ann", PASSWORD, "198.51.100.7")


def test_an_address_that_tries_many_names_is_slowed_down(desk, ann):
    for name in ("a", "b", "c"):
        desk.fail(name)

    with pytest.raises(errors.TooManyAttempts):
        desk.logins.login("ann", PASSWORD, "192.0.2.1")


def test_ones_own_login_does_not_clear_an_address(desk, ann):
    desk.users.add("mallory", PASSWORD, "viewer")
    desk.fail("a")
    desk.fail("b")
    desk.logins.login("mallory", PASSWORD, "192.0.2.1")
    desk.fail("c")

    with pytest.raises(errors.TooManyAttempts):
        desk.logins.login("ann", PASSWORD, "192.0.2.1")


def test_a_login_clears_the_users_own_mistakes(desk, ann):
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        desk.fail(address=address)
        assert desk.logins.login("ann", PASSWORD, address)


def test_a_failed_login_is_recorded_without_what_was_typed(desk, ann):
    desk.fail("my secret password, in the wrong field")

    assert "192.0.2.1 failed" in desk.events.page().items[0].message
    assert "my secret" not in desk.stored()


def test_a_password_that_comes_with_each_request_is_compared_once_in_a_while(desk, ann, monkeypatch):
    desk.logins.check("ann", PASSWORD, "192.0.2.1")
    compared = []
    monkeypatch.setattr(desk.users, "verify", lambda *words: compared.append(words) or ann)

    desk.logins.check("ann", PASSWORD, "192.0.2.1")
    assert compared == []

    desk.clock.turn(61)
    desk.logins.check("ann", PASSWORD, "192.0.2.1")
    assert compared == [("ann", PASSWORD)]


def test_a_remembered_password_ends_with_a_new_one(desk, ann):
    desk.logins.check("ann", PASSWORD, "192.0.2.1")

    desk.users.set_password("ann", "another good password")

    with pytest.raises(errors.WrongPassword):
        desk.logins.check("ann", PASSWORD, "192.0.2.1")


def test_guessing_with_each_request_is_slowed_down_even_with_a_remembered_password(desk, ann):
    desk.logins.check("ann", PASSWORD, "192.0.2.1")
    for _ in range(3):
        with pytest.raises(errors.WrongPassword):
            desk.logins.check("ann", "wrong password", "192.0.2.9")

    with pytest.raises(errors.TooManyAttempts):
        desk.logins.check("ann", PASSWORD, "192.0.2.1")


def test_many_right_logins_at_once_are_no_failures(desk, ann):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: desk.logins.login("ann", PASSWORD, "192.0.2.1")[1].name, range(8)))

    assert found == ["ann"] * 8


def test_a_token_is_its_users_until_it_is_revoked(desk, ann):
    secret = desk.tokens.add("ann")
    assert secret.startswith("iat_") and desk.tokens.user(secret) == ann

    desk.tokens.revoke(desk.tokens.all("ann")[0].id)

    assert desk.tokens.user(secret) is None


@pytest.mark.parametrize(
    ("role", "scope", "may"),
    [
        ("admin", "viewer", "viewer"),
        ("admin", "uploader", "uploader"),
        ("admin", "admin", "admin"),
        ("uploader", "viewer", "viewer"),
        ("uploader", "admin", "uploader"),
        ("viewer", "admin", "viewer"),
    ],
)
def test_a_token_may_do_no_more_than_its_scope_nor_than_its_user(desk, role, scope, may):
    desk.users.add("eve", "a long enough password", role)
    secret = desk.tokens.add("eve", scope=scope)

    assert desk.tokens.user(secret).role == may
    assert desk.tokens.all("eve")[0].scope == scope


def test_a_scope_is_a_role(desk, ann):
    with pytest.raises(errors.Invalid, match="scope"):
        desk.tokens.add("ann", scope="everything")

    assert desk.tokens.all("ann") == ()


def test_a_token_expires(desk, ann):
    secret = desk.tokens.add("ann", days=2)

    desk.clock.turn(2 * DAY)

    assert desk.tokens.user(secret) is None
    desk.tokens.forget()
    assert desk.tokens.all() == ()


@pytest.mark.parametrize("secret", ["", "iat_", "iat_wrong", "Bearer x", "iat_\ud800"])
def test_an_unknown_token_is_nobodys(desk, ann, secret):
    desk.tokens.add("ann")

    assert desk.tokens.user(secret) is None


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_a_token_lives_for_a_sensible_time(desk, ann, days):
    with pytest.raises(errors.Invalid, match="days"):
        desk.tokens.add("ann", days)


def test_a_token_needs_a_user(desk):
    with pytest.raises(errors.NotFound):
        desk.tokens.add("nobody")


def test_only_its_owner_and_admins_revoke_a_token(desk, ann):
    desk.tokens.add("ann")
    token = desk.tokens.all()[0]

    with pytest.raises(errors.Forbidden, match="role admin"):
        desk.tokens.revoke(token.id, desk.users.add("bob", PASSWORD, "uploader"))
    desk.tokens.revoke(token.id, ann)
    with pytest.raises(errors.NotFound):
        desk.tokens.revoke(token.id, ann)


@pytest.mark.usefixtures("dear_passwords")
def test_a_password_is_stored_as_the_library_recommends(desk, ann):
    with desk.database.reading() as session:
        stored = session.scalar(sa.select(models.User.password_hash))

    assert argon2.extract_parameters(stored) == argon2.profiles.RFC_9106_LOW_MEMORY
    assert desk.users.verify("ann", PASSWORD) == ann


def test_no_secret_is_stored(desk, ann):
    token = desk.tokens.add("ann")
    login, _ = desk.logins.login("ann", PASSWORD, "192.0.2.1")

    stored = desk.stored()

    assert "argon2id" in stored
    assert not [secret for secret in (token, token[4:], login, PASSWORD) if secret in stored]
